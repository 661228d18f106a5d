"""What the observer's tests share: a plan to observe, an observer in a thread, and the body of one in a process."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drill.adapters.clock import SystemClock
from drill.adapters.database import database_engine
from drill.adapters.journal_memory import MemoryJournal
from drill.adapters.journal_sql import SqlJournal
from drill.adapters.probes import Probes
from drill.engine.observe import Instruments, Observer
from drill.engine.observe_canary import CanaryWriter
from drill.engine.observe_guards import GuardSource
from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Canary, Limits, Mode, Objectives, Plan, PlannedPhase, PlannedStep, Probe, Site, Text
from drill.model.ports import Journal

DRILL = "drill-1"
_WORDS = Text(en="x", zh="x")


def plan_of(
    probes: Sequence[Probe], *, heartbeat: Mapping[str, Any] | None = None, canary_every_s: float | None = None, dead_man_s: float = 600.0
) -> Plan:
    """A plan with these probes and, when `heartbeat` is given, one detector with these parameters."""
    step = PlannedStep(id="detect.heartbeat", phase="detect", kind="detect.heartbeat", title=_WORDS, params=dict(heartbeat or {}))
    return Plan(
        scenario="s",
        title=_WORDS,
        mode=Mode.SANDBOX,
        objectives=Objectives(rto_s=60, rpo_s=10),
        sites=(Site(id="primary", provider="sandbox", region="a"),),
        probes=tuple(probes),
        canary=Canary(postgres="secret:CANARY_DSN", every_s=canary_every_s) if canary_every_s else None,
        limits=Limits(max_changes=1, allow=(), dead_man_s=dead_man_s),
        phases=(PlannedPhase(id="detect", title=_WORDS, steps=(step,)),) if heartbeat else (),
    )


class CountingCanary:
    """Acknowledges every row, unless `broken` (port of the canary loop)."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.broken = False
        self.closed = False
        self.last_error = ""

    def write(self, row: int, *, connect_within_s: float, answer_within_s: float) -> tuple[float, float] | None:
        self.rows.append(row)
        now_s = SystemClock().mono_s()
        return None if self.broken else (now_s, now_s + 0.001)

    def close(self) -> None:
        self.closed = True


class Watched:
    """An observer in a thread, and its journal."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        *,
        journal: Journal | None = None,
        canary: CanaryWriter | None = None,
        guards: GuardSource | None = None,
    ) -> None:
        self.journal = journal or MemoryJournal()
        self.folder = folder
        self.clock = SystemClock()
        self.over = False
        probes = Probes({probe.id: probe for probe in plan.probes}, None, lambda _: "primary")
        self.observer = Observer(
            DRILL,
            plan,
            journal=self.journal,
            clock=self.clock,
            instruments=Instruments(probes, canary, guards),
            folder=folder,
            stop_when=lambda: self.over,
        )
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.observer.run()
        except BaseException as failure:
            self.failure = failure
            raise

    def say(self, kind: Kind, **data: Any) -> Fact:
        """Write a fact as the engine does."""
        key = f"{kind}/{self.clock.mono_s()}"
        return self.journal.append(DRILL, [Draft(kind, "engine", key, data, self.clock.now(), self.clock.mono_s(), self.clock.epoch)])[0]

    def facts(self, *kinds: Kind) -> list[Fact]:
        """The facts of these kinds so far."""
        return self.journal.read(DRILL, kinds=frozenset(kinds))

    def samples(self, probe: str) -> list[Mapping[str, Any]]:
        """The recorded samples of a probe, by due time."""
        rows = [fact.data for fact in self.facts(Kind.PROBE_SAMPLED) if fact.data["probe"] == probe]
        return sorted(rows, key=lambda row: float(row["due_s"]))

    def wait(self, condition: Callable[[], object], limit_s: float = 10.0) -> None:
        """Wait until it holds."""
        until_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < until_s, "waited in vain"
            time.sleep(0.01)


@contextmanager
def watching(
    plan: Plan,
    folder: Path,
    *,
    journal: Journal | None = None,
    canary: CanaryWriter | None = None,
    guards: GuardSource | None = None,
) -> Iterator[Watched]:
    """Observe while inside; the observer has ended and written everything afterwards."""
    watched = Watched(plan, folder, journal=journal, canary=canary, guards=guards)
    watched.thread.start()
    try:
        yield watched
    finally:
        watched.over = True
        watched.thread.join(10)
        assert not watched.thread.is_alive()
        assert watched.failure is None


def body_argv(folder: Path, *, port: int) -> list[str]:
    """The command of an observer process whose journal is `folder/journal.sqlite` and whose probe asks the port."""
    return [sys.executable, "-m", "tests.engine.observing", str(folder), str(port)]


def journal_in(folder: Path) -> SqlJournal:
    """The journal of such a process."""
    return SqlJournal(database_engine(f"sqlite:///{folder / 'journal.sqlite'}"))


def process_plan(port: int) -> Plan:
    """What such a process observes."""
    return plan_of(
        [Probe(id="checkout", http=f"http://127.0.0.1:{port}/", every_s=0.05, timeout_s=0.5, user_view=True)], canary_every_s=0.02
    )


def main(folder: Path, port: int) -> None:
    """The body of such a process."""
    plan = process_plan(port)
    probes = Probes({probe.id: probe for probe in plan.probes}, None, lambda _: "primary")
    Observer(
        DRILL,
        plan,
        journal=journal_in(folder),
        clock=SystemClock(),
        instruments=Instruments(probes, CountingCanary()),
        folder=folder,
    ).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
