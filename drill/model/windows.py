"""From probe samples to windows of failure: when users lost the service, and when they had it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from drill.model.events import Fact, Kind
from drill.model.spans import milliseconds
from drill.model.timeline import Timeline

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
    """The samples of one probe, sorted by when they were due; several lives of the observer in one line."""

    probe: str
    user_view: bool
    every_ms: int
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class Window:
    """One stretch of failure, as places in a series. The edges are samples: `None` means that edge was not seen."""

    last_good: int | None
    first_bad: int
    last_bad: int
    first_good: int | None


def all_series(timeline: Timeline) -> dict[str, Series]:
    """Every probe of the plan, and any other that left samples."""
    shots: dict[str, list[Shot]] = {probe.id: [] for probe in timeline.plan.probes}
    users = {probe.id for probe in timeline.plan.probes if probe.user_view}
    for fact in timeline.of(Kind.PROBE_SAMPLED):
        shots.setdefault(fact.data["probe"], []).append(_shot(timeline, fact))
        if fact.data["user_view"]:
            users.add(fact.data["probe"])
    every = {probe.id: milliseconds(probe.every_s) for probe in timeline.plan.probes}
    out = {}
    for name, rows in shots.items():
        rows.sort(key=lambda shot: shot[:2])
        usual = _usual_step(rows) if rows else every[name]  # a detector asks its probe at its own rhythm
        out[name] = Series(name, name in users, every.get(name, usual) if name in users else usual, tuple(rows))
    return out


def _shot(timeline: Timeline, fact: Fact) -> Shot:
    data = fact.data
    sent = timeline.ms_of(fact, data["sent_s"])
    received = data["received_s"]
    answered = sent if received is None else max(sent, timeline.ms_of(fact, received))
    late = max(0, milliseconds(data["sent_s"] - data["due_s"]))
    return Shot(timeline.ms_of(fact, data["due_s"]), sent, answered, bool(data["ok"]), data["site"] or "", late)


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


def largest_gap_ms(shots: Sequence[Shot], first: int, last: int) -> int:
    """The longest time without a sample between two places of a series."""
    return max(
        (later.sent - earlier.sent for earlier, later in zip(shots[first:last], shots[first + 1 : last + 1], strict=True)), default=0
    )
