"""The price of a step: plans of steps that do nothing, through the durable engine and the journal on SQLite, facts included.

`python bench/overhead.py [N…]` prints milliseconds per step for plans of N steps; each plan runs in a process and a home of its own.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from drill.adapters.artifacts_files import FileArtifacts
from drill.adapters.clock import SystemClock
from drill.adapters.database import database_engine
from drill.adapters.journal_sql import SqlJournal
from drill.engine.crew import DrillCrew, Hooks, Kit
from drill.engine.people import People
from drill.engine.record import Recorder
from drill.model.effects import Effect, Outputs
from drill.model.events import Kind
from drill.model.plan import Limits, Mode, Objectives, Plan, PlannedPhase, PlannedStep, Site, Text
from drill.model.ports import Attempt, World
from drill.model.report import Report
from drill.model.summarize import summarize
from drill.steps.base import Params, Step

DRILL = "overhead"
_TEXT = Text(en="Nothing", zh="无")
_STEPS_PER_PHASE = 10
_SIZES = (30, 300, 1000)
_LOOK_EVERY_S = 0.25  # as the command line does


class Nothing(Step[Params]):
    """Does nothing. It lives here and nowhere else."""

    kind = "bench.nothing"
    params = Params
    title = ("Nothing", "无")

    def preview(self, params: Params, world: World) -> list[Effect]:
        return []

    def run(self, params: Params, world: World, attempt: Attempt) -> Outputs:
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


def plan_of(steps: int) -> Plan:
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
        sites=(Site(id="only", provider="sandbox", region="a"),),
        limits=Limits(max_changes=0, allow=()),
        phases=tuple(phases),
    )


def run(steps: int, home: Path) -> float:
    """Milliseconds per step, from the first StepStarted to the last StepSucceeded, of a plan played through the real engine."""
    from drill.engine.durable import DurableEngine

    plan = plan_of(steps)
    journal = SqlJournal(database_engine(f"sqlite:///{home / 'drill.sqlite'}"))
    recorder = Recorder(DRILL, journal=journal, clock=SystemClock(), token=journal.take_token(DRILL))
    recorder.say(
        Kind.DRILL_PLANNED, "planned", plan=plan.model_dump(mode="json"), plan_digest=plan.digest(), started_by="bench", auto_answered=False
    )
    crew = DrillCrew(_kit(plan, recorder, home))
    engine = DurableEngine(database_engine(f"sqlite:///{home / 'drill.sqlite'}"), executor="bench", crew_of=lambda _drill, _plan: crew)
    engine.launch()
    engine.play(DRILL, plan)
    while not crew.settled.wait(_LOOK_EVERY_S):
        if engine.failure(DRILL):
            raise RuntimeError(engine.failure(DRILL))
    facts = journal.read(DRILL, kinds=frozenset({Kind.STEP_STARTED, Kind.STEP_SUCCEEDED}))
    engine.stop()
    if len(facts) != 2 * steps:
        raise RuntimeError(f"{len(facts)} facts of {steps} steps")
    return (facts[-1].mono_s - facts[0].mono_s) * 1000 / steps


def _kit(plan: Plan, recorder: Recorder, home: Path) -> Kit:
    def publish() -> Report:
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
        hooks=Hooks(
            start_observer=_nothing,
            stop_observer=_nothing,
            canary_ranges=lambda _site, _up_to: [],
            arm_dead_man=_nothing,
            warm=_nothing,
            publish=publish,
        ),
    )


def _nothing() -> None:
    """What a turning point of a drill asks for here."""


def main() -> int:
    """Run every size. Exit 0 when each keeps the limit, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("steps", nargs="*", type=int, default=_SIZES, help="sizes of the plans")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the median counts  [3]")
    parser.add_argument("--limit", type=float, default=15.0, help="the most milliseconds per step to accept  [15]")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        with tempfile.TemporaryDirectory(prefix="drill-overhead-") as home:
            print(run(options.steps[0], Path(home)))
        return 0
    worst = max(_told(steps, options.repeat) for steps in options.steps)
    return 0 if worst <= options.limit else 1


def _told(steps: int, repeat: int) -> float:
    """The median of several runs, each in a process of its own; said as well."""
    argv = [sys.executable, __file__, "--once", str(steps)]
    found = [float(subprocess.run(argv, capture_output=True, text=True, check=True).stdout) for _ in range(repeat)]
    middle = statistics.median(found)
    print(f"engine overhead of {steps:4} steps that do nothing: {middle:.1f} ms a step ({min(found):.1f}–{max(found):.1f})", flush=True)
    return middle


if __name__ == "__main__":
    sys.exit(main())
