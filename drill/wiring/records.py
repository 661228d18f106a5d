"""Opens the journal and answers what a command line asks of it."""

from __future__ import annotations

import re
import secrets as randomness
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa

from drill import __version__
from drill.adapters.clock import SystemClock
from drill.adapters.database import database_engine, read_only_engine
from drill.adapters.journal_looking import journal_to_look_at
from drill.adapters.journal_sql import SqlJournal
from drill.engine.record import Recorder
from drill.model.errors import UsageError
from drill.model.events import Fact, Kind
from drill.model.plan import Plan
from drill.model.ports import Artifacts, Journal
from drill.model.progress import Progress
from drill.model.report import Report, TrendPoint
from drill.model.summarize import summarize
from drill.settings import Settings
from drill.wiring.stores import open_artifacts

_DRILL_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}")
_TREND_LENGTH = 12


class Records:
    """Every drill of one DRILL_HOME."""

    def __init__(self, settings: Settings, journal: Journal | None = None) -> None:
        self.settings = settings
        self.journal: Journal = journal or SqlJournal(self.database)
        self.clock = SystemClock()

    @classmethod
    def to_look_at(cls, settings: Settings) -> Records:
        """The records as they are: nothing can be written, not even what is missing, and a read-only DRILL_HOME will do."""
        engine = read_only_engine(settings.database_url)
        records = cls(settings, journal_to_look_at(engine))
        if engine is not None:
            records.database = engine
        return records

    @cached_property
    def database(self) -> sa.Engine:
        """The database behind everything; its pool is this process's own."""
        return database_engine(self.settings.database_url)

    def new_id(self, scenario: str, wanted: str | None) -> str:
        """A free drill id: the wanted one, or the scenario's name and the time. Raises: UsageError: taken or malformed (U010, U011)."""
        drill = wanted or f"{scenario[:40]}-{self.clock.now():%Y%m%d-%H%M%S}"
        if not _DRILL_ID.fullmatch(drill):
            raise UsageError(f"{drill!r} cannot name a drill.", code="U011", fix="Use letters, digits, dots, dashes, at most 64.")
        if drill in self.journal.drills():
            raise UsageError(f"the drill {drill!r} exists already.", code="U010", fix=f"See `drill show {drill}`, or choose another --id.")
        return drill

    def known(self, drill: str | None) -> str:
        """The drill named, or the newest. Raises: UsageError: there is none (U012)."""
        drills = self.journal.drills()
        if drill is None and drills:
            return drills[-1]
        if not drills:
            raise UsageError(f"there is no drill in {self.settings.home} yet.", code="U012", fix="Start one with `drill run SCENARIO`.")
        if drill is None or drill not in drills:
            raise UsageError(
                f"there is no drill {drill!r} in {self.settings.home}.", code="U012", fix=f"The newest are: {', '.join(drills[-5:])}."
            )
        return drill

    def progress(self, drill: str) -> Progress:
        """Where a drill stands."""
        return Progress().apply(self.journal.read(drill))

    def plan(self, drill: str) -> Plan:
        """The plan a drill was started with. Raises: UsageError: it was never planned (U013)."""
        for fact in self.journal.read(drill, kinds=frozenset({Kind.DRILL_PLANNED})):
            return Plan.model_validate(fact.data["plan"])
        raise UsageError(f"the drill {drill!r} has no plan.", code="U013", fix="Start it anew with `drill run`.")

    def recorder(
        self, drill: str, *, token: int | None = None, by: str = "engine", still_ours: Callable[[], None] = lambda: None
    ) -> Recorder:
        """A pen for one drill."""
        return Recorder(drill, journal=self.journal, clock=self.clock, token=token, by=by, still_ours=still_ours)

    def artifacts(self) -> Artifacts:
        """Kept tool output of every drill: in the database when machines share it, else in files."""
        return open_artifacts(self.settings, self.database if self.settings.shared else None)

    def reply_key(self) -> bytes:
        """The key behind reply codes: this home's own, or the one that all machines of the database share."""
        if self.settings.shared:
            from drill.adapters.artifacts_sql import shared_key

            return shared_key(self.database, "reply", randomness.token_bytes(32))
        return self.settings.reply_key()

    def report(self, drill: str, facts: Sequence[Fact] | None = None, *, with_trend: bool = True) -> Report:
        """The result of a drill as its facts tell it now."""
        facts = self.journal.read(drill) if facts is None else facts
        return summarize(facts, trend=self._trend(drill) if with_trend else (), version=__version__)

    def _trend(self, drill: str) -> list[TrendPoint]:
        """Earlier finished drills of the same scenario and mode, oldest first, this one last."""
        mine = self.plan(drill)
        points = []
        for other in self.journal.drills():
            ended = self.journal.read(other, kinds=frozenset({Kind.DRILL_FINISHED, Kind.DRILL_PLANNED}))
            plans = [fact for fact in ended if fact.kind is Kind.DRILL_PLANNED]
            if other == drill or len(ended) < 2 or ended[-1].data["exit_code"] not in {0, 1}:
                continue
            if (plans[0].data["plan"]["scenario"], plans[0].data["plan"]["mode"]) != (mine.scenario, mine.mode):
                continue
            past = summarize(self.journal.read(other), version=__version__)
            points.append(TrendPoint(drill=other, at=past.zero_at, rta_s=past.rto.actual_s, met=past.rto.met))
        return points[-_TREND_LENGTH:]

    def publish(self, drill: str, directory: Path) -> Report:
        """Write index.html, report.json and facts.jsonl of a drill; each file appears whole or not at all.

        Raises: DrillError: the directory cannot be made or written (D030).
        """
        from drill.adapters.report_files import write_facts, write_whole
        from drill.views.html import render_html
        from drill.views.jsonview import render_json

        facts = self.journal.read(drill)
        report = self.report(drill, facts)
        write_facts(directory / "facts.jsonl", facts)
        write_whole(directory / "report.json", render_json(report))
        write_whole(directory / "index.html", render_html(report))
        kept = self.artifacts()
        for sha256, name in kept.names(drill).items():
            write_whole(directory / "artifacts" / f"{sha256[:12]}-{name}", kept.get(drill, sha256))
        return report
