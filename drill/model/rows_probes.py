"""Rows of the report about probes: stretches of one state, and latency thinned to what a chart can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from drill.model.report import ProbeRow, ProbeRun
from drill.model.spans import seconds
from drill.model.windows import Series, Shot, largest_gap_ms

MOST_POINTS: Final = 600
"""A chart shows no more."""


def probe_rows(series: Mapping[str, Series], planned_s: Mapping[str, float]) -> tuple[ProbeRow, ...]:
    """Every probe, those of the plan first. `planned_s` is how often the plan asks each of its probes, in seconds."""
    return tuple(_probe_row(one, planned_s.get(one.probe)) for one in series.values())


def _probe_row(series: Series, planned_s: float | None) -> ProbeRow:
    shots = series.shots
    return ProbeRow(
        id=series.probe,
        user_view=series.user_view,
        samples=len(shots),
        failed=sum(not shot.ok for shot in shots),
        every_s=seconds(series.every_ms) if planned_s is None else planned_s,
        largest_gap_s=seconds(largest_gap_ms(shots, 0, len(shots) - 1)) if shots else 0.0,
        late_samples=sum(shot.late > series.every_ms for shot in shots),
        runs=tuple(_runs(shots)),
        latency=tuple((seconds(shot.sent), float(shot.received - shot.sent) if shot.ok else None) for shot in thinned(shots)),
    )


def _runs(shots: Sequence[Shot]) -> list[ProbeRun]:
    """A state lasts until the next sample says otherwise; while failing, the site does not count as a change."""
    runs: list[ProbeRun] = []
    begin = 0
    for place in range(1, len(shots) + 1):
        if place < len(shots) and _same(shots[begin], shots[place]):
            continue
        first, after = shots[begin], shots[min(place, len(shots) - 1)]
        runs.append(
            ProbeRun(
                start_s=seconds(first.sent),
                end_s=seconds(max(first.sent, after.sent)),
                ok=first.ok,
                samples=place - begin,
                site=first.site if first.ok else "",
            )
        )
        begin = place
    return runs


def _same(first: Shot, then: Shot) -> bool:
    return first.ok == then.ok and (not first.ok or first.site == then.site)


def thinned(shots: Sequence[Shot], most: int = MOST_POINTS) -> list[Shot]:
    """At most so many samples: both sides of every change of state, and the slowest of each bucket between them.

    A probe that changes its state more often than that keeps an even choice of the changes.
    """
    if len(shots) <= most:
        return list(shots)
    turns = {place for n in range(1, len(shots)) if not _same(shots[n - 1], shots[n]) for place in (n - 1, n)} | {0, len(shots) - 1}
    if len(turns) >= most:
        places = sorted(turns)
        return [shots[places[n * len(places) // most]] for n in range(most)]
    buckets = most - len(turns)
    keep = set(turns)
    for bucket in range(buckets):
        first, last = bucket * len(shots) // buckets, (bucket + 1) * len(shots) // buckets
        keep.add(max(range(first, last), key=lambda place: (shots[place].ok, shots[place].received - shots[place].sent)))
    return [shots[place] for place in sorted(keep)]
