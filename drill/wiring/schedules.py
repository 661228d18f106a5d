"""The schedules of scenario files: what is coming, and the clerk of a server that starts what is due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from drill.adapters.clock import SystemClock
from drill.adapters.database import database_engine
from drill.adapters.schedules_sql import SqlMarks
from drill.engine.safety import violations
from drill.engine.schedule import Entry, Office, ScheduleClerk
from drill.model.errors import DrillError, JournalBroken
from drill.model.freeze import parse_freeze
from drill.model.plan import Plan
from drill.model.timetable import next_due
from drill.wiring.missed import tell_missed, ways_out
from drill.wiring.records import Records
from drill.wiring.scenarios import open_scenario

_EVERY_S = 0.5
_RECENT = 5
_log = logging.getLogger(__name__)


def entries_of(paths: Sequence[Path]) -> list[Entry]:
    """The schedules of these scenario files. Raises: ScenarioInvalid: with every finding of the first file that has any."""
    found = []
    for path in paths:
        scenario = open_scenario(path).scenario
        found += [Entry(scenario.scenario, name, form, _Reader(path).plan) for name, form in scenario.schedules.items()]
    return found


def coming(entries: Sequence[Entry], *, after: datetime, count: int) -> list[tuple[datetime, Entry]]:
    """The next due times of all schedules together, soonest first."""
    rows: list[tuple[datetime, Entry]] = []
    for entry in entries:
        at = after
        for _ in range(count):
            at = next_due(entry.form.cron, entry.form.zone, after=at)
            rows.append((at, entry))
    return sorted(rows, key=lambda row: (row[0], row[1].id))[:count]


def frozen_at(entry: Entry, at: datetime) -> str:
    """The freeze window of the scenario that a due time falls into, as it is written; empty for none."""
    plan, _ = entry.plan()
    return next((text for text in plan.limits.freeze if parse_freeze(text).holds(at)), "")


class _Reader:
    """Reads a scenario again at each due time: rotas and limits change. A file that is broken by then stands as it last was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = open_scenario(path).plan

    def plan(self) -> tuple[Plan, str]:
        try:
            opened = open_scenario(self._path)
        except DrillError as error:
            return self._last, f"its scenario cannot be read: {error}"
        self._last = opened.plan
        broken = violations(opened.plan, opened.kinds, now=SystemClock().now())
        return opened.plan, " ".join(f"[{each.code}] {each.what}" for each in broken)


class Clerk:
    """A thread that keeps the schedules of one server."""

    def __init__(self, records: Records, entries: Sequence[Entry], *, allow_live: bool, server: str, say: Callable[[str], None]) -> None:
        self._records = records
        self._entries = entries
        self._say = say
        self._stop = threading.Event()
        office = Office(
            marks=SqlMarks(records.database),
            recorder=records.recorder,
            now=records.clock.now,
            queue=self._queue,
            unfinished=self._unfinished,
            tell_missed=self._tell_missed,
        )
        self._clerk = ScheduleClerk(office, server=server, allow_live=allow_live)

    def start(self) -> None:
        """Begin to look."""
        if self._entries:
            threading.Thread(target=self._work, name="schedules", daemon=True).start()

    def stop(self) -> None:
        """Start nothing more."""
        self._stop.set()

    def _work(self) -> None:
        while not self._stop.wait(_EVERY_S):
            for entry in self._entries:
                try:
                    for drill in self._clerk.turn(entry):
                        self._say(f"{drill}: due, queued")
                except JournalBroken:  # the database is away: what is due stays due
                    _log.info("schedule.missed", exc_info=True, extra={"schedule": entry.id})

    def _queue(self, drill: str, plan: Plan) -> None:
        from drill.engine.durable import DrillQueue

        queue = DrillQueue(database_engine(self._records.settings.database_url))
        try:
            queue.put(drill, plan)
        finally:
            queue.close()

    def _unfinished(self, entry: Entry, drill: str) -> str:
        stem = drill.rpartition(".")[0] + "."
        earlier = sorted(name for name in self._records.journal.drills() if name.startswith(stem) and name < drill)
        return next((name for name in earlier[-_RECENT:] if not self._records.progress(name).outcome), "")

    def _tell_missed(self, drill: str, plan: Plan, why: str) -> None:
        """Send the message; when it cannot be sent, that is a fact too."""
        self._say(f"{drill}: missed: {why}")
        tell_missed(self._records, drill, plan, open_ways=ways_out)
