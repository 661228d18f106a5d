"""The first screen: was it met, where did the time go, what was the bottleneck, who answered, what to fix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from drill.model.report import FixRow, GateRow, HoldRow, Label, PhaseRow, Report, StepRow
from drill.model.verdict import nothing_judged
from drill.views.axis import Axis, axis_over
from drill.views.figures import promised
from drill.views.words import MET, MISSED, NO_RESULT, NOT_YET, OUTCOMES, UNMEASURED, both

Tone = Literal["ok", "bad", "held", "unmeasured", "stopped", "info"]
_OFF_SCALE = 1.7
"""A target farther away than this many times the recovery would squeeze the phases: it becomes an arrow at the edge."""


@dataclass(frozen=True)
class Verdict:
    """The one thing a person must see first."""

    tone: Tone
    sign: str
    title: Label


@dataclass(frozen=True)
class Objective:
    """The result of one objective. `tone` is its colour, `word` says the same without colour."""

    tone: Tone
    sign: str
    word: Label


@dataclass(frozen=True)
class Lane:
    """One phase over the recovery axis. Pairs are x and width."""

    phase: PhaseRow
    bar: tuple[str, str]
    over: tuple[str, str] | None
    waits: tuple[tuple[str, str], ...]
    holds: tuple[tuple[str, str], ...]
    against_s: float | None
    """Actual minus budget; null when either is missing."""


@dataclass(frozen=True)
class Clock:
    """One of the four clocks as part of the recovery."""

    name: Literal["detection", "machine", "human", "engine"]
    title: Label
    seconds: float
    x: str
    width: str


@dataclass(frozen=True)
class Strip:
    """Phases and clocks over one axis that starts when the service was lost."""

    axis: Axis
    lanes: tuple[Lane, ...]
    window: tuple[str, str] | None
    target: str | None
    """Null when the target lies off the scale."""
    clocks: tuple[Clock, ...]
    holds: tuple[tuple[str, str], ...]
    held_s: float
    """How much of the time shown the drill was on hold."""


@dataclass(frozen=True)
class ToFix:
    """One thing to improve. A fix that was computed carries its saving; one from a failure its remedy."""

    title: Label
    why: Label
    severity: Literal["info", "warning", "error"]
    computed: FixRow | None = None


def verdict_of(report: Report) -> Verdict:
    """What the band at the top says. Missed outranks unmeasured; an incomplete clean-up outranks met."""
    if report.outcome == "running":
        return Verdict("info", "▸", both("The drill is running", "演练进行中"))
    if report.outcome == "held":
        return Verdict("held", "‖", both("On hold: a person must decide", "已挂起：需要人工决定"))
    if report.outcome == "finished":
        return _finished(report)
    outcome = OUTCOMES[report.outcome]
    if report.exit_code == 5:
        return Verdict("held", "‖", both(f"{outcome.en}: a person is needed", f"{outcome.zh}：需要人工处理"))
    return Verdict("bad", "✕", outcome) if report.outcome == "failed" else Verdict("stopped", "■", outcome)


def _finished(report: Report) -> Verdict:
    if report.mode == "dry-run":
        return Verdict("info", "◇", both("Dry run: nothing was touched, nothing was measured", "空跑：未做任何改动，未做任何测量"))
    met = {"RTO": report.rto.met, "RPO": report.rpo.met}
    missed = " + ".join(name for name, state in met.items() if state is False)
    if missed:
        return Verdict("bad", "✕", both(f"{missed} missed", f"{missed} 未达标"))
    if report.exit_code == 5:
        return Verdict("held", "‖", both("Not cleaned up: a person is needed", "清理未完成：需要人工处理"))
    unknown = " + ".join(name for name, state in met.items() if state is None)
    if nothing_judged(report):
        return Verdict("ok", "✓", both("Finished as planned; nothing was to be judged", "按计划完成；无需评判目标"))
    if unknown:
        return Verdict("unmeasured", "?", both(f"{unknown} unmeasured", f"{unknown} 未测得"))
    return Verdict("ok", "✓", both("Objectives met", "目标达成"))


def objective_of(report: Report, met: bool | None) -> Objective:  # noqa: FBT001 - it is the value that is shown
    """Colour and word of one objective. No outage, no result: that is not the same as unmeasured."""
    if met is None and report.outcome == "running":
        return Objective("info", "…", NOT_YET)
    if met is None:
        nothing = report.outage_s is None or report.outcome in {"declined", "aborted"}
        return Objective("stopped", "–", NO_RESULT) if nothing else Objective("unmeasured", "?", UNMEASURED)
    return Objective("ok", "✓", MET) if met else Objective("bad", "✕", MISSED)


def strip_of(report: Report) -> Strip:
    """Phases of the drill part that touched the recovery, and the clocks, on one axis."""
    start_s, end_s = _window(report)
    target_s = start_s + report.rto.target_s
    near = report.outage_s is not None and target_s - start_s <= (end_s - start_s) * _OFF_SCALE
    high_s = max(end_s, target_s) if near else end_s
    axis = replace(axis_over(start_s, high_s, origin_s=start_s, room=0.04), end_s=end_s)
    lost_s = start_s if report.outage_s is None else report.outage_s
    lanes = tuple(_lane(axis, phase) for phase in report.phases if phase.part == "drill" and _touches(phase, lost_s, end_s))
    window = (axis.x(report.recovery.start_s), axis.width(report.recovery.start_s, report.recovery.end_s)) if report.recovery else None
    return Strip(axis, lanes, window, axis.x(target_s) if near else None, tuple(_clocks(report, axis)), *_held(report, axis))


def _held(report: Report, axis: Axis) -> tuple[tuple[tuple[str, str], ...], float]:
    """Where the drill stood still on this axis, and how long in all; a hold nobody has ended reaches to the edge."""
    ends = [(max(hold.start_s, axis.low_s), min(axis.end_s if hold.end_s is None else hold.end_s, axis.end_s)) for hold in report.holds]
    shown = [(start_s, end_s) for start_s, end_s in ends if start_s < end_s]
    return tuple((axis.x(start_s), axis.width(start_s, end_s)) for start_s, end_s in shown), sum(end - start for start, end in shown)


def _window(report: Report) -> tuple[float, float]:
    if report.recovery:
        return report.recovery.start_s, report.recovery.end_s
    end_s = report.verdict_s or last_moment_s(report, "drill")
    return (report.outage_s, end_s) if report.outage_s is not None and report.outage_s < end_s else (0.0, end_s)


def last_moment_s(report: Report, part: Literal["drill", "failback"]) -> float:
    """The latest moment a part of the drill is known to have reached; 0 when it never began."""
    own = {phase.id for phase in report.phases if phase.part == part}
    moments = [moment for phase in report.phases if phase.id in own for moment in (phase.start_s, phase.end_s)]
    moments += [wait.end_s for phase in report.phases if phase.id in own for wait in phase.waits]
    for step in report.steps:
        if step.phase in own:
            moments += [step.start_s, step.end_s, *(row.at_s for row in step.progress)]
    moments += [moment for gate in report.gates if own & set(gate.phases) for moment in (gate.asked_s, gate.answered_s)]
    return max((moment for moment in moments if moment is not None), default=0.0)


def _touches(phase: PhaseRow, lost_s: float, end_s: float) -> bool:
    return phase.start_s is not None and phase.start_s <= end_s and (phase.end_s is None or phase.end_s > lost_s)


def _lane(axis: Axis, phase: PhaseRow) -> Lane:
    start_s = phase.start_s or 0.0
    end_s = axis.end_s if phase.end_s is None else phase.end_s
    against_s = None if phase.budget_s is None or phase.actual_s is None else phase.actual_s - phase.budget_s
    over = None
    if phase.budget_s is not None and against_s is not None and against_s > 0:
        passed_s = max(start_s + phase.budget_s, end_s - against_s)  # a hold before it moves the limit
        over = (axis.x(passed_s), axis.width(passed_s, end_s, least=0.4))
    waits, holds = (tuple((axis.x(one.start_s), axis.width(one.start_s, one.end_s)) for one in rows) for rows in (phase.waits, phase.holds))
    return Lane(phase, (axis.x(start_s), axis.width(start_s, end_s, least=0.4)), over, waits, holds, against_s)


def _clocks(report: Report, axis: Axis) -> Iterator[Clock]:
    clocks, at_s = report.clocks, report.recovery.start_s if report.recovery else 0.0
    for name, title, seconds in (
        ("detection", both("detection", "发现"), clocks.detection_s),
        ("machine", both("machine", "机器"), clocks.machine_s),
        ("human", both("human", "等人"), clocks.human_s),
        ("engine", both("engine", "引擎"), clocks.engine_s),
    ):
        if seconds is not None:
            yield Clock(name, title, seconds, axis.x(at_s), axis.width(at_s, at_s + seconds))  # type: ignore[arg-type]  # the literal is lost in the loop
            at_s += seconds


def bottleneck_of(report: Report) -> PhaseRow | None:
    """The phase that decided the length of the recovery."""
    return next((phase for phase in report.phases if phase.bottleneck), None)


def slowest_steps(report: Report, phase: str, *, most: int = 3) -> tuple[StepRow, ...]:
    """The longest steps of a phase, longest first."""
    timed = [step for step in report.steps if step.phase == phase and step.actual_s is not None]
    return tuple(sorted(timed, key=lambda step: -(step.actual_s or 0))[:most])


def gates_of(report: Report, part: Literal["drill", "failback"]) -> tuple[GateRow, ...]:
    """Gates of one part, in the order they were asked."""
    own = {phase.id for phase in report.phases if phase.part == part}
    return tuple(sorted((gate for gate in report.gates if own & set(gate.phases)), key=lambda gate: gate.asked_s))


def holds_of(report: Report, part: Literal["drill", "failback"]) -> tuple[HoldRow, ...]:
    """The times on hold of one part, in order."""
    return tuple(hold for hold in report.holds if hold.part == part)


def to_fix(report: Report, *, most: int = 4) -> tuple[ToFix, ...]:
    """What went wrong first, then what would save time."""
    broken = [
        ToFix(step.title, both(f"{step.error} {step.fix}".strip(), f"{step.error} {step.fix}".strip()), "error")
        for step in report.steps
        if step.state == "failed" and step.error
    ]
    broken += [_unanswered(gate) for gate in report.gates if gate.state in {"declined", "expired"}]
    named = {f"“{step.title.en}”" for step in report.steps if step.state == "failed" and step.error}
    named |= {f"“{gate.title.en}”" for gate in report.gates if gate.state in {"declined", "expired"}}
    told = [
        ToFix(both(finding.what, finding.what), both(finding.fix, finding.fix), finding.severity)
        for finding in report.findings
        if finding.fix and finding.severity != "info"
    ]
    fixes = (fix for fix in report.fixes if fix.saves_s is not None or not any(name in fix.title.en for name in named))
    computed = [ToFix(fix.title, fix.why, "info", fix) for fix in fixes]
    room = max(most - len(computed), 1)
    return tuple(([*broken, *told][:room] + computed)[:most])


def _unanswered(gate: GateRow) -> ToFix:
    if gate.state == "declined":
        people = ", ".join(gate.answered_by)
        title = both(f"“{gate.title.en}” was declined", f"“{gate.title.zh}”被拒绝")
        return ToFix(title, both(f"{people} said no.", f"{people} 表示拒绝。"), "error")
    people = " → ".join((*gate.asked, *gate.escalated_to))
    limit = promised(gate.within_s)
    title = both(f"“{gate.title.en}” was not answered", f"“{gate.title.zh}”无人答复")
    return ToFix(title, both(f"No answer within {limit}: {people}.", f"{limit} 内无人答复：{people}。"), "error")


def target_text(report: Report) -> Label:
    """The promise beside the target line."""
    text = promised(report.rto.target_s)
    return both(f"RTO target {text}", f"RTO 目标 {text}")
