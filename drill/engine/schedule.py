"""Starts drills when they are due, exactly once however many servers look, and never passes one over in silence.

The drill's first fact decides. Every server that sees a due time writes `DrillPlanned` under the same id and key, with its verdict, run or
missed; the journal keeps the first and hands it to all of them, who then do what it says: queue the drill, which is queued once, or end it
as missed. A server that dies between the two leaves the rest to the others, because a due time counts as settled only afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from drill.engine.record import Recorder
from drill.model.events import Fact, Kind, stamp
from drill.model.plan import Mode, Plan
from drill.model.scenario_schedules import ScheduleForm
from drill.model.timetable import due_between

ON_TIME_S: Final = 60.0
"""A run that begins within a minute of its due time is on time."""
_MOST: Final = 50


class Marks(Protocol):
    """Up to when each schedule is settled, shared by all servers."""

    def settled_until(self, schedule: str, *, first: datetime) -> datetime:
        """The mark; `first` when the schedule has never been seen."""

    def settle(self, schedule: str, until: datetime) -> None:
        """Move the mark forward."""


@dataclass(frozen=True)
class Entry:
    """One schedule of one scenario. `plan` reads the file as it is now; it returns the plan, and why it may not run or an empty text."""

    scenario: str
    name: str
    form: ScheduleForm
    plan: Callable[[], tuple[Plan, str]]

    @property
    def id(self) -> str:
        """Its name among all schedules."""
        return f"{self.scenario}.{self.name}"

    def drill(self, due: datetime) -> str:
        """The id of the drill of a due time: the same on every server."""
        return f"{self.scenario[:28]}.{self.name[:16]}.{due:%Y%m%dT%H%M%SZ}"


@dataclass(frozen=True)
class Office:
    """What a clerk works with. `unfinished` tells which drill of an earlier due time still goes on; `tell_missed` sends the message."""

    marks: Marks
    recorder: Callable[[str], Recorder]
    now: Callable[[], datetime]
    queue: Callable[[str, Plan], None]
    unfinished: Callable[[Entry, str], str]
    tell_missed: Callable[[str, Plan, str], None]


class ScheduleClerk:
    """Looks what is due. Any number of them may work on one database."""

    def __init__(self, office: Office, *, server: str, allow_live: bool) -> None:
        self._office = office
        self._server = server
        self._allow_live = allow_live

    def turn(self, entry: Entry) -> list[str]:
        """Settle everything that has come due; returns the drills that were queued."""
        now = self._office.now()
        after = self._office.marks.settled_until(entry.id, first=now)
        due, older = due_between(entry.form.cron, entry.form.zone, after=after, until=now, limit=_MOST)
        queued = []
        for number, at in enumerate(due):
            before = f" {older} due times before it were missed too." if older and number == 0 else ""
            if self._settle(entry, at, now, newest=at == due[-1], before=before):
                queued.append(entry.drill(at))
            self._office.marks.settle(entry.id, at)
        return queued

    def _settle(self, entry: Entry, due: datetime, now: datetime, *, newest: bool, before: str) -> bool:
        drill = entry.drill(due)
        plan, broken = entry.plan()
        why = broken or self._why_not(entry, plan, due, now, newest=newest)
        planned = self._decide(entry, drill, due, plan, f"{why}{before}" if why else "")
        plan, why = Plan.model_validate(planned.data["plan"]), planned.data["schedule"]["missed"]
        if not why:
            self._office.queue(drill, plan)
            return True
        recorder = self._office.recorder(drill)
        if recorder.journal.find(drill, "finished") is None:
            self._office.tell_missed(drill, plan, why)
            recorder.say(Kind.DRILL_FINISHED, "finished", outcome="missed", exit_code=None, left=[], reason=why)
        return False

    def _decide(self, entry: Entry, drill: str, due: datetime, plan: Plan, why: str) -> Fact:
        return self._office.recorder(drill).say(
            Kind.DRILL_PLANNED,
            "planned",
            plan=plan.model_dump(mode="json"),
            plan_digest=plan.digest(),
            started_by=f"schedule {entry.id}",
            auto_answered=plan.mode is Mode.SANDBOX,
            schedule={"name": entry.id, "due": stamp(due), "missed": why, "by": self._server},
        )

    def _why_not(self, entry: Entry, plan: Plan, due: datetime, now: datetime, *, newest: bool) -> str:
        """Why this due time is missed; empty when it runs."""
        late_s = (now - due).total_seconds()
        if plan.mode is Mode.LIVE and (why := self._not_live(entry, plan)):
            return why
        if late_s > ON_TIME_S and not (newest and late_s <= entry.form.run_late_s):
            return f"no server was there in time: {late_s:.0f} s late."
        going = self._office.unfinished(entry, entry.drill(due))
        return f"the drill {going} of this schedule still goes on." if going else ""

    def _not_live(self, entry: Entry, plan: Plan) -> str:
        if not entry.form.live:
            return "it touches real sites, and its schedule does not say live: true."
        if not self._allow_live:
            return "it touches real sites, and this server runs without --allow-live."
        gates = {gate.id: gate for gate in plan.gates}
        first = [gates[phase.gate] for phase in plan.phases if not phase.after and phase.gate in gates]
        if not any(gate.at == "before" and gate.blocking and gate.by == "person" for gate in first):
            return "it touches real sites without a blocking go gate that a person answers."
        return ""
