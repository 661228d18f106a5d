"""A night with an engine that falls silent, and the dead man who watches over its drill."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from drill.adapters.journal_memory import MemoryJournal
from drill.engine.attempt import StepRunner
from drill.engine.dead_man import DeadMan
from drill.engine.record import Recorder
from drill.engine.undo import Undoer
from drill.model.events import Fact, Kind
from drill.model.plan import Limits, Plan, PlannedStep
from drill.steps.base import Params, Step
from tests.engine.drilling import DRILL, ScriptedParams, ScriptedStep, StageClock, phase_of, plan_of, step_of
from tests.fakes import FakeArtifacts, FakeGround, fake_world

LIMIT_S = 60.0


def _step(step_id: str, kind: str, **fields: Any) -> PlannedStep:
    return step_of(step_id, value="x", **fields).model_copy(update={"kind": kind, "params": {"site": "primary"}})


class SiteParams(ScriptedParams):
    """What the steps of this plan may be given."""

    site: str = ""
    of: str = ""


class SiteStep(ScriptedStep):
    """A scripted step that may be given a site."""

    params: ClassVar[type[Params]] = SiteParams

    def __init__(self, *marks: str) -> None:
        super().__init__()
        vars(self)["marks"] = frozenset(marks)  # one class plays several kinds


PLAN: Plan = plan_of(
    phase_of("outage", _step("outage.blackhole", "lose")),
    phase_of("data", _step("data.fence", "fence"), _step("data.promote", "promote", no_return=True), after=("outage",)),
    phase_of("rest", _step("rest.switch", "other"), _step("rest.capacity", "other"), after=("outage",)),
    failback=(phase_of("home", _step("home.revive", "other").model_copy(update={"params": {"of": "outage.blackhole"}})),),
    limits=Limits(max_changes=10, allow=("*",), dead_man_s=LIMIT_S),
)


@dataclass
class Night:
    """One drill whose engine beats until it is told not to, and the dead man who watches over it."""

    plan: Plan = PLAN
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    clock: StageClock = field(default_factory=StageClock)

    def __post_init__(self) -> None:
        self.last_beat_s = self.clock.at_s
        self.beats = False
        self.kinds = {
            "lose": SiteStep("outage"),
            "fence": SiteStep("fence"),
            "promote": SiteStep("promote"),
            "other": SiteStep("dns", "destroy"),
        }
        self.engine_token = self.journal.take_token(DRILL)
        self.engine = self._pen(self.engine_token, "engine")
        self.engine.say(Kind.DRILL_PLANNED, "planned", plan=self.plan.model_dump(mode="json"), plan_digest="x", started_by="sre")
        self.engine.say(Kind.DRILL_STARTED, "started")

    def _pen(self, token: int | None, by: str) -> Recorder:
        return Recorder(DRILL, journal=self.journal, clock=self.clock, token=token, by=by)

    def _silent_s(self) -> float:
        return 0.0 if self.beats else self.clock.at_s - self.last_beat_s

    def _take_over(self) -> tuple[Recorder, Undoer]:
        token = self.journal.take_token(DRILL)
        pen = self._pen(token, "dead-man")
        pen.say(Kind.LEASE_TAKEN, f"lease/{token}", token=token, holder="dead-man")
        world = fake_world(ground=FakeGround({"primary": {}, "standby": {}}), clock=self.clock)
        runner = StepRunner(self.plan, kinds=self.steps, world=world, recorder=pen, artifacts=FakeArtifacts())
        return pen, Undoer(runner)

    @property
    def steps(self) -> dict[str, Step[Any]]:
        return {name: cast("Step[Any]", kind) for name, kind in self.kinds.items()}

    def man(self) -> DeadMan:
        """A dead man who comes on watch now."""
        return DeadMan(
            self.plan, kinds=self.steps, recorder=self._pen(None, "dead-man"), silent_s=self._silent_s, take_over=self._take_over
        )

    def tried(self, step_id: str, *, ended: bool = True) -> None:
        """The engine tries a step that registers its undo, and ends it."""
        planned = self.plan.step(step_id)
        where: dict[str, Any] = {"phase": planned.phase, "step": step_id, "attempt": 1}
        self.engine.say(Kind.STEP_STARTED, f"{step_id}/1/started", kind=planned.kind, no_return=planned.no_return, **where)
        self.engine.say(Kind.UNDO_REGISTERED, f"{step_id}/undo", phase=planned.phase, step=step_id, undo={"undo": "restore"})
        if ended:
            self.engine.say(Kind.STEP_SUCCEEDED, f"{step_id}/1/succeeded", outputs={}, **where)

    def finish(self) -> None:
        self._pen(None, "engine").say(Kind.DRILL_FINISHED, "finished", outcome="finished", exit_code=0, left=[])

    def finish_later(self, seconds: float) -> None:
        """Somebody ends the drill: without it a watch that never acts would never end."""
        self.clock.after(seconds, self.finish)

    def undone(self) -> list[str]:
        return [step for kind in self.kinds.values() for step, _ in kind.undone]

    def facts(self, *kinds: Kind) -> list[Fact]:
        return self.journal.read(DRILL, kinds=frozenset(kinds) or None)
