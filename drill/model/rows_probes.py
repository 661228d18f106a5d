"""Rows of the report about probes: stretches of one state, and latency thinned to what a chart can show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from drill.model.recovery import LARGEST_GAP_MS, Recovery
from drill.model.report import ProbeRow, ProbeRun, Span
from drill.model.spans import Stretch, maybe_seconds, milliseconds, seconds
from drill.model.timeline import Timeline
from drill.model.windows import Series, Shot, largest_gap_ms, silences

MOST_POINTS: Final = 600
"""A chart shows no more."""


def probe_rows(timeline: Timeline, series: Mapping[str, Series], views: Mapping[str, Recovery], *, worst: str) -> tuple[ProbeRow, ...]:
    """Every probe from every place, those of the plan first. `views` is what users' views say; `worst` names the one that counts."""
    planned = {probe.id: probe for probe in timeline.plan.probes}
    target_ms = milliseconds(timeline.plan.objectives.rto_s)
    rows = []
    for one in series.values():
        view, probe = views.get(one.probe), planned.get(one.asks)
        row = _probe_row(one, None if probe is None else probe.every_s)
        more = {
            "connection": "new" if probe is None else probe.connection,
            "rto": None if view is None else view.rto(target_ms),
            "decides": view is not None and one.probe == worst,
        }
        rows.append(row.model_copy(update=more))
    return tuple(rows)


def _probe_row(series: Series, planned_s: float | None) -> ProbeRow:
    shots = series.shots
    blind_ms = max(LARGEST_GAP_MS, 2 * series.every_ms)  # a probe that is asked seldom is not blind between its samples
    gaps = silences(shots, blind_ms, start=shots[0].sent, end=shots[-1].sent) if shots else []
    return ProbeRow(
        id=series.probe,
        probe=series.asks,
        vantage=series.vantage,
        clock_error_s=maybe_seconds(series.clock_ms),
        gaps=tuple(Span(start_s=seconds(start), end_s=seconds(end)) for start, end in gaps),
        user_view=series.user_view,
        samples=len(shots),
        failed=sum(not shot.ok for shot in shots),
        every_s=planned_s if planned_s is not None and (series.user_view or not shots) else seconds(series.every_ms),
        largest_gap_s=seconds(largest_gap_ms(shots, 0, len(shots) - 1)) if shots else 0.0,
        late_samples=sum(shot.late > series.every_ms for shot in shots),
        runs=tuple(_runs(shots, blind_ms)),
        latency=tuple(_latency(thinned(shots, blind_ms=blind_ms), gaps)),
    )


def _latency(shots: Sequence[Shot], gaps: Sequence[Stretch]) -> Iterator[tuple[float, float | None]]:
    """Points of a line that breaks where a sample failed, and where there is none."""
    breaks = {start for start, _ in gaps}
    for shot in shots:
        yield seconds(shot.sent), float(shot.received - shot.sent) if shot.ok else None
        if shot.sent in breaks:
            yield seconds(shot.sent), None


def _runs(shots: Sequence[Shot], blind_ms: int) -> list[ProbeRun]:
    """A state lasts until the next sample says otherwise, or until there is none; while failing, the site does not count as a change."""
    runs: list[ProbeRun] = []
    begin = 0
    for place in range(1, len(shots) + 1):
        blind = place < len(shots) and shots[place].sent - shots[place - 1].sent > blind_ms
        if place < len(shots) and not blind and _same(shots[begin], shots[place]):
            continue
        first, after = shots[begin], shots[place - 1 if blind else min(place, len(shots) - 1)]
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


def _turns(first: Shot, then: Shot, blind_ms: int) -> bool:
    return not _same(first, then) or then.sent - first.sent > blind_ms


def thinned(shots: Sequence[Shot], most: int = MOST_POINTS, *, blind_ms: int = LARGEST_GAP_MS) -> list[Shot]:
    """At most so many samples: both sides of every change of state and of every gap, and the slowest of each bucket between them.

    A gap is longer than `blind_ms`. A probe that changes its state more often than that keeps an even choice of the changes.
    """
    if len(shots) <= most:
        return list(shots)
    turns = {place for n in range(1, len(shots)) if _turns(shots[n - 1], shots[n], blind_ms) for place in (n - 1, n)} | {0, len(shots) - 1}
    if len(turns) >= most:
        places = sorted(turns)
        return [shots[places[n * len(places) // most]] for n in range(most)]
    buckets = most - len(turns)
    keep = set(turns)
    for bucket in range(buckets):
        first, last = bucket * len(shots) // buckets, (bucket + 1) * len(shots) // buckets
        keep.add(max(range(first, last), key=lambda place: (shots[place].ok, shots[place].received - shots[place].sent)))
    return [shots[place] for place in sorted(keep)]
