"""The recovery time as users had it: an interval from samples, judged against the objective, or unmeasured and why."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from drill.model.plan import Plan
from drill.model.questions import Question
from drill.model.report import Label, Rto
from drill.model.spans import Stretch, maybe_seconds, milliseconds
from drill.model.telling import both, label, said
from drill.model.timeline import Timeline
from drill.model.windows import OK_RUN, SKIPPED, Series, Shot, Window, largest_gap_ms, silences, windows

LARGEST_GAP_MS: Final = 2000
"""A longer time without a sample inside the window could hide anything."""


@dataclass(frozen=True)
class Recovery:
    """What one user-view probe says. Milliseconds on the axis; `None` where it was not seen."""

    probe: str
    why: Label
    met: bool | None = None
    actual_ms: int | None = None
    low_ms: int | None = None
    high_ms: int | None = None
    window: Stretch | None = None
    """From the last good sample to the recovery: `actual_ms` long when that is measured."""
    lost: tuple[Stretch, ...] = ()
    """Every stretch of failure before the verdict; one that never ended reaches to its last failed sample."""
    gap_ms: int = 0
    silent: bool = False
    """A vantage point sent nothing for so long that its users may have had anything."""
    clock_ms: int | None = 0
    """How far off the axis the place may stand that it was seen from; nothing when nobody knows."""

    def rto(self, target_ms: int) -> Rto:
        """As the report holds it."""
        return Rto(
            target_s=target_ms / 1000,
            actual_s=maybe_seconds(self.actual_ms),
            low_s=maybe_seconds(self.low_ms),
            high_s=maybe_seconds(self.high_ms),
            met=self.met,
            why=self.why,
        )


def recoveries_of(timeline: Timeline, series: Mapping[str, Series], asked: Mapping[str, Question]) -> dict[str, Recovery]:
    """What each user's view says, by the id of its series."""
    users = [one for one in series.values() if one.user_view and timeline.measured]
    return {one.probe: _bound(timeline, asked, _one(timeline, one)) for one in users}


def recovery_of(timeline: Timeline, series: Mapping[str, Series], asked: Mapping[str, Question]) -> Recovery:
    """The recovery the objective is judged by: of several user views the worst."""
    return worst_of(timeline, recoveries_of(timeline, series, asked))


def worst_of(timeline: Timeline, found: Mapping[str, Recovery]) -> Recovery:
    """The worst of what the users' views say: missed before unmeasured before met, never back before late."""
    if not timeline.measured:
        return Recovery("", label("A dry run measures nothing.", "演练预演不产生测量结果。"))
    if not found:
        return Recovery("", label("No probe takes the user's view.", "没有用户视角的探测。"))
    worst = min(found.values(), key=_badness)
    if not any("@" in name for name in found):
        return worst
    en, zh = f"The worst of {len(found)} views: {worst.probe}.", f"{len(found)} 个视角中最差的：{worst.probe}。"
    return replace(worst, why=both(worst.why, label(en, zh)))


def _badness(row: Recovery) -> tuple[int, bool, int]:
    rank = {False: 0, None: 1, True: 2}[row.met]
    return rank, row.actual_ms is not None, -(row.actual_ms or 0)


def good_in_a_row(plan: Plan, probe: str) -> int:
    """How many good samples make a recovery: what the plan's own proof asks for when it names the probe."""
    asked = [
        step.params.get("ok_in_a_row", 20)
        for phase in plan.phases
        for step in phase.steps
        if step.kind == "probe.until" and step.params.get("probe") == probe
    ]
    numbers = [number for number in asked if isinstance(number, int) and number > 0]
    return max(numbers, default=OK_RUN)


def _one(timeline: Timeline, series: Series) -> Recovery:
    outage_ms = timeline.outage_ms
    name = series.probe
    if outage_ms is None:
        return Recovery(name, label("No outage was injected.", "未注入故障。"))
    returned = timeline.returned_ms
    shots = [shot for shot in series.shots if returned is None or (shot.received if shot.ok else shot.sent) < returned]
    if not shots:
        return Recovery(name, words_nothing(series), silent=bool(series.vantage))
    need = good_in_a_row(timeline.plan, series.asks)
    found = _losses(timeline, shots, windows(shots, need=need, every_ms=series.every_ms), outage_ms=outage_ms)
    if not found:
        seen = label(f"The probe {name} saw no loss after the outage.", f"故障后探测 {name} 未见服务中断。")
        quiet = _words_silent(timeline, series, outage_ms=outage_ms)
        return Recovery(name, quiet or seen, silent=quiet is not None)
    row = replace(_judge(series, shots, found, timeline=timeline, need=need), clock_ms=series.clock_ms)
    if row.met is not None or row.actual_ms is not None or row.why == _words_edge(name):
        return row
    quiet = _words_silent(timeline, series, outage_ms=outage_ms)
    return replace(row, why=quiet or row.why, silent=quiet is not None)


def words_nothing(series: Series) -> Label:
    """That a probe, or a whole vantage point, has never been heard of."""
    if series.vantage:
        place = series.vantage
        return label(f"The vantage point {place} sent no sample of {series.asks}.", f"观测点 {place} 没有送来 {series.asks} 的任何样本。")
    return label(f"The probe {series.probe} left no sample.", f"探测 {series.probe} 没有任何样本。")


def _words_silent(timeline: Timeline, series: Series, *, outage_ms: int) -> Label | None:
    """When a vantage point sent nothing between the outage and the verdict for so long that it could hide anything."""
    end = timeline.now_ms if timeline.cut_ms is None else timeline.cut_ms
    start = max((shot.sent for shot in series.shots if shot.sent <= outage_ms), default=outage_ms)
    found = silences(series.shots, LARGEST_GAP_MS, start=start, end=end) if series.vantage else []
    return words_silence(timeline, series, max(found, key=lambda gap: gap[1] - gap[0])) if found else None


def words_silence(timeline: Timeline, series: Series, gap: Stretch) -> Label:
    """When a vantage point sent nothing."""
    start, end = (f"{timeline.zero.at + timedelta(milliseconds=ms):%H:%M:%S}" for ms in gap)
    long = said(gap[1] - gap[0])
    return label(
        f"{series.vantage} sent nothing of {series.asks} between {start} and {end} UTC ({long}).",
        f"{series.vantage} 在 {start} 与 {end} UTC 之间没有送来 {series.asks} 的样本（{long}）。",
    )


def _losses(timeline: Timeline, shots: Sequence[Shot], found: Sequence[Window], *, outage_ms: int) -> list[Window]:
    """The windows the outage made: from the one it lies in or precedes to the verdict. A recovery after the verdict is none."""
    cut = timeline.cut_ms
    out = []
    for one in found:
        if one.first_good is not None and shots[one.first_good].received <= outage_ms:
            continue
        if cut is not None and shots[one.first_bad].sent >= cut:
            break
        out.append(one if cut is None else _until(shots, one, cut=cut))
    return out


def _until(shots: Sequence[Shot], window: Window, *, cut: int) -> Window:
    """The window as it stood at the verdict. An answer that came after it is no recovery: a thawed server answers what was sent before."""
    if window.first_good is not None and shots[window.first_good].received < cut:
        return window
    failed = (k for k in range(window.last_bad, window.first_bad - 1, -1) if not shots[k].ok and shots[k].sent < cut)
    return replace(window, last_bad=next(failed), first_good=None)


def _judge(series: Series, shots: Sequence[Shot], found: Sequence[Window], *, timeline: Timeline, need: int) -> Recovery:
    first, last = found[0], found[-1]
    target_ms = milliseconds(timeline.plan.objectives.rto_s)
    lost = tuple((shots[one.first_bad].sent, shots[one.last_bad].sent) for one in found)
    spread = series.clock_ms or 0
    low = max(0, shots[last.last_bad].sent - shots[first.first_bad].sent - spread)
    good = _last_good(series, shots, first, outage_ms=timeline.outage_ms or 0)
    seen_to = last.last_bad if last.first_good is None else min(last.first_good + need - 1, len(shots) - 1)
    gap = largest_gap_ms(shots, first.first_bad if good is None else good, seen_to)
    row = Recovery(series.probe, _words_edge(series.probe), low_ms=low, lost=lost, gap_ms=gap)
    if last.first_good is None:
        return _not_back(row, target_ms=target_ms, need=need)
    if good is None:
        return row
    start, end = shots[good].sent - spread, shots[last.first_good].received
    row = replace(row, why=_words_gap(gap), high_ms=end - start, window=(start, end))
    return row if gap > LARGEST_GAP_MS else _measured(row, target_ms=target_ms, high=end - start, need=need)


def _last_good(series: Series, shots: Sequence[Shot], first: Window, *, outage_ms: int) -> int | None:
    """The last sample that is certainly before the loss: a gap between the outage and the first failure may hide an earlier one."""
    before = bisect_right(shots, outage_ms, key=lambda shot: shot.sent) - 1
    if first.last_good is None or before < 0:
        return None
    for place in range(before, first.last_good):
        if shots[place + 1].due - shots[place].due > series.every_ms * SKIPPED:
            return next((k for k in range(place, -1, -1) if shots[k].ok), None)
    return first.last_good


def _measured(row: Recovery, *, target_ms: int, high: int, need: int) -> Recovery:
    low = row.low_ms or 0
    met = True if high <= target_ms else (False if low > target_ms else None)
    if met is None:
        why = label(
            f"Between {said(low)} and {said(high)}: the promise of {said(target_ms)} lies in between.",
            f"介于 {said(low)} 与 {said(high)} 之间，目标 {said(target_ms)} 落在区间内，无法判定。",
        )
    else:
        why = label(
            f"From the last good user-view sample to the first of {need} good ones in a row; between {said(low)} and {said(high)}.",
            f"自最后一个正常的用户视角样本至连续 {need} 个正常样本的第一个；介于 {said(low)} 与 {said(high)} 之间。",
        )
    return replace(row, met=met, actual_ms=high, why=why)


def _not_back(row: Recovery, *, target_ms: int, need: int) -> Recovery:
    """The service has not been seen to come back: missed once it certainly took longer than promised."""
    low = row.low_ms or 0
    sure = row.gap_ms <= LARGEST_GAP_MS
    if sure and low > target_ms:
        why = label(
            f"Users had no service for at least {said(low)}; {need} good samples in a row were not seen.",
            f"用户至少 {said(low)} 无法使用服务，未见连续 {need} 个正常样本。",
        )
        return replace(row, met=False, why=why)
    why = label(
        f"The service has not been seen to come back: no {need} good samples in a row.",
        f"尚未观察到服务恢复：没有连续 {need} 个正常样本。",
    )
    return replace(row, why=why if sure else _words_gap(row.gap_ms))


def _words_edge(probe: str) -> Label:
    return label(f"The probe {probe} has no good sample before the loss.", f"探测 {probe} 在中断前没有正常样本。")


def _words_gap(gap_ms: int) -> Label:
    return label(f"No sample was taken for {said(gap_ms)} inside the window.", f"窗口内有 {said(gap_ms)} 没有样本。")


def _bound(timeline: Timeline, asked: Mapping[str, Question], row: Recovery) -> Recovery:
    """Under `objectives.rto_binds: accepted` the recovery ends when people accepted it: the last gate of the drill part was answered."""
    if timeline.plan.objectives.rto_binds != "accepted" or row.actual_ms is None or row.window is None:
        return row
    gates = [phase.gate for phase in timeline.plan.phases if phase.gate]
    question = asked.get(gates[-1]) if gates else None
    if question is None or question.state != "acknowledged" or question.answered_ms is None:
        return replace(row, met=None, actual_ms=None, why=label("Nobody has accepted the recovery yet.", "尚无人验收恢复结果。"))
    target_ms = milliseconds(timeline.plan.objectives.rto_s)
    end = max(question.answered_ms, row.window[1])
    later = end - row.window[1]
    low, high = (row.low_ms or 0) + later, row.actual_ms + later
    met = True if high <= target_ms else (False if low > target_ms else None)
    why = label(
        f"From the last good user-view sample to the acceptance at the gate {question.id}.",
        f"自最后一个正常的用户视角样本至关口 {question.id} 验收。",
    )
    return replace(row, why=why, met=met, actual_ms=high, low_ms=low, high_ms=high, window=(row.window[0], end))
