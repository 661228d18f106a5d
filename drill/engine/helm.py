"""Which way a drill goes when a part has ended: home by failback, back by the undos, or nowhere until a person chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drill.engine.attempt import StepRunner
from drill.engine.conduct import Part
from drill.model.errors import StepError
from drill.model.events import Kind
from drill.model.plan import PlannedStep
from drill.model.progress import Progress
from drill.model.ways import short_ways, ways_on

_REASONS: Mapping[str, Mapping[str, str]] = {
    "cli": {"en": "somebody asked to stop", "zh": "有人要求停止"},
    "guard": {"en": "a guard broke", "zh": "安全条件不再成立"},
    "silence": {"en": "nobody answered in time", "zh": "无人按时答复"},
    "ground": {"en": "its ground is gone", "zh": "演练环境已不存在"},
    "engine": {"en": "a step failed", "zh": "有步骤未成功"},
}


class Helm:
    """Steers one drill, from its journal and from what can be seen of its promotions."""

    def __init__(self, runner: StepRunner) -> None:
        self._plan = runner.plan
        self._runner = runner
        self._recorder = runner.recorder

    def course(self, part: Part) -> str:
        """What comes when a part has ended: `failback`, `end`, `undo` or `hold`."""
        self._hold_people_to_what_is_seen()

        def choose(progress: Progress) -> str:
            if progress.ground_gone:
                return "undo"
            if not progress.abort:
                return "failback" if part == "drill" else "end"
            stays = part == "failback" or progress.no_return or progress.hold_wanted
            return "hold" if stays and not progress.taken_back else "undo"

        decided = part == "drill" and self._recorder.look(lambda progress: not progress.abort and progress.decision == "failback")
        return self._way_home() if decided else self._recorder.look(choose)

    def chosen(self, part: Part) -> str:
        """The way on that a person chose, once the hold is lifted."""
        verb, gone = self._recorder.look(lambda progress: (progress.decision, progress.ground_gone))
        if gone:
            return "undo"
        return self._way_home() if part == "drill" and verb == "failback" else verb

    def stand_still(self, part: Part) -> None:
        """Write down that the drill holds, unless it does already or is to be taken back."""
        if not self._recorder.look(lambda progress: bool(progress.abort) and not progress.held and not progress.taken_back):
            return
        number, reason, undos = self._recorder.look(lambda progress: (progress.holds + 1, progress.abort, progress.undos()))
        back = self._recorder.look(
            lambda progress: {step.params.get("of") for step in self._plan.steps() if progress.step(step.id).state == "succeeded"}
        )
        left = [f"{step} ({_way(undo)})" for step, undo in undos if step not in back]
        self._recorder.say(Kind.DRILL_HELD, f"held/{number}", reason=reason, left=left, part=part)

    def words(self, language: str) -> Mapping[str, str]:
        """What a text about the hold says, by the names in its template. `language` is `en` or `zh`."""
        opened, channel = self._recorder.look(lambda progress: (list(progress.phases), progress.abort_by))
        phase = self._plan.phase(opened[-1]) if opened else self._plan.phases[0]
        ways = self._recorder.look(lambda progress: ways_on(progress, self._recorder.drill))
        reason = _REASONS.get(channel, _REASONS["cli"])[language]
        return {"phase": getattr(phase.title, language), "reason": reason, "ways": short_ways(ways)}

    def _way_home(self) -> str:
        """By failback, or by the undos when each promote that may have changed something can be seen not to have come about."""
        for step in (step for step in self._plan.steps() if step.no_return):
            state, acted = self._recorder.look(lambda progress: (progress.step(step.id).state, progress.crossed.get(step.id)))  # noqa: B023 - called at once
            if state == "succeeded" or (acted and self._comes_to_nothing(step) is not False):
                return "failback"  # also when it cannot be told: what was promoted must go home, and to what was not it does no harm
        return "undo"

    def _comes_to_nothing(self, step: PlannedStep) -> bool | None:
        """Whether running the step now would change nothing, so that it had worked; nothing when that cannot be seen."""
        try:
            return not self._runner.kinds[step.kind].preview(self._runner.resolve(step), self._runner.world)
        except StepError:
            return None

    def _hold_people_to_what_is_seen(self) -> None:
        """A person may say that nothing was promoted, but not against what can be seen: then it was, and is written down as such."""
        for step_id, tries in self._recorder.look(lambda progress: dict(progress.denied)).items():
            step = self._plan.step(step_id)
            if not tries or self._comes_to_nothing(step) is not True:
                continue
            what = f"{step_id} was said to have changed nothing, but it can be seen to have worked."
            fix = "It goes home by failback."
            self._recorder.say(Kind.FINDING_RAISED, f"finding/denied/{step_id}", code="D523", what=what, fix=fix, severity="error")
            number = max(tries)
            where: dict[str, Any] = {"phase": step.phase, "step": step_id, "attempt": number}
            self._recorder.say(Kind.STEP_SUCCEEDED, f"{step_id}/{number}/succeeded", outputs={}, read_back=True, **where)


def _way(undo: Mapping[str, Any]) -> str:
    """How an effect is taken back, in a word."""
    return str(undo.get("undo") or ("the earlier answer" if "before" in undo else "by hand"))
