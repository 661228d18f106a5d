"""The bodies of a drill's nodes: blocking, safe to run again, and nothing decided that is not in the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drill.engine.attempt import Result, StepRunner
from drill.engine.canary_found import find_canary
from drill.engine.conduct import Part
from drill.engine.dead_man import OUTAGE
from drill.engine.gate import GateKeeper, untouched
from drill.engine.hands import Hands
from drill.engine.helm import Helm
from drill.engine.last_look import LastLook
from drill.engine.notify import Notifier
from drill.engine.people import People
from drill.engine.preflight import Preflight
from drill.engine.preflight_messages import MessageChecks
from drill.engine.record import Recorder
from drill.engine.result_words import result_words
from drill.engine.second_look import SecondLook
from drill.engine.trips import Office
from drill.engine.undo import Undoer
from drill.model.channel_order import Outcome
from drill.model.errors import PreflightFailed
from drill.model.events import Fact, Kind
from drill.model.plan import Gate, Plan, PlannedPhase, PlannedStep
from drill.model.ports import Artifacts, Auditor, GuardRunner, Messenger, Secrets, World
from drill.model.report import Report
from drill.model.verdict import finished_code
from drill.steps.base import Step

_HOLD_POLL_S = 0.1
_ASKED: Mapping[str, str] = {"en": "a step needs your decision", "zh": "有步骤需要您决定"}
_ASKED_WAYS = "retry, skip, abort"


@dataclass(frozen=True)
class Hooks:
    """What the composition root does for the engine at the turning points of a drill."""

    start_observer: Callable[[], None]
    """Returns when samples are being taken."""
    stop_observer: Callable[[], None]
    """Returns when every sample taken is written."""
    canary_ranges: Callable[[str, int], Sequence[tuple[int, int]]]
    """Which canary rows a site holds, up to a row number; without a site, the database that the canary writes to."""
    arm_dead_man: Callable[[], None]
    """Start the watch that ends the outage when this engine is gone; returns at once."""
    warm: Callable[[], None]
    """Load and connect what is slow to start, before any clock runs."""
    publish: Callable[[], Report]
    """Write the report from the journal as it is now."""
    place: str = ""
    """Where people find the report."""
    await_dead_man: Callable[[], None] = lambda: None
    """Returns when that watch stands; raises PreflightFailed when it cannot be had."""
    hear_out: Callable[[], None] = lambda: None
    """Returns when samples that were taken elsewhere before the verdict have come, or will not."""
    unheard: Callable[[], list[str]] = list
    """Of places elsewhere whose users count, and that send no samples now, a sentence each."""
    behind: Callable[[], bool] = lambda: False
    """Whether answers that were given while no engine ran may still wait unread."""


@dataclass(frozen=True)
class Kit:
    """Everything one drill works with."""

    plan: Plan
    kinds: Mapping[str, Step[Any]]
    world: World
    recorder: Recorder
    artifacts: Artifacts
    secrets: Secrets
    people: People
    messengers: Mapping[str, Messenger]
    hooks: Hooks
    guards: GuardRunner | None = None
    """Looks at the guards that are no probes; only a plan without such guards needs none."""
    past: Sequence[Outcome] = ()
    """What became of the messages of earlier drills, oldest first."""
    auditor: Auditor | None = None
    """Knows what the provider's audit says of the plan's texts; nothing where no provider audits them."""
    office: Office = field(default_factory=Office)
    """How texts leave: at once, unless it has lanes."""


class DrillCrew:
    """Does the work of one drill."""

    def __init__(self, kit: Kit) -> None:
        self._plan = kit.plan
        self._kinds = kit.kinds
        self._world = kit.world
        self._recorder = kit.recorder
        self._hooks = kit.hooks
        self._runner = StepRunner(
            kit.plan,
            kinds=kit.kinds,
            world=kit.world,
            recorder=kit.recorder,
            artifacts=kit.artifacts,
            tell_asked=self._tell_asked,
        )
        self._undoer = Undoer(self._runner)
        self._helm = Helm(self._runner)
        self._last_look = LastLook(self._runner, unheard=kit.hooks.unheard)
        self._second_look = SecondLook(self._runner)
        self.notifier = Notifier(kit.recorder, kit.people, kit.messengers, past=kit.past, office=kit.office)
        self._gates = GateKeeper(kit.recorder, self.notifier, checks=self._all_steady, behind=kit.hooks.behind)
        self._hands = Hands(self._runner, self._gates)
        looks = MessageChecks(kit.plan, kit.people, kit.messengers, kit.office, self.notifier, kit.recorder.clock)
        self._preflight = Preflight(
            self._runner, secrets=kit.secrets, guards=kit.guards, auditor=kit.auditor, quotas=looks.quotas, trial=looks.trial
        )
        self.settled = threading.Event()
        """Set when the drill has ended or holds, and all of it is written and sent."""

    def _all_steady(self) -> bool:
        return all(self._world.probes.ask(probe).ok for probe in self._plan.steady_state)

    # ------------------------------------------------------------ before

    def preflight(self) -> Result:
        if self._recorder.look(lambda progress: progress.started):
            # another life of a drill that has touched the ground: it is not firm, and that is the point
            return {"status": "ok", "failed": []}
        failed = [check for check in self._preflight.run() if not check.ok]
        return {"status": "failed" if failed else "ok", "failed": [f"{check.name}: {check.detail} {check.fix}".strip() for check in failed]}

    def refuse(self) -> Result:
        return self._end("refused", 3, left=[])

    def begin(self) -> Result:
        try:
            self._hooks.arm_dead_man()
            self._hooks.start_observer()
            self._hooks.warm()
            self._hooks.await_dead_man()
        except PreflightFailed as error:  # nobody would measure, or nobody end the outage: nothing was touched yet
            why = {"detail": error.what, "fix": error.fix, "code": error.code}
            self._recorder.say(Kind.PREFLIGHT_CHECKED, f"preflight/{error.code}", check="watchers", ok=False, **why)
            return {"status": "failed", "failed": [str(error)]}
        self._recorder.say(Kind.DRILL_STARTED, "started")
        return {"status": "ok"}

    # ------------------------------------------------------------ while it plays

    def run_step(self, step: PlannedStep) -> Result:
        if self._behind(step.phase):
            return {"status": "stopped"}
        self._open(step.phase)
        if OUTAGE in self._kinds[step.kind].marks and not self._stands_watch(step):
            return {"status": "stopped"}
        return self._hands.run(step)

    def _stands_watch(self, step: PlannedStep) -> bool:
        """Whether the dead man stands watch before an outage, and all measure; else the drill is aborted."""
        if self._recorder.look(lambda progress: bool(progress.abort) or progress.step(step.id).undo is not None):
            return True  # it does nothing more, or goes on with an outage that is made already
        try:
            self._hooks.await_dead_man()
        except PreflightFailed as error:
            reason = str(error)
        else:
            reason = "; ".join(self._hooks.unheard())
        if reason:
            self._recorder.say(Kind.ABORT_REQUESTED, f"abort/dead-man/{step.id}", reason=reason, channel="engine", step=step.id)
        return not reason

    def _tell_asked(self, planned: PlannedStep, number: int) -> None:
        title = self._plan.phase(planned.phase).title
        words = {
            language: {"phase": getattr(title, language), "reason": _ASKED[language], "ways": _ASKED_WAYS} for language in ("en", "zh")
        }
        self.notifier.announce("hold", f"step/{planned.id}/{number}", words)

    def hold_gate(self, gate: Gate) -> Result:
        if self._behind(gate.phases[0]):
            return {"status": "stopped"}
        if gate.at == "before":
            self._open(gate.phases[0])
        ended = self._gates.hold(gate)
        return self._look_again(gate) if ended["status"] == "ok" and self._recorder.look(untouched) else ended

    def _look_again(self, gate: Gate) -> Result:
        """A yes counts for the ground as it was; people may have taken minutes, so it is looked at once more before it is touched."""
        trouble = self._last_look.trouble()
        after = f"ground after {gate.id}"
        fix = "Repair it, then start the drill anew." if trouble else ""
        detail = "; ".join(trouble) or "still firm"
        self._recorder.say(Kind.PREFLIGHT_CHECKED, f"preflight/{after}", check=after, ok=not trouble, detail=detail, fix=fix)
        if not trouble:
            return {"status": "ok"}
        reason = f"the ground is no longer firm after {gate.id}: {detail}"
        self._recorder.say(Kind.ABORT_REQUESTED, f"abort/ground/{gate.id}", reason=reason, channel="engine")
        return {"status": "stopped"}

    def _open(self, phase: str) -> None:
        if self._recorder.look(lambda progress: phase not in progress.phases and not progress.abort, fresh=False):
            self._recorder.say(Kind.PHASE_OPENED, f"{phase}/opened", phase=phase)

    def _behind(self, phase: str) -> bool:
        """Whether the drill has turned home and the phase belongs to the way out: another life must not go there again."""
        home = self._recorder.look(lambda progress: progress.failback or progress.decision == "failback", fresh=False)
        return home and any(each.id == phase for each in self._plan.phases)

    def tell(self, phase: PlannedPhase) -> Result:
        opened = self._recorder.journal.find(self._recorder.drill, f"{phase.id}/opened")
        self.notifier.tell(phase, took_s=self._since_s(opened) if opened else 0.0)
        return {"status": "ok"}

    def _since_s(self, fact: Fact) -> float:
        """Seconds since a fact: monotonic within one boot, also when another engine wrote it; by wall time otherwise."""
        clock = self._recorder.clock
        if fact.epoch.partition("-")[0] == clock.epoch.partition("-")[0]:
            return clock.mono_s() - fact.mono_s
        return (clock.now() - fact.at).total_seconds()

    def close_phase(self, phase: PlannedPhase, *, ok: bool) -> Result:
        if not self._behind(phase.id) and self._recorder.look(lambda progress: phase.id in progress.phases):
            turn = self._recorder.look(lambda progress: progress.decisions)
            state = "succeeded" if ok else "failed"
            self._recorder.say(Kind.PHASE_CLOSED, f"{phase.id}/closed/{turn}", phase=phase.id, state=state)
        return {"status": "ok"}

    # ------------------------------------------------------------ what next

    def decide(self, part: Part) -> Result:
        return {"status": "ok", "next": self._helm.course(part)}

    def hold(self, part: Part, turn: int) -> Result:
        self._helm.stand_still(part)
        if self._recorder.look(lambda progress: progress.held):
            self._hooks.publish()
            number = self._recorder.look(lambda progress: progress.holds)
            self.notifier.announce("hold", str(number), {language: self._helm.words(language) for language in ("en", "zh")})
            self.notifier.empty()
            self.settled.set()
        while self._recorder.look(lambda progress: progress.held and not progress.ground_gone):
            self._recorder.clock.sleep(_HOLD_POLL_S)
        self.settled.clear()
        return {"status": "ok", "verb": self._helm.chosen(part)}

    # ------------------------------------------------------------ the way back

    def undo(self) -> Result:
        gone = self._recorder.look(lambda progress: progress.ground_gone)
        return {"status": "ok", "left": [] if gone else self._undoer.undo_all()}

    def begin_failback(self) -> Result:
        find_canary(self._plan, self._recorder, self._hooks.canary_ranges)
        self._hooks.publish()
        self._recorder.say(Kind.FAILBACK_STARTED, "failback")
        return {"status": "ok"}

    # ------------------------------------------------------------ the end

    def finish(self) -> Result:
        if self._recorder.look(lambda progress: progress.ground_gone):
            return self._end("aborted", 4, left=[], reason="its ground is gone", ground_gone=True)
        left = self._second_look.left()
        abort, undone = self._recorder.look(lambda progress: (progress.abort, not progress.failback))
        if undone:
            declined = self._recorder.look(lambda progress: any(gate.state == "declined" for gate in progress.gates.values()))
            return self._end("declined" if declined else "aborted", 5 if left else 4, left=left, reason=abort)
        self._hooks.hear_out()
        report = self._hooks.publish()
        return self._end("finished", finished_code(report, self._plan.objectives, left), left=left)

    def _end(self, outcome: str, exit_code: int, *, left: Sequence[str], reason: str = "", ground_gone: bool = False) -> Result:
        self._hooks.stop_observer()
        for number, what in enumerate(left):
            self._recorder.say(
                Kind.FINDING_RAISED, f"finding/left/{number}", code="D500", what=what, fix="A person must do it.", severity="error"
            )
        end: dict[str, Any] = {"outcome": outcome, "exit_code": exit_code, "left": list(left), "reason": reason}
        if ground_gone:
            end["ground_gone"] = True
        ended = self._recorder.say(Kind.DRILL_FINISHED, "finished", **end)
        report = self._hooks.publish()
        if outcome != "refused" and not ground_gone:  # the sandbox's carrier went with it: nobody can be reached
            words = {language: result_words(report, language) for language in ("en", "zh")}
            self.notifier.announce("result", "end", words, place=self._hooks.place)
            self.notifier.empty()
            self._hooks.publish()
        self.settled.set()
        return {"status": "ok", "exit_code": ended.data["exit_code"]}
