"""From probe samples to windows of failure: when users lost the service, and when they had it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, isfinite
from typing import Final, NamedTuple

from drill.model.built import sites_by_address
from drill.model.events import Fact, Kind
from drill.model.plan import Plan
from drill.model.spans import Stretch, milliseconds
from drill.model.timeline import Timeline
from drill.model.vantage import clock_error_s, series_id, vantage_of

FAIL_RUN: Final = 2
"""So many failures in a row make a loss; one alone may be a lost packet."""
OK_RUN: Final = 10
"""So many good samples in a row make a recovery, when no step of the plan asks for another number."""
SKIPPED: Final = 1.5
"""Samples further apart than this many intervals have one missing between them."""


class Shot(NamedTuple):
    """One sample on the axis. Milliseconds."""

    due: int
    sent: int
    received: int
    ok: bool
    site: str
    late: int
    """How much later than due it was sent."""


@dataclass(frozen=True)
class Series:
    """The samples of one probe from one place, sorted by when they were due; several lives of the observer in one line."""

    probe: str
    """`checkout`, or `checkout@frankfurt`."""
    user_view: bool
    every_ms: int
    shots: tuple[Shot, ...]
    vantage: str = ""
    """Where it was asked from; empty for the drill's own observer."""
    clock_ms: int | None = 0
    """How far off the axis its samples may lie; nothing when nobody compared the clocks."""

    @property
    def asks(self) -> str:
        """The probe of the plan."""
        return self.probe.partition("@")[0]


@dataclass(frozen=True)
class Window:
    """One stretch of failure, as places in a series. The edges are samples: `None` means that edge was not seen."""

    last_good: int | None
    first_bad: int
    last_bad: int
    first_good: int | None


def all_series(timeline: Timeline) -> dict[str, Series]:
    """Every probe of the plan from every place the plan names, and any other that left samples."""
    planned = planned_series(timeline.plan)
    shots: dict[str, list[Shot]] = {name: [] for name in planned}
    users = {name for name, user_view in planned.items() if user_view}
    clocks: dict[str, dict[str, float]] = {}
    built = sites_by_address(timeline)
    for fact in timeline.of(Kind.PROBE_SAMPLED):
        vantage = vantage_of(fact)
        name = series_id(fact.data["probe"], vantage)
        if fact.data["user_view"] and name not in shots:
            users.add(name)
        shots.setdefault(name, []).append(_shot(timeline, fact, built))
        if vantage:
            errors, error = clocks.setdefault(name, {}), clock_error_s(fact.data, timeline.boots)
            errors[fact.epoch] = min(errors.get(fact.epoch, error), error)
    every = {probe.id: milliseconds(probe.every_s) for probe in timeline.plan.probes}
    return {name: _series(name, rows, every, user_view=name in users, errors=clocks.get(name, {})) for name, rows in shots.items()}


def planned_series(plan: Plan) -> dict[str, bool]:
    """What a plan wants sampled, by the id of its series, and whether it is a user's view that counts."""
    views = {probe.id: probe.user_view for probe in plan.probes}
    elsewhere = {
        series_id(probe, point.id): point.user_view and views.get(probe, False) for point in plan.vantage_points for probe in point.probes
    }
    return {**views, **elsewhere}


def _series(name: str, shots: list[Shot], every: Mapping[str, int], *, user_view: bool, errors: Mapping[str, float]) -> Series:
    shots.sort(key=lambda shot: shot[:2])
    asks, _, vantage = name.partition("@")
    usual = _usual_step(shots) if shots or asks not in every else every[asks]  # a detector asks its probe at its own rhythm
    error = max(errors.values(), default=0.0)
    clock_ms = ceil(error * 1000) if isfinite(error) else None
    return Series(name, user_view, every.get(asks, usual) if user_view else usual, tuple(shots), vantage, clock_ms)


def _shot(timeline: Timeline, fact: Fact, built: Mapping[str, str]) -> Shot:
    data = fact.data
    sent = timeline.ms_of(fact, data["sent_s"])
    received = data["received_s"]
    answered = sent if received is None else max(sent, timeline.ms_of(fact, received))
    late = max(0, milliseconds(data["sent_s"] - data["due_s"]))
    site = data["site"] or built.get(data.get("address") or "", "")
    return Shot(timeline.ms_of(fact, data["due_s"]), sent, answered, bool(data["ok"]), site, late)


def _usual_step(shots: Sequence[Shot]) -> int:
    steps = sorted(later.due - earlier.due for earlier, later in pairwise(shots))
    return max(1, steps[len(steps) // 2]) if steps else 1000


def windows(shots: Sequence[Shot], *, need: int, every_ms: int) -> list[Window]:
    """Every stretch of failure: it begins with `FAIL_RUN` bad samples in a row and ends with the first of `need` good ones in a row.

    A missing sample breaks a row: what was not seen counts for nothing, so losing samples can only widen a window.
    """
    rows = _row_lengths(shots, every_ms)
    out: list[Window] = []
    last_good: int | None = None
    place = 0
    while place < len(shots):
        if shots[place].ok or rows[place] < FAIL_RUN:
            last_good = place if shots[place].ok else last_good
            place += 1
            continue
        first_good = next((k for k in range(place, len(shots)) if shots[k].ok and rows[k] >= need), None)
        stop = len(shots) if first_good is None else first_good
        last_bad = next(k for k in range(stop - 1, place - 1, -1) if not shots[k].ok)
        out.append(Window(last_good, place, last_bad, first_good))
        place = stop
    return out


def _row_lengths(shots: Sequence[Shot], every_ms: int) -> list[int]:
    """For each sample, how many of the same kind follow in a row, itself included."""
    lengths = [1] * len(shots)
    for place in range(len(shots) - 2, -1, -1):
        here, then = shots[place], shots[place + 1]
        if here.ok == then.ok and then.due - here.due <= every_ms * SKIPPED:
            lengths[place] = lengths[place + 1] + 1
    return lengths


def silences(shots: Sequence[Shot], longer_ms: int, *, start: int, end: int) -> list[Stretch]:
    """Every time between two moments in which no sample was sent for longer than so many milliseconds, in order."""
    moments = [start, *(shot.sent for shot in shots if start < shot.sent < end), end]
    return [(earlier, later) for earlier, later in pairwise(moments) if later - earlier > longer_ms]


def largest_gap_ms(shots: Sequence[Shot], first: int, last: int) -> int:
    """The longest time without a sample between two places of a series."""
    return max(
        (later.sent - earlier.sent for earlier, later in zip(shots[first:last], shots[first + 1 : last + 1], strict=True)), default=0
    )
