"""Rows of the report about phases and steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drill.model.attempts import Work
from drill.model.courses import Course
from drill.model.critical_path import CriticalPath
from drill.model.events import Fact, Kind
from drill.model.plan import Text
from drill.model.questions import Question, ends_a_hold
from drill.model.report import AttemptRow, HoldRow, Label, PhaseRow, ProgressRow, Span, StepRow
from drill.model.spans import Stretch, maybe_seconds, milliseconds, seconds, total, within, without
from drill.model.timeline import Timeline

_DETAILS = ("detail", "state", "action", "address", "host")
_LENGTHS = ("took_s", "elapsed_s")


def title_of(text: Text) -> Label:
    """A plan's words as the report's."""
    return Label(en=text.en, zh=text.zh)


def step_rows(timeline: Timeline, works: Mapping[str, Work], path: CriticalPath) -> tuple[StepRow, ...]:
    """Every step, in plan order."""
    return tuple(_step_row(timeline, work, critical=work.planned.id in path.steps) for work in works.values())


def _step_row(timeline: Timeline, work: Work, *, critical: bool) -> StepRow:
    planned = work.planned
    start, end = work.start_ms, work.end_ms
    return StepRow(
        id=planned.id,
        phase=planned.phase,
        kind=planned.kind,
        title=title_of(planned.title),
        state=work.state,
        attempts=len(work.tries),
        start_s=maybe_seconds(start),
        end_s=maybe_seconds(end),
        actual_s=None if start is None or end is None else seconds(end - start),
        critical=critical,
        tries=tuple(
            AttemptRow(number=row.number, start_s=seconds(row.start_ms), end_s=maybe_seconds(row.end_ms), state=row.state, error=row.error)
            for row in work.tries
        ),
        progress=tuple(_progress_row(timeline, fact) for fact in work.progress),
        outputs=dict(work.outputs),
        error=work.error if work.state == "failed" else work.skipped,
        fix=work.fix if work.state == "failed" else "",
    )


def _progress_row(timeline: Timeline, fact: Fact) -> ProgressRow:
    data: Mapping[str, Any] = fact.data
    detail = " ".join(str(data[name]) for name in _DETAILS if data.get(name) not in {None, ""})
    lengths = [float(data[name]) for name in _LENGTHS if isinstance(data.get(name), int | float)]
    took = seconds(milliseconds(lengths[0])) if lengths else None
    return ProgressRow(at_s=seconds(timeline.ms(fact)), what=str(data["what"]), detail=detail, took_s=took)


def phase_rows(
    timeline: Timeline, courses: Mapping[str, Course], asked: Mapping[str, Question], path: CriticalPath, *, window: Stretch | None
) -> tuple[PhaseRow, ...]:
    """Every phase, in plan order. `window` is the recovery."""
    worst = bottleneck(timeline, courses, path, window)
    told = _told(timeline)
    now_ms = timeline.now_ms
    return tuple(_phase_row(course, asked, told=told, now_ms=now_ms, bottleneck=course.id == worst) for course in courses.values())


def bottleneck(timeline: Timeline, courses: Mapping[str, Course], path: CriticalPath, window: Stretch | None) -> str | None:
    """The phase of the critical path that the recovery spent most time in; while that is unmeasured, the longest one after the outage."""
    outage_ms = timeline.outage_ms
    rows = [courses[name] for name in path.phases]
    ended = [row for row in rows if row.end_ms is not None and (outage_ms is None or row.end_ms > outage_ms)]
    worst = max(ended, key=lambda row: _time_in(row, window), default=None)
    return worst.id if worst else None


def _time_in(course: Course, window: Stretch | None) -> tuple[int, int]:
    actual = course.actual_ms or 0
    if window is None:
        return actual, actual
    return total(within(without([(course.start_ms or 0, course.end_ms or 0)], course.holds), *window)), actual


def _phase_row(course: Course, asked: Mapping[str, Question], *, told: Mapping[str, set[str]], now_ms: int, bottleneck: bool) -> PhaseRow:
    question = asked.get(course.planned.gate or "")
    names = {course.id, f"gate {course.planned.gate}"}
    return PhaseRow(
        id=course.id,
        part="failback" if course.failback else "drill",
        title=title_of(course.planned.title),
        state=course.state,
        budget_s=course.planned.budget_s,
        start_s=maybe_seconds(course.start_ms),
        end_s=maybe_seconds(course.end_ms),
        actual_s=maybe_seconds(course.actual_ms),
        human_s=seconds(course.human_ms),
        work_s=maybe_seconds(course.work_ms),
        over_budget_s=maybe_seconds(_over_ms(course, now_ms)),
        waits=_spans(course.waits),
        held_s=seconds(course.held_ms),
        holds=_spans(course.holds),
        acknowledged_by=question.answered_by if question is not None and question.state == "acknowledged" else (),
        asks=course.planned.gate is not None,
        told=bool(names & told["sent"]),
        delivered=bool(names & told["delivered"]),
        answered=question is not None and question.state in {"acknowledged", "declined"},
        bottleneck=bottleneck,
    )


def _over_ms(course: Course, now_ms: int) -> int | None:
    """How much longer than its budget it took so far, holds left out; nothing without a budget or before it began."""
    if course.planned.budget_s is None or course.start_ms is None:
        return None
    end = now_ms if course.end_ms is None else course.end_ms
    return max(0, end - course.start_ms - course.held_ms - milliseconds(course.planned.budget_s))


def _spans(stretches: Sequence[Stretch]) -> tuple[Span, ...]:
    return tuple(Span(start_s=seconds(start), end_s=seconds(end)) for start, end in stretches)


def hold_rows(timeline: Timeline) -> tuple[HoldRow, ...]:
    """Every time on hold, with what was chosen then; what a retry or skip decides about one step ends no hold."""
    rows: list[HoldRow] = []
    for fact in timeline.of(Kind.DRILL_HELD, Kind.OPERATOR_DECIDED, Kind.DRILL_FINISHED):
        at_s, open_one = seconds(timeline.ms(fact)), bool(rows) and rows[-1].end_s is None
        if fact.kind is Kind.DRILL_HELD and not open_one:
            part, reason = "failback" if fact.data.get("part") == "failback" else "drill", str(fact.data["reason"])
            rows.append(HoldRow(part=part, reason=reason, start_s=at_s, end_s=None, chose=None, by=None))
        elif open_one and (fact.kind is Kind.DRILL_FINISHED or ends_a_hold(fact)):
            chose = fact.data["verb"] if fact.kind is Kind.OPERATOR_DECIDED else None
            rows[-1] = rows[-1].model_copy(update={"end_s": at_s, "chose": chose, "by": fact.by if chose else None})
    return tuple(rows)


def _told(timeline: Timeline) -> Mapping[str, set[str]]:
    """Phases and gates that a text was sent about, and those it was delivered for."""
    subjects: dict[str, set[str]] = {}
    out: dict[str, set[str]] = {"sent": set(), "delivered": set()}
    for fact in timeline.of(Kind.MESSAGE_SENT, Kind.MESSAGE_DELIVERED):
        data = fact.data
        if fact.kind is Kind.MESSAGE_SENT:
            about = {name for name in (data["phase"], data["gate"] and f"gate {data['gate']}") if name}
            subjects.setdefault(data["message"], set()).update(about)
            if data["state"] != "rejected":
                out["sent"] |= about
        elif data["state"] == "delivered":
            out["delivered"] |= subjects.get(data["message"], set())
    return out
