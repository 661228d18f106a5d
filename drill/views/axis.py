"""A time axis whose positions are percentages, so that charts follow the page and text keeps its size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

from drill.model.report import Label

_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_MOST_TICKS = 9


@dataclass(frozen=True)
class Tick:
    """One grid line. `x` in per cent."""

    x: str
    text: str


@dataclass(frozen=True)
class Mark:
    """A moment worth a number on the axis. `lane` counts from 0: neighbours that would touch stand in different lanes."""

    number: int
    x: str
    lane: int
    tone: str
    title: Label
    at_s: float


@dataclass(frozen=True)
class Axis:
    """From `low_s` to `high_s`, with `origin_s` written as 0. Positions outside are clipped to the edge.

    `end_s` is the last moment that is known: what has not ended is drawn up to it.
    """

    low_s: float
    high_s: float
    end_s: float
    origin_s: float = 0.0

    def share(self, at_s: float) -> float:
        """Position in per cent, 0 to 100."""
        return min(max((at_s - self.low_s) / (self.high_s - self.low_s), 0.0), 1.0) * 100

    def x(self, at_s: float) -> str:
        """Position as an SVG length."""
        return f"{self.share(at_s):.2f}%"

    def width(self, start_s: float, end_s: float, *, least: float = 0.0) -> str:
        """Width as an SVG length, at least `least` per cent."""
        return f"{max(self.share(end_s) - self.share(start_s), least):.2f}%"

    def shows(self, at_s: float | None) -> bool:
        """Whether the moment lies on the axis."""
        return at_s is not None and self.low_s <= at_s <= self.high_s

    def ticks(self) -> tuple[Tick, ...]:
        """Grid lines at round distances from the origin."""
        length_s = self.high_s - self.low_s
        step_s = next((step for step in _STEPS_S if length_s / step <= _MOST_TICKS), length_s / _MOST_TICKS)
        first = ceil((self.low_s - self.origin_s) / step_s - 1e-9)
        last = floor((self.high_s - self.origin_s) / step_s + 1e-9)
        return tuple(Tick(self.x(self.origin_s + k * step_s), _tick_text(k * step_s, length_s)) for k in range(first, last + 1))


def axis_over(low_s: float, end_s: float, *, origin_s: float = 0.0, room: float = 0.0) -> Axis:
    """An axis over at least a tenth of a second, with `room` of its length left free at the right."""
    length_s = max(end_s - low_s, 0.1)
    return Axis(low_s, low_s + length_s * (1 + room), low_s + length_s, origin_s)


def place_marks(axis: Axis, moments: Iterable[tuple[float | None, str, Label]], *, apart: float = 2.4) -> tuple[Mark, ...]:
    """Number the moments that lie on the axis, in time order; `apart` is the least distance within a lane, in per cent."""
    shown = sorted(((at_s, tone, title) for at_s, tone, title in moments if at_s is not None and axis.shows(at_s)), key=lambda m: m[0])
    ends: list[float] = []
    marks = []
    for number, (at_s, tone, title) in enumerate(shown, start=1):
        share = axis.share(at_s)
        lane = next((k for k, end in enumerate(ends) if share - end >= apart), len(ends))
        if lane == len(ends):
            ends.append(share)
        ends[lane] = share
        marks.append(Mark(number, axis.x(at_s), lane, tone, title, at_s))
    return tuple(marks)


def _tick_text(seconds: float, length_s: float) -> str:
    if length_s < 120:
        return f"{seconds:g} s"
    whole = round(abs(seconds))
    sign = "−" if seconds < 0 else ""
    return f"{sign}{whole // 60}:{whole % 60:02d}" if length_s < 7200 else f"{sign}{whole // 3600}:{whole % 3600 // 60:02d} h"
