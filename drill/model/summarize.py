"""From facts to a report: the one fold every view reads, at any moment of a drill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drill.model.attempts import Work, works
from drill.model.built import built_rows
from drill.model.clocks import NO_CLOCKS, noticed_ms, shares_of
from drill.model.courses import courses
from drill.model.critical_path import critical_path
from drill.model.dataloss import rpo_of
from drill.model.dry_run import untimed
from drill.model.events import Fact, Kind
from drill.model.fixes import Ground, fixes
from drill.model.questions import Question, questions
from drill.model.recovery import Recovery, recoveries_of, worst_of
from drill.model.report import Clocks, Evidence, FindingRow, FixRow, Label, PhaseRow, Report, Rpo, Rto, Span, TrendPoint
from drill.model.rows_course import hold_rows, phase_rows, step_rows, title_of
from drill.model.rows_findings import finding_rows
from drill.model.rows_people import auto_answered, gate_rows, message_rows, reply_rows
from drill.model.rows_probes import probe_rows
from drill.model.rows_promises import promise_rows
from drill.model.rows_undos import undo_rows
from drill.model.spans import maybe_seconds, milliseconds, seconds
from drill.model.summary import After, summary_of
from drill.model.timeline import Timeline
from drill.model.verdict import MET, NOTHING_JUDGED, PERSON_NEEDED, REFUSED, outcome_of, refusal
from drill.model.windows import all_series


def summarize(facts: Sequence[Fact], *, trend: Sequence[TrendPoint] = (), version: str) -> Report:
    """The report of one drill from its facts in journal order; any prefix that holds the plan will do.

    `trend` are past drills of the same scenario and mode, `version` is that of the program that reads.
    Raises: JournalBroken: the facts hold no plan (J004).
    """
    timeline = Timeline(facts)
    tasks, asked, series = works(timeline), questions(timeline), all_series(timeline)
    phases = courses(timeline, tasks, asked)
    path = critical_path(phases, tasks)
    views = recoveries_of(timeline, series, asked)
    recovery = worst_of(timeline, views)
    ground = Ground(timeline, phases, tasks, asked, path, recovery)
    rto, rpo = recovery.rto(milliseconds(timeline.plan.objectives.rto_s)), rpo_of(timeline)
    outcome, exit_code = outcome_of(timeline)
    undos, best = undo_rows(timeline, tasks), fixes(ground)
    findings = finding_rows(ground, series, undos)
    rows = phase_rows(timeline, phases, asked, path, window=recovery.window)
    report = Report(
        **_heading(timeline, version),
        **_moments(timeline, tasks),
        outcome=outcome,
        exit_code=exit_code,
        recovery=None if recovery.window is None else Span(start_s=seconds(recovery.window[0]), end_s=seconds(recovery.window[1])),
        rto=rto,
        rpo=rpo,
        clocks=_clocks(ground, recovery),
        summary=_summary(timeline, rto, rpo, phases=rows, fixed=best, findings=findings),
        phases=rows,
        steps=step_rows(timeline, tasks, path),
        **_people(timeline, asked),
        probes=probe_rows(timeline, series, views, worst=recovery.probe),
        built=built_rows(timeline),
        currency=timeline.plan.prices.currency if timeline.plan.prices else "",
        undos=undos,
        fixes=best,
        findings=findings,
        trend=tuple(trend),
    )
    return report if timeline.measured else untimed(report)


def _summary(
    timeline: Timeline, rto: Rto, rpo: Rpo, *, phases: Sequence[PhaseRow], fixed: Sequence[FixRow], findings: Sequence[FindingRow]
) -> Label:
    outcome, exit_code = outcome_of(timeline)
    if exit_code == REFUSED:
        return refusal(findings)
    if exit_code == MET and timeline.plan.objectives.rto_binds == "none" and timeline.measured:
        return NOTHING_JUDGED
    ended = timeline.first(Kind.DRILL_FINISHED)
    after: After = "left" if exit_code == PERSON_NEEDED else "gone" if ended is not None and ended.data.get("ground_gone") else ""
    return summary_of(outcome, timeline.plan.mode, rto, rpo, phases=phases, fixes=fixed, after=after)


def _heading(timeline: Timeline, version: str) -> dict[str, Any]:
    """What drill it is, and what lets an auditor check it."""
    plan = timeline.plan
    return {
        "drill": timeline.planned.drill,
        "scenario": plan.scenario,
        "title": title_of(plan.title),
        "mode": plan.mode.value,
        "auto_answered": auto_answered(timeline),
        "zero_at": timeline.zero_at,
        "evidence": _evidence(timeline, version),
    }


def _people(timeline: Timeline, asked: Mapping[str, Question]) -> dict[str, Any]:
    """What people were asked, told and heard, and when the drill waited for them to decide."""
    return {
        "holds": hold_rows(timeline),
        "gates": gate_rows(timeline, asked),
        "messages": message_rows(timeline),
        "replies": reply_rows(timeline),
        "promises": promise_rows(timeline, asked),
    }


def _moments(timeline: Timeline, tasks: Mapping[str, Work]) -> dict[str, float | None]:
    """The single moments a report names."""
    return {
        "finished_s": maybe_seconds(timeline.first_ms(Kind.DRILL_FINISHED)),
        "outage_s": maybe_seconds(timeline.outage_ms),
        "detected_s": maybe_seconds(noticed_ms(timeline)),
        "no_return_s": maybe_seconds(_no_return_ms(timeline, tasks)),
        "verdict_s": maybe_seconds(timeline.verdict_ms),
    }


def _clocks(ground: Ground, recovery: Recovery) -> Clocks:
    if recovery.actual_ms is None or recovery.window is None:
        return NO_CLOCKS
    return shares_of(ground.timeline, ground.works, ground.asked, recovery.window).clocks()


def _no_return_ms(timeline: Timeline, tasks: Mapping[str, Work]) -> int | None:
    """When the first step began after which nothing rolls back by itself."""
    starts = [row.start_ms for work in tasks.values() if work.planned.no_return and not work.failback for row in work.tries if row.acted]
    starts += [timeline.ms(fact) for fact in timeline.of(Kind.STEP_STARTED) if fact.data["no_return"] and _acted(tasks, fact)]
    return min(starts, default=None)


def _acted(tasks: Mapping[str, Work], started: Fact) -> bool:
    """Whether a try may have changed something; one of a step that is not in the plan may."""
    tries = tasks[started.data["step"]].tries if started.data["step"] in tasks else ()
    return all(row.acted for row in tries if row.number == started.data["attempt"])


def _evidence(timeline: Timeline, version: str) -> Evidence:
    return Evidence(
        facts=len(timeline.facts),
        head_digest=timeline.facts[-1].digest,
        plan_digest=timeline.planned.data["plan_digest"],
        version=version,
        started_by=str(timeline.planned.data["started_by"]),
        epochs=len(timeline.epochs),
        boots=len(timeline.boots),
        samples=len(timeline.of(Kind.PROBE_SAMPLED)),
    )
