"""Who is on duty at a moment: dated shifts first, then the week's, read on the clocks of the rota's own zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = get_args(Day)


@dataclass(frozen=True)
class Shift:
    """From one moment to just before another, as the clocks of the zone show them (naive)."""

    start: datetime
    end: datetime
    person: str


@dataclass(frozen=True)
class WeeklyShift:
    """The same hours on some days of every week. An end at or before the start is on the next day."""

    days: frozenset[Day]
    start: time
    end: time
    person: str

    def holds(self, at: datetime) -> bool:
        """Whether a naive moment of the zone's clocks falls into it."""
        if self.start < self.end:
            return self._on(at.date()) and self.start <= at.time() < self.end
        begun = self._on(at.date()) and at.time() >= self.start
        return begun or (self._on(at.date() - timedelta(days=1)) and at.time() < self.end)

    def _on(self, day: date) -> bool:
        return DAYS[day.weekday()] in self.days


@dataclass(frozen=True)
class Rota:
    """Who is on duty when. Of shifts that overlap, the first one written counts."""

    zone: ZoneInfo
    shifts: Sequence[Shift] = ()
    weekly: Sequence[WeeklyShift] = ()

    def on_duty(self, at: datetime) -> str | None:
        """Who is on duty at an aware moment; nobody when no shift covers it.

        Shifts that meet leave no gap and no overlap when clocks are set: both ends of a meeting are the same moment.
        """
        dated = (shift.person for shift in self.shifts if self._moment(shift.start) <= at < self._moment(shift.end))
        local = at.astimezone(self.zone).replace(tzinfo=None)
        weekly = (shift.person for shift in self.weekly if shift.holds(local))
        return next(dated, None) or next(weekly, None)

    def _moment(self, local: datetime) -> datetime:
        """The moment clocks show a time: the first of two when they are set back, an hour later when they skip it.

        In UTC: Python compares two times of one zone by what their clocks show, not by when they are.
        """
        return local.replace(tzinfo=self.zone, fold=0).astimezone(UTC)
