"""Rows of the report about vantage points: what one of them did not see, and how far its clock can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from drill.model.recovery import LARGEST_GAP_MS, words_nothing, words_silence
from drill.model.timeline import Timeline
from drill.model.windows import Series, silences

_MOST_GAPS = 3


class Doubt(NamedTuple):
    """What a person must know of a vantage point."""

    code: str
    severity: Literal["info", "warning"]
    what: str
    fix: str = ""
    at_ms: int | None = None


def vantage_doubts(timeline: Timeline, series: Mapping[str, Series]) -> Iterator[Doubt]:
    """What vantage points left open; of a drill that measures nothing, nothing."""
    for one in series.values() if timeline.outage_ms is not None and timeline.measured else ():
        if not one.vantage:
            continue
        if not one.shots:
            fix = f"Start `drill probe --as {one.vantage}` there before the drill, or drop the vantage point."
            yield Doubt("V126", "warning" if one.user_view else "info", words_nothing(one).en, fix)
            continue
        yield from _silences(timeline, one)
        if one.clock_ms is None:
            what = f"Nobody compared the clock of {one.vantage} with the drill's: what it saw of {one.asks} stands by its own wall clock."
            yield Doubt("V127", "info", what, "Lengths are its own and hold; trust the places as far as its time synchronisation.")


def _silences(timeline: Timeline, series: Series) -> Iterator[Doubt]:
    """Nothing sent between its first sample and the verdict: its agent was gone or stood still, for what came late has its own times."""
    end = timeline.now_ms if timeline.cut_ms is None else timeline.cut_ms
    for gap in silences(series.shots, LARGEST_GAP_MS, start=series.shots[0].sent, end=end)[:_MOST_GAPS] if series.user_view else ():
        fix = f"See whether `drill probe` ran on {series.vantage}; nothing is known of its users in that time."
        yield Doubt("V107", "warning", words_silence(timeline, series, gap).en, fix, gap[0])
