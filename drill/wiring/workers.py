"""A worker: an engine that plays queued drills, takes over those of dead engines, and ends itself rather than play beside another."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import psutil

from drill.adapters.ansible_leftovers import remove_own
from drill.adapters.database import database_engine
from drill.adapters.journal_sql import SqlJournal
from drill.adapters.roll_sql import SqlRoll
from drill.adapters.terraform_orphans import forget_runs
from drill.engine.crew import DrillCrew
from drill.engine.durable import DurableEngine
from drill.engine.keeper import Duties
from drill.model.errors import DrillError, JournalBroken, PreflightFailed
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.progress import Progress
from drill.wiring.records import Records
from drill.wiring.rolls import SERVER, enroll
from drill.wiring.sessions import Manned, man
from drill.wiring.trust import trusted_facts
from drill.wiring.worlds import end_tools_of_dead_engines

DRILLS_AT_A_TIME = 8
DRAINS_WITHIN_S = 20.0
"""Shorter than the half minute that process supervisors leave between SIGTERM and SIGKILL."""
_LOOKS_EVERY_S = 0.1
_ENDS_WITHIN_S = 2.0
_OBSERVER = "drill.cli.main observe"
_SPARED = ("dead-man", "drill.sandbox.supervisor")
_log = logging.getLogger(__name__)


class Worker:
    """One worker of one process. `say` tells people at its terminal what happens."""

    def __init__(self, records: Records, journal: SqlJournal, *, say: Callable[[str], None]) -> None:
        self._records = records
        self._journal = journal
        self._say = say
        self._manned: dict[str, Manned] = {}
        self._closing: set[str] = set()
        """Drills that have ended, and are being cleared up behind."""
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._draining = threading.Event()
        self.executor = records.settings.session
        database = database_engine(records.settings.database_url)
        self._engine = DurableEngine(database, executor=self.executor, crew_of=self._crew_of, done=self._done, queued=DRILLS_AT_A_TIME)
        duties = Duties(owners=self._engine.owners, take_over=self._take_over, fence=self._fence)
        self._keeper = enroll(records, self.executor, role=SERVER, duties=duties)

    def start(self) -> None:
        """Begin to beat, to play and to take over."""
        end_tools_of_dead_engines(self._records.settings)
        self._keeper.start()
        self._engine.launch()
        self._say(f"worker {self.executor} is ready")

    def playing(self) -> list[str]:
        """The drills this worker plays now."""
        with self._lock:
            return sorted(self._manned)

    def hand_over(self, hurry: threading.Event) -> None:
        """Begin nothing more, let running steps and ended drills end, and give every other up for claim; does not come back to its drills.

        A step that has not ended after `DRAINS_WITHIN_S`, or when `hurry` is set, is interrupted: whoever takes the drill reads it back.
        """
        self._draining.set()
        with self._lock:
            for manned in self._manned.values():
                manned.lease.rest()
        until_s = time.monotonic() + DRAINS_WITHIN_S
        while (left := self._running()) and time.monotonic() < until_s and not hurry.wait(_LOOKS_EVERY_S):
            pass
        if left:
            self._say(f"interrupted: {', '.join(left)}")
        self._quieten(spared=(*_SPARED, _OBSERVER))  # it goes on measuring until the next engine's does, and ends with the drill
        self._keeper.leave()

    def _running(self) -> list[str]:
        """The steps that this worker is in the middle of, and the drills whose end it is: their grounds are nobody else's to clear."""
        rows = [(drill, self._records.progress(drill)) for drill in self.playing()]
        ended = {drill for drill, progress in rows if progress.outcome} | self._closing
        steps = [f"{step} of {drill}" for drill, progress in rows for step, row in progress.steps.items() if row.running is not None]
        return [*steps, *(f"the end of {drill}" for drill in sorted(ended))]

    # ------------------------------------------------------------ for the engine

    def _crew_of(self, drill: str, plan: Plan) -> DrillCrew | None:
        while self._draining.is_set():
            time.sleep(1.0)  # another worker begins it
        self._await_the_end_if_ending()
        try:
            progress = Progress().apply(trusted_facts(self._records, drill))
        except JournalBroken as error:  # left as it is, for a person to look at; `drill resume` gives it another life when it is mended
            self._say(f"{drill}: {error}")
            raise
        if progress.outcome and progress.ground_gone:
            return None
        began = progress.started
        try:
            manned = man(
                self._records,
                drill,
                plan,
                holder=self.executor,
                report_dir=self._records.settings.reports / drill,
                say=self._say,
                phone=None if began else self._phone(drill),
            )
        except PreflightFailed as error:
            self._say(f"{drill}: {error}")
            if self._records.progress(drill).outcome:
                return None
            raise
        with self._lock:
            self._manned[drill] = manned
        self._say(f"{drill}: {'taken over' if began else 'begun'} by {self.executor}")
        return manned.crew

    def _phone(self, drill: str) -> str:
        planned = self._records.journal.read(drill, kinds=frozenset({Kind.DRILL_PLANNED}))
        return "auto" if planned and planned[0].data.get("auto_answered") else "manual"

    def _done(self, drill: str) -> None:
        self._await_the_end_if_ending()
        with self._lock:
            manned = self._manned.pop(drill)
            self._closing.add(drill)
        outcome = self._records.progress(drill).outcome
        if not outcome:  # another engine has it, and an observer of its own
            manned.hush()
            manned.stop_measuring()
        manned.close(keep_ground=not outcome)
        if outcome:
            self._publish(drill)
        self._closing.discard(drill)
        self._say(f"{drill}: {outcome or 'let go'}")

    def _publish(self, drill: str) -> None:
        """Write the report once more: the receipts of the last texts have come since."""
        try:
            self._records.publish(drill, self._records.settings.reports / drill)
        except DrillError as error:
            self._say(f"{drill}: {error}")

    # ------------------------------------------------------------ for the keeper

    def _take_over(self, dead: Sequence[str]) -> None:
        self._say(f"engines found dead: {', '.join(dead)}; their drills are up for claim")
        SqlRoll(self._records.database).cut_off(dead)
        self._engine.take_over(dead)

    def _fence(self, why: str) -> None:
        """End every tool, then become a new engine under a new name; the drills are the others' by then, or will be ours again."""
        if self._ending.is_set():
            return
        self._say(f"worker {self.executor} fences itself: {why}")
        self._quieten()
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-m", "drill.cli.main", *sys.argv[1:]])  # noqa: S606 - ourselves, with our own words

    def _quieten(self, *, spared: Sequence[str] = _SPARED) -> None:
        """Write no more facts, then end the tools: the other way round their end would be written down as a failure of the drill."""
        self._ending.set()
        with self._lock:
            for manned in self._manned.values():
                manned.leave()
        self._journal.shut()
        mine = list(_tools(spared))
        for process in mine:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(2)  # Terraform saves its state
        _, left = psutil.wait_procs(mine, timeout=_ENDS_WITHIN_S)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=_ENDS_WITHIN_S)
        remove_own(self._records.settings.mark())
        forget_runs(self._records.settings.place)

    def _await_the_end_if_ending(self) -> None:
        while self._ending.is_set():
            time.sleep(1.0)


def _tools(spared: Sequence[str]) -> Iterator[psutil.Process]:
    """What this process runs: tools and observers, but neither a dead man nor a sandbox, which others need."""
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if not any(name in " ".join(child.cmdline()) for name in spared):
                yield child
                yield from child.children(recursive=True)
