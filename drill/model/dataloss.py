"""The data loss: acknowledged canary rows that the promoted side does not hold, counted and in seconds.

Where a plan promotes nothing, such as the loss of a zone that the database spans, it is what the database itself lacks afterwards.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from drill.model.events import Fact, Kind
from drill.model.report import Label, Rpo
from drill.model.spans import maybe_seconds, milliseconds
from drill.model.telling import label, said
from drill.model.timeline import Timeline

LARGEST_SILENCE_MS: Final = 2000
"""Without a write for longer than this before the loss, nothing is known about what was lost."""


_DATABASE: Final = label("the database", "数据库")


@dataclass(frozen=True)
class _Row:
    number: int
    acked_ms: int


def rpo_of(timeline: Timeline) -> Rpo:
    """The data loss measured against the objective; unmeasured whenever a piece of evidence is missing."""
    target_ms = milliseconds(timeline.plan.objectives.rpo_s)
    facts = timeline.of(Kind.CANARY_ACKNOWLEDGED)
    rows = sorted((_Row(fact.data["row"], timeline.ms_of(fact, fact.data["acked_s"])) for fact in facts), key=lambda row: row.number)
    lost: list[_Row] | None = None
    actual: int | None = None
    why = _missing(timeline, rows)
    if why is None:
        lost, why = _lost_rows(timeline, rows)
        actual = None if lost is None else _length_ms(lost, _begun_ms(timeline))
    return Rpo(
        target_s=target_ms / 1000,
        actual_s=maybe_seconds(actual),
        lost_rows=None if lost is None else len(lost),
        acknowledged_rows=len(rows),
        met=None if actual is None else actual <= target_ms,
        why=why,
    )


def _missing(timeline: Timeline, rows: Sequence[_Row]) -> Label | None:
    """What is lacking before anything can be counted."""
    if not timeline.measured:
        return label("A dry run measures nothing.", "演练预演不产生测量结果。")
    if timeline.outage_ms is None:
        return label("No outage was injected.", "未注入故障。")
    before = [row.acked_ms for row in rows if row.acked_ms <= timeline.outage_ms]
    if not before:
        return label("The canary acknowledged no row before the outage.", "故障前没有已确认的探针写入。")
    silence = _begun_ms(timeline) - max(before)
    if silence > LARGEST_SILENCE_MS:
        return label(f"The canary wrote nothing in the last {said(silence)} before the outage.", f"故障前 {said(silence)} 内没有探针写入。")
    return None


def _begun_ms(timeline: Timeline) -> int:
    """When the first cut began: a cloud needs seconds for all of it, in which nothing can be written any more."""
    facts = timeline.of(Kind.OUTAGE_INJECTED)
    return min((timeline.ms_of(fact, fact.data.get("begun_s", fact.mono_s)) for fact in facts), default=0)


def _lost_rows(timeline: Timeline, rows: Sequence[_Row]) -> tuple[list[_Row] | None, Label]:
    untouched = {(fact.data["step"], fact.data["attempt"]) for fact in timeline.of(Kind.STEP_FAILED) if fact.data.get("untouched")}
    starts = [fact for fact in timeline.of(Kind.STEP_STARTED) if fact.data["no_return"]]
    promote = next((fact for fact in starts if (fact.data["step"], fact.data["attempt"]) not in untouched), None)
    if promote is None and any(step.no_return for step in timeline.plan.steps()):
        return None, label("No database was promoted.", "没有提升任何数据库。")
    old_side = [row.number for row in rows if row.acked_ms <= (timeline.ms(promote) if promote else timeline.outage_ms or 0)]
    found = _read_back(timeline, promote, must_cover=max(old_side, default=0))
    if found is None:
        return None, label("The canary was not read back after the loss.", "故障后未回读探针数据。")
    asked = [row for row in rows if row.number <= found.data["highest_asked"] and row.acked_ms <= timeline.ms(found)]
    held = _Ranges(found.data["ranges"])
    lost = [row for row in asked if row.number not in held]
    rate = _rows_per_s(rows)
    where = label(found.data["site"], found.data["site"]) if found.data["site"] else _DATABASE
    if not lost:
        return lost, label(
            f"All {len(asked)} acknowledged rows are on {where.en}; {rate:.0f} rows/s were written.",
            f"全部 {len(asked)} 行已确认数据都在 {where.zh}；写入速率 {rate:.0f} 行/秒。",
        )
    length = said(_length_ms(lost, _begun_ms(timeline)))
    return lost, label(
        f"{len(lost)} of {len(asked)} acknowledged rows are not on {where.en}, {length} of writes; {rate:.0f} rows/s written.",
        f"{where.zh} 缺失 {len(lost)} / {len(asked)} 行已确认数据，相当于 {length} 的写入；写入速率 {rate:.0f} 行/秒。",
    )


def _length_ms(lost: Sequence[_Row], begun_ms: int) -> int:
    """From the acknowledgement of the first lost row to the cut, or to the last lost one if the old side still took it later."""
    if not lost:
        return 0
    places = [row.acked_ms for row in lost]
    return max(begun_ms, *places) - min(places)


def _read_back(timeline: Timeline, promote: Fact | None, *, must_cover: int) -> Fact | None:
    """The first look at the promoted side, or without one at the database itself, that asked for all the old side can have acknowledged."""
    outages = timeline.of(Kind.OUTAGE_INJECTED)
    lost_sites = {fact.data["site"] for fact in outages}
    since = promote.seq if promote else max((fact.seq for fact in outages), default=0)
    looks = [fact for fact in timeline.of(Kind.CANARY_FOUND) if fact.seq > since and fact.data["site"] not in lost_sites]
    looks = [fact for fact in looks if promote or not fact.data["site"]]
    return next((fact for fact in looks if fact.data["highest_asked"] >= must_cover), None)


def _rows_per_s(rows: Sequence[_Row]) -> float:
    if len(rows) < 2:
        return 0.0
    steps = sorted(later.acked_ms - earlier.acked_ms for earlier, later in pairwise(rows))
    return 1000 / max(1, steps[len(steps) // 2])


class _Ranges:
    """Row numbers as ranges, both ends included."""

    def __init__(self, ranges: Sequence[Sequence[int]]) -> None:
        self._ranges = sorted((first, last) for first, last in ranges)
        self._starts = [first for first, _ in self._ranges]

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        place = bisect_right(self._starts, number) - 1
        return place >= 0 and number <= self._ranges[place][1]
