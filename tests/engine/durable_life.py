"""One life of the durable engine as a process of its own, for tests that kill it: `python -m tests.engine.durable_life HOME DRILL`.

Every body of a node writes a fact under the token of its life, then adds a line to HOME/log. HOME/die names the line after which the
process ends as if killed; HOME/bug names the line at which a node raises; HOME/shut names the line after which the database takes
nothing more from this life; the gate waits while HOME/hold exists.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from drill.adapters.clock import SystemClock
from drill.adapters.database import sqlite_engine
from drill.adapters.journal_sql import SqlJournal
from drill.engine.attempt import Result
from drill.engine.conduct import Part
from drill.engine.durable import DurableEngine
from drill.engine.record import Recorder
from drill.model.events import Kind
from drill.model.plan import Gate, Plan, PlannedPhase, PlannedStep
from tests.engine.drilling import gate_of, phase_of, plan_of, step_of

KILLED = 9
PLAN = plan_of(
    phase_of("a", step_of("a.x"), step_of("a.y")),
    phase_of("b", step_of("b.z"), after=("a",), gate="b"),
    phase_of("c", step_of("c.w"), after=("a",)),
    gates=(gate_of("b"),),
)


def _read_only(connection: Any, _record: Any, _proxy: Any) -> None:
    connection.execute("PRAGMA query_only = ON")


class LoggingCrew:
    """Writes a fact and a line per body, and dies or raises where it is told to."""

    def __init__(self, home: Path, drill: str) -> None:
        self._home = home
        self._lock = threading.Lock()
        journal = SqlJournal(sqlite_engine(home / "drill.sqlite"))
        self._recorder = Recorder(drill, journal=journal, clock=SystemClock(), token=journal.take_token(drill))

    def _named(self, file: str) -> str:
        path = self._home / file
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _do(self, what: str) -> Result:
        self._recorder.say(Kind.FINDING_RAISED, what, code="T001", what=what, fix="")
        with self._lock, (self._home / "log").open("a", encoding="utf-8") as log:
            log.write(f"{what}\n")
        if self._named("bug") == what:
            raise KeyError(what)
        if self._named("shut") == what:
            sa.event.listen(sa.pool.Pool, "checkout", _read_only)
        if self._named("die") == what:
            os._exit(KILLED)
        return {"status": "ok", "what": what}

    def preflight(self) -> Result:
        return self._do("preflight")

    def refuse(self) -> Result:
        return self._do("refuse")

    def begin(self) -> Result:
        return self._do("begin")

    def run_step(self, step: PlannedStep) -> Result:
        return self._do(step.id)

    def hold_gate(self, gate: Gate) -> Result:
        (self._home / "waiting").touch()
        while (self._home / "hold").exists():
            time.sleep(0.02)
        return self._do(f"gate {gate.id}")

    def tell(self, phase: PlannedPhase) -> Result:
        return self._do(f"tell {phase.id}")

    def close_phase(self, phase: PlannedPhase, *, ok: bool) -> Result:
        return self._do(f"close {phase.id}")

    def decide(self, part: Part) -> Result:
        return {**self._do(f"decide {part}"), "next": "failback" if part == "drill" else "end"}

    def hold(self, part: Part, turn: int) -> Result:
        return {**self._do("hold"), "verb": "failback"}

    def undo(self) -> Result:
        return self._do("undo")

    def begin_failback(self) -> Result:
        return self._do("failback")

    def finish(self) -> Result:
        result = self._do("finish")
        (self._home / "finished").touch()
        return result


def engine(home: Path, drill: str, plan: Plan = PLAN) -> DurableEngine:
    """The engine of this process, playing the plan."""
    crew = LoggingCrew(home, drill)
    durable = DurableEngine(sqlite_engine(home / "drill.sqlite"), executor=f"cli:{drill}", crew_of=lambda _drill, _plan: crew)
    durable.launch()
    durable.play(drill, plan)
    return durable


def main() -> None:
    """Play until the drill has ended, or the engine gave it up; the reason goes to HOME/failure."""
    home, drill = Path(sys.argv[1]), sys.argv[2]
    durable = engine(home, drill)
    until_s = time.monotonic() + 20
    while not (home / "finished").exists() and not durable.failure(drill) and time.monotonic() < until_s:
        time.sleep(0.02)
    (home / "failure").write_text(durable.failure(drill), encoding="utf-8")
    durable.stop()
    os._exit(0)


if __name__ == "__main__":
    main()
