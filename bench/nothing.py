"""Plans of steps that do nothing, played through the real durable engine and the real journal, facts included.

What is left when the work is taken away: facts, checkpoints and scheduling.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, cast

from drill.adapters.artifacts_files import FileArtifacts
from drill.adapters.clock import SystemClock
from drill.adapters.database import database_engine
from drill.adapters.journal_sql import SqlJournal
from drill.engine.crew import DrillCrew, Hooks, Kit
from drill.engine.people import People
from drill.engine.record import Recorder
from drill.model.effects import Effect, Outputs
from drill.model.events import Fact, Kind
from drill.model.plan import Limits, Mode, Objectives, Plan, PlannedPhase, PlannedStep, Site, Text
from drill.model.ports import Attempt, World
from drill.model.report import Report
from drill.model.summarize import summarize
from drill.steps.base import Params, Step

DRILL: Final = "nothing"
Death = Literal["", "half-way", "after-the-last"]
"""Where the process kills itself: inside the step in the middle, or when every step has succeeded and nothing else has happened."""
_TEXT = Text(en="Nothing", zh="无")
_STEPS_PER_PHASE = 10
_LOOK_EVERY_S = 0.25  # as the command line does
_READINGS = 20
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass
class Meter:
    """Counts the steps of this process, reads its memory now and then, and strikes. Steps beside one another may miscount by one."""

    steps: int = 0
    death: Death = ""
    ran: int = 0
    memory: list[tuple[int, int]] = field(default_factory=list)
    """Steps so far, and kilobytes that are resident."""

    def step(self) -> None:
        """Called by every step while it runs."""
        self.ran += 1
        if self.death == "half-way" and self.ran >= self.steps // 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.ran % max(1, self.steps // _READINGS) == 0:
            self.memory.append((self.ran, resident_kb()))

    def published(self) -> None:
        """Called when the first report is due: every step has succeeded."""
        if self.death == "after-the-last":
            os.kill(os.getpid(), signal.SIGKILL)

    def growth_kb(self) -> tuple[float, float]:
        """Kilobytes a step in the first and in the second half of the plan, its first tenth left out: what is loaded there stays."""
        rows = [row for row in self.memory if row[0] * 10 >= self.steps]
        middle = rows[len(rows) // 2]
        return _slope(rows[0], middle), _slope(middle, rows[-1])


def _slope(first: tuple[int, int], last: tuple[int, int]) -> float:
    return (last[1] - first[1]) / max(1, last[0] - first[0])


def resident_kb() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_KB


class Nothing(Step[Params]):
    """Does nothing. It lives here and nowhere else."""

    kind = "bench.nothing"
    params = Params
    title = ("Nothing", "无")
    meter: ClassVar[Meter] = Meter()

    def preview(self, params: Params, world: World) -> list[Effect]:
        return []

    def run(self, params: Params, world: World, attempt: Attempt) -> Outputs:
        self.meter.step()
        return {}

    def undo(self, params: Params, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        return


class Ground:
    """Knows nothing of any site (the part of port Ground that resolving parameters asks)."""

    def attributes(self, site: str) -> Mapping[str, Any]:
        return {}


class EmptyWorld:
    """A world for steps that touch nothing (port World as far as the engine itself asks it)."""

    def __init__(self) -> None:
        self.ground = Ground()
        self.clock = SystemClock()


class NoSecrets:
    """No secret is set (port Secrets)."""

    def get(self, reference: str) -> str:
        raise KeyError(reference)


def plan_of(steps: int, *, region: str = "a") -> Plan:
    """Phases one after the other of ten steps each, which wait for one another in pairs: half of them run beside one another."""
    phases: list[PlannedPhase] = []
    for first in range(0, steps, _STEPS_PER_PHASE):
        phase = f"p{first}"
        names = [f"{phase}.s{number}" for number in range(min(_STEPS_PER_PHASE, steps - first))]
        rows = tuple(
            PlannedStep(
                id=name, phase=phase, kind=Nothing.kind, title=_TEXT, params={}, after=tuple(names[at - 2 : at - 1]) if at > 1 else ()
            )
            for at, name in enumerate(names)
        )
        phases.append(PlannedPhase(id=phase, title=_TEXT, after=tuple(row.id for row in phases[-1:]), steps=rows))
    return Plan(
        scenario=DRILL,
        title=_TEXT,
        mode=Mode.SANDBOX,
        objectives=Objectives(rto_s=60, rpo_s=60),
        sites=(Site(id="only", provider="sandbox", region=region),),
        limits=Limits(max_changes=0, allow=()),
        phases=tuple(phases),
    )


def play(plan: Plan, url: str, home: Path) -> SqlJournal:
    """Begin the drill, or go on with it, and play it to its end; returns the journal. Raises: RuntimeError: the engine gave up."""
    from drill.engine.durable import DurableEngine

    journal = SqlJournal(database_engine(url))
    recorder = Recorder(DRILL, journal=journal, clock=SystemClock(), token=journal.take_token(DRILL))
    recorder.say(
        Kind.DRILL_PLANNED, "planned", plan=plan.model_dump(mode="json"), plan_digest=plan.digest(), started_by="bench", auto_answered=False
    )
    crew = DrillCrew(_kit(plan, recorder, home))
    engine = DurableEngine(database_engine(url), executor="bench", crew_of=lambda _drill, _plan: crew)
    engine.launch()
    engine.play(DRILL, plan)
    while not crew.settled.wait(_LOOK_EVERY_S):
        if engine.failure(DRILL):
            raise RuntimeError(engine.failure(DRILL))
    engine.stop()
    return journal


def milliseconds_a_step(facts: list[Fact], steps: int) -> float:
    """From the first StepStarted to the last StepSucceeded, for each step. Raises: RuntimeError: a step is missing, or ran twice."""
    if len(facts) != 2 * steps or len({fact.key for fact in facts}) != 2 * steps:
        raise RuntimeError(f"{len(facts)} facts of {steps} steps")
    return (facts[-1].mono_s - facts[0].mono_s) * 1000 / steps


STEP_FACTS: Final = frozenset({Kind.STEP_STARTED, Kind.STEP_SUCCEEDED})


def _kit(plan: Plan, recorder: Recorder, home: Path) -> Kit:
    def publish() -> Report:
        Nothing.meter.published()
        return summarize(recorder.journal.read(DRILL), version="bench")

    return Kit(
        plan=plan,
        kinds={Nothing.kind: Nothing()},
        world=cast("World", EmptyWorld()),
        recorder=recorder,
        artifacts=FileArtifacts(home),
        secrets=NoSecrets(),
        people=People(plan, drill=DRILL, secrets=NoSecrets(), key=b"bench"),
        messengers={},
        hooks=idle_hooks(publish),
    )


def idle_hooks(publish: Any) -> Hooks:
    """Turning points at which nothing is asked for but a report."""
    return Hooks(
        start_observer=_nothing,
        stop_observer=_nothing,
        canary_ranges=lambda _site, _up_to: [],
        arm_dead_man=_nothing,
        warm=_nothing,
        publish=publish,
    )


def _nothing() -> None:
    """What a turning point of a drill asks for here."""
