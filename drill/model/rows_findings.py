"""Rows of the report about what a person must know: deviations from the plan, doubts about the measurement, leftovers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Literal

from drill.model.events import Fact, Kind
from drill.model.fixes import Ground
from drill.model.plan import plan_digest
from drill.model.recovery import LARGEST_GAP_MS
from drill.model.report import FindingRow, UndoRow
from drill.model.rows_vantage import vantage_doubts
from drill.model.spans import maybe_seconds, total
from drill.model.telling import said
from drill.model.windows import Series, largest_gap_ms, windows

CLOCK_STEP_MS: Final = 1000
"""Wall and monotonic clock may differ by scheduling; more than this is a step."""
LATE_SHARE: Final = 0.01
Severity = Literal["info", "warning", "error"]


def _row(code: str, severity: Severity, what: str, *, fix: str = "", at_ms: int | None = None) -> FindingRow:
    return FindingRow(at_s=maybe_seconds(at_ms), code=code, what=what, fix=fix, severity=severity)


def finding_rows(ground: Ground, series: dict[str, Series], undos: tuple[UndoRow, ...]) -> tuple[FindingRow, ...]:
    """Everything worth knowing; what has a time comes in its order, the rest first."""
    rows = [
        *_raised(ground),
        *_steps(ground),
        *_answers(ground),
        *_samples(ground, series),
        *(_row(one.code, one.severity, one.what, fix=one.fix, at_ms=one.at_ms) for one in vantage_doubts(ground.timeline, series)),
        *_dips(ground, series),
        *_record(ground),
        *_leftovers(ground, undos),
    ]
    return tuple(sorted(rows, key=lambda row: -1.0 if row.at_s is None else row.at_s))


def _raised(ground: Ground) -> Iterator[FindingRow]:
    """What a witness wrote down as worth knowing."""
    kinds = (Kind.FINDING_RAISED, Kind.GUARD_BROKEN, Kind.PREFLIGHT_CHECKED, Kind.DRILL_HELD, Kind.OPERATOR_DECIDED, Kind.ABORT_REQUESTED)
    held = ground.timeline.over_ms is not None and ground.timeline.first(Kind.DRILL_FINISHED) is None
    stands = ground.timeline.of(Kind.DRILL_HELD)[-1:] if held else []
    for fact in ground.timeline.of(*kinds):
        if fact.kind is Kind.DRILL_HELD and fact not in stands:
            yield _row("V121", "info", f"The drill went on hold: {fact.data['reason']}", at_ms=ground.timeline.ms(fact))
            continue
        row = _told(fact, ground.timeline.ms(fact))
        if row is not None:
            yield row


def _told(fact: Fact, ms: int) -> FindingRow | None:
    data = fact.data
    if fact.kind is Kind.FINDING_RAISED:
        severity: Severity = data["severity"] if data.get("severity") in {"info", "error"} else "warning"
        return _row(str(data["code"]), severity, str(data["what"]), fix=str(data["fix"]), at_ms=ms)
    if fact.kind is Kind.GUARD_BROKEN:
        return _row("V115", "error", f"The guard {data['guard']} broke: {data['detail']}", at_ms=ms)
    if fact.kind is Kind.DRILL_HELD:
        return _row("V121", "warning", f"The drill went on hold: {data['reason']}", fix="`drill status` names the ways on.", at_ms=ms)
    if fact.kind is Kind.OPERATOR_DECIDED:
        return _chosen(fact, ms)
    if fact.kind is Kind.ABORT_REQUESTED:
        return _row("V122", "warning", f"An abort was asked for by {data['channel']}: {data['reason']}", at_ms=ms)
    return None if data["ok"] else _refused(fact, ms)


def _refused(fact: Fact, ms: int) -> FindingRow:
    data, code = fact.data, f"[{fact.data['code']}] " if fact.data.get("code") else ""
    return _row("V117", "error", f"Preflight {data['check']} failed: {code}{data['detail']}", fix=str(data.get("fix", "")), at_ms=ms)


def _chosen(fact: Fact, ms: int) -> FindingRow:
    verb, subject = fact.data["verb"], fact.data["subject"]
    if verb == "not-promoted":
        what = f"{fact.by} said that {subject} had promoted nothing: {fact.data.get('reason', '')}."
        return _row("V124", "warning", what, fix="The undo relied on it: look at the database yourself.", at_ms=ms)
    return _row("V120", "info", f"{fact.by} chose {verb} for {subject or 'the drill'}.", at_ms=ms)


def _steps(ground: Ground) -> Iterator[FindingRow]:
    for work in ground.works.values():
        name = work.planned.id
        if work.state == "skipped":
            yield _row("V101", "warning", f"{name} was skipped: {work.skipped}.", fix="The result says nothing about this step.")
        if len(work.tries) > 1:
            at = work.tries[1].start_ms
            yield _row(
                "V102", "warning", f"{name} needed {len(work.tries)} tries ({', '.join(row.state for row in work.tries)}).", at_ms=at
            )
    engines = ground.timeline.of(Kind.ENGINE_STARTED)
    held = [fact.seq for fact in ground.timeline.of(Kind.DRILL_HELD)]
    for earlier, fact in pairwise(engines):
        at, host = ground.timeline.ms(fact), fact.data["host"]
        if any(earlier.seq < seq < fact.seq for seq in held):
            yield _row("V123", "info", f"The drill went on after its hold, on {host}.", at_ms=at)
        else:
            yield _row("V110", "warning", f"The engine died and was started again on {host}.", at_ms=at)


def _answers(ground: Ground) -> Iterator[FindingRow]:
    now_ms = ground.timeline.now_ms
    for question in ground.asked.values():
        who, at = ", ".join(question.asked), question.asked_ms
        if question.late(now_ms) and question.state != "expired":
            took = f"{said(question.wait_ms(now_ms))} instead of {said(question.within_ms)}"
            yield _row(
                "V103", "warning", f"The answer to {question.id} was late: {took}.", fix=f"See why {who} could not answer.", at_ms=at
            )
        if question.escalated_to:
            yield _row("V104", "info", f"{question.id} was escalated from {who} to {', '.join(question.escalated_to)}.", at_ms=at)
        if question.state in {"declined", "expired"}:
            word = f"was declined by {', '.join(question.answered_by)}" if question.state == "declined" else "was not answered in time"
            yield _row("V105", "warning", f"{question.id} {word}.", at_ms=at)
    for fact in ground.timeline.of(Kind.REPLY_REJECTED):
        reason = f"an answer of {fact.data['contact'] or 'a stranger'} did not count: {fact.data['reason']}"
        yield _row("V116", "info", f"{reason[0].upper()}{reason[1:]}.", at_ms=ground.timeline.ms(fact))
    for fact in ground.timeline.of(Kind.MESSAGE_SENT):
        if fact.data["state"] == "rejected":
            what = f"A text to {fact.data['contact']} was not taken by {fact.data['channel']}: {fact.data['code'] or 'no reason given'}."
            yield _row("V119", "warning", what, at_ms=ground.timeline.ms(fact))


def _samples(ground: Ground, series: dict[str, Series]) -> Iterator[FindingRow]:
    for one in series.values():
        late = sum(shot.late > one.every_ms for shot in one.shots)
        if late > LATE_SHARE * len(one.shots):
            what = f"{late} of {len(one.shots)} samples of {one.probe} were sent later than {said(one.every_ms)} after they were due."
            yield _row(
                "V106", "warning", what, fix=f"Give {one.vantage or 'the observer'} a quieter machine; the interval is wider than it looks."
            )
        gap = largest_gap_ms(one.shots, 0, len(one.shots) - 1) if one.user_view and one.shots and not one.vantage else 0
        if gap > LARGEST_GAP_MS:
            yield _row("V107", "warning", f"{one.probe} took no sample for {said(gap)}.", fix="See whether the observer died.")
    lost = ground.recovery.lost
    for start, end in lost[1:]:
        what = f"The service failed again for {said(end - start)}; the recovery ends with the last of {len(lost)} windows."
        yield _row("V109", "warning", what, at_ms=start)


def _dips(ground: Ground, series: dict[str, Series]) -> Iterator[FindingRow]:
    """What users lost on the way home: no part of the recovery time, but they waited all the same."""
    home_ms = ground.timeline.first_ms(Kind.FAILBACK_STARTED)
    if home_ms is None:
        return
    for one in (one for one in series.values() if one.user_view):
        shots = [shot for shot in one.shots if shot.sent >= home_ms]
        found = windows(shots, need=1, every_ms=one.every_ms)
        ends = [shots[row.last_bad].received if row.first_good is None else shots[row.first_good].received for row in found]
        lost = [(shots[row.first_bad].sent, end) for row, end in zip(found, ends, strict=True)]
        lost = [stretch for stretch in lost if stretch[0] > home_ms + one.every_ms]  # what was down before it is not the way home's
        if lost:
            times = "once" if len(lost) == 1 else f"{len(lost)} times"
            what = f"On the way home users of {one.probe} lost the service {times}, for {said(total(lost))} in all."
            yield _row("V125", "info", what, at_ms=lost[0][0])


def _record(ground: Ground) -> Iterator[FindingRow]:
    timeline = ground.timeline
    if len(timeline.boots) > 1:
        what = f"The facts span {len(timeline.boots)} boots: lengths across them come from the wall clock."
        yield _row("V108", "warning", what, fix="Trust them as far as you trust the time synchronisation.")
    if timeline.planned.data["plan_digest"] != plan_digest(timeline.planned.data["plan"]):
        yield _row("V113", "error", "The plan is not the one that was approved: its digest differs.", fix="Run `drill verify`.")
    worst = max((abs(_wall_ms(ground, fact) - timeline.ms(fact)) for fact in timeline.story()), default=0)
    if worst > CLOCK_STEP_MS:
        yield _row("V114", "info", f"The wall clock moved by {said(worst)} against the monotonic clock; lengths do not use it.")


def _wall_ms(ground: Ground, fact: Fact) -> int:
    return round((fact.at - ground.timeline.zero.at).total_seconds() * 1000)


def _leftovers(ground: Ground, undos: tuple[UndoRow, ...]) -> Iterator[FindingRow]:
    for fact in ground.timeline.of(Kind.UNDO_FAILED):
        data = fact.data
        what = f"The undo of {data['step']} failed: [{data['code']}] {data['error']}"
        yield _row("V111", "error", what, fix=str(data["fix"]), at_ms=ground.timeline.ms(fact))
    finished = ground.timeline.first(Kind.DRILL_FINISHED)
    if finished is None:
        return
    at = ground.timeline.ms(finished)
    for undo in undos:
        if undo.state == "open":
            yield _row("V112", "error", f"The undo of {undo.step} is still open.", fix="Run `drill abort` or `drill failback`.", at_ms=at)
    told = {fact.data["what"] for fact in ground.timeline.of(Kind.FINDING_RAISED)}
    for left in finished.data["left"]:
        if left in told:
            continue
        yield _row("V118", "error", f"Left behind: {left}.", fix="Clean it up by hand, then check with `drill status`.", at_ms=at)
