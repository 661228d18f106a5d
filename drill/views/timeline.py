"""The timeline: every phase, step, try, wait and progress row as bars over one axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from drill.model.report import AttemptRow, GateRow, Label, PhaseRow, ProgressRow, Report, StepRow, UndoRow
from drill.views.axis import Axis, Mark, axis_over, place_marks
from drill.views.figures import length
from drill.views.headline import gates_of, holds_of, last_moment_s
from drill.views.words import both, channel_of, state_of

FOLD_ABOVE_STEPS = 30
"""With more steps than this, phases fold."""
LEAVE_OUT_ABOVE_STEPS = 1000
"""With more steps than this, only those have a row that have something to tell; `report.json` has them all."""
_LONGEST = 20
"""So many of the longest steps of a phase that matters have a row all the same."""
_LAST_HOLD = 0.2
"""How much of the length of a part the hold at its end may add to its axis."""
_LETTER = 0.8
"""Width of a letter of a note in per cent of a usual track; a Chinese one counts twice."""


@dataclass(frozen=True)
class Bar:
    """One stretch. `look` names its style; `limit` is where a wait passed its limit."""

    x: str
    width: str
    look: Literal["run", "slack", "fault", "failed", "interrupted", "wait", "late"]
    title: str


@dataclass(frozen=True)
class Note:
    """Words after or before a bar, or on it where neither side has room. `lead` is the same in both languages."""

    x: str
    place: Literal["after", "before", "on"]
    text: Label
    tone: str = ""
    lead: str = ""


@dataclass(frozen=True)
class ProgressLine:
    """One resource or task inside a step. Without a length it is a moment."""

    row: ProgressRow
    x: str
    width: str | None


@dataclass(frozen=True)
class Row:
    """One step or gate of the timeline."""

    kind: Literal["step", "gate"]
    id: str
    title: Label
    state: str
    start_s: float
    took_s: float | None
    bars: tuple[Bar, ...]
    note: Note | None
    limit: str | None
    undo: tuple[str, UndoRow] | None = None
    step: StepRow | None = None
    progress: tuple[ProgressLine, ...] = ()


@dataclass(frozen=True)
class Block:
    """One phase with its rows. `fold` wraps it in a closed or open `<details>`."""

    phase: PhaseRow
    bar: tuple[str, str] | None
    note: Note | None
    rows: tuple[Row, ...]
    fold: Literal["none", "closed", "open"]
    left_out: int = 0
    """Steps without a row of their own: they went well at the first try."""


@dataclass(frozen=True)
class Timeline:
    """One part of the drill on its own axis."""

    part: Literal["drill", "failback"]
    axis: Axis
    marks: tuple[Mark, ...]
    target: str | None
    blocks: tuple[Block, ...]
    holds: tuple[tuple[str, str], ...] = ()
    """Where the whole drill stood still: x and width."""


def timeline_of(report: Report, part: Literal["drill", "failback"]) -> Timeline | None:
    """The timeline of one part; nothing when that part has no phase."""
    phases = [phase for phase in report.phases if phase.part == part]
    if not phases:
        return None
    axis = _axis(report, phases)
    target_s = report.recovery.start_s + report.rto.target_s if report.recovery and part == "drill" else None
    many = len(report.steps) > FOLD_ABOVE_STEPS
    blocks = tuple(_block(report, phase, axis, many=many) for phase in phases)
    target = axis.x(target_s) if target_s is not None and axis.shows(target_s) else None
    return Timeline(part, axis, place_marks(axis, _moments(report, part)), target, blocks, _holds(report, part, axis))


def _holds(report: Report, part: Literal["drill", "failback"], axis: Axis) -> tuple[tuple[str, str], ...]:
    ends = ((hold.start_s, axis.end_s if hold.end_s is None else hold.end_s) for hold in holds_of(report, part))
    return tuple((axis.x(start_s), axis.width(start_s, end_s, least=0.3)) for start_s, end_s in ends)


def _axis(report: Report, phases: list[PhaseRow]) -> Axis:
    part = phases[0].part
    starts = [phase.start_s for phase in phases if phase.start_s is not None]
    low_s = 0.0 if part == "drill" else min(starts, default=0.0)
    high_s = max(last_moment_s(report, part), low_s)
    ids = {phase.id for phase in phases}
    undone = [undo.at_s for undo in report.undos if undo.at_s is not None and undo.step.split(".")[0] in ids]
    if part == "failback" or not last_moment_s(report, "failback"):
        high_s = max([high_s, *undone, report.finished_s or high_s])
    most_s = high_s + (high_s - low_s) * _LAST_HOLD  # one after the last step may have taken days
    high_s = max([high_s, *(min(hold.end_s, most_s) for hold in holds_of(report, part) if hold.end_s is not None)])
    return axis_over(low_s, high_s, room=0.02)


def _moments(report: Report, part: Literal["drill", "failback"]) -> Iterator[tuple[float | None, str, Label]]:
    for hold in holds_of(report, part):
        yield hold.start_s, "warn", both("on hold", "暂停")
    if part == "failback":
        yield report.finished_s, "", both("finished", "结束")
        return
    yield report.outage_s, "bad", both("outage", "故障注入")
    yield report.detected_s, "", both("noticed", "发现故障")
    yield report.no_return_s, "ink", both("point of no return", "不可回退点")
    if report.recovery:
        yield report.recovery.end_s, "ok", both("service back", "服务恢复")
    yield report.verdict_s, "", both("verdict", "结论")


def _block(report: Report, phase: PhaseRow, axis: Axis, *, many: bool) -> Block:
    rows = [_step_row(report, step, axis) for step in report.steps if step.phase == phase.id]
    rows += [_gate_row(gate, axis) for gate in gates_of(report, phase.part) if gate.phases[-1] == phase.id]
    rows.sort(key=lambda row: row.start_s)
    bar = note = None
    if phase.start_s is not None:
        end_s = axis.end_s if phase.end_s is None else phase.end_s
        bar = (axis.x(phase.start_s), axis.width(phase.start_s, end_s, least=0.3))
        note = _phase_note(phase, axis)
    telling = phase.bottleneck or phase.state in {"failed", "running", "waiting"} or bool(phase.over_budget_s and phase.over_budget_s > 0)
    longest = {row.id for row in sorted(rows, key=lambda row: -(row.took_s or 0.0))[:_LONGEST]} if telling else set()
    few = len(report.steps) <= LEAVE_OUT_ABOVE_STEPS
    shown = [row for row in rows if few or row.id in longest or _tells(row)]
    return Block(phase, bar, note, tuple(shown), "none" if not many else "open" if telling else "closed", len(rows) - len(shown))


def _tells(row: Row) -> bool:
    """Whether a row says more than that a step went well."""
    step = row.step
    return step is None or step.state != "succeeded" or step.attempts > 1 or bool(row.undo or row.progress)


def _phase_note(phase: PhaseRow, axis: Axis) -> Note | None:
    if phase.state in {"succeeded", "pending"}:
        return _beside(axis, phase.start_s or 0.0, phase.end_s, both("bottleneck", "瓶颈"), tone="neck") if phase.bottleneck else None
    return _beside(axis, phase.start_s or 0.0, phase.end_s, state_of(phase.state), tone="bad" if phase.state == "failed" else "")


def _step_row(report: Report, step: StepRow, axis: Axis) -> Row:
    fault = step.kind.startswith("outage.") and any(phase.id == step.phase and phase.part == "drill" for phase in report.phases)
    bars = tuple(_try_bar(step, attempt, axis, fault=fault) for attempt in step.tries)
    undo = next((row for row in report.undos if row.step == step.id and row.state in {"done", "failed"}), None)
    return Row(
        "step",
        step.id,
        step.title,
        step.state,
        float("inf") if step.start_s is None else step.start_s,
        step.actual_s,
        bars,
        _step_note(step, axis),
        None,
        (axis.x(undo.at_s), undo) if undo and undo.at_s is not None and axis.shows(undo.at_s) else None,
        step,
        tuple(_progress(row, axis) for row in step.progress),
    )


def _try_bar(step: StepRow, attempt: AttemptRow, axis: Axis, *, fault: bool) -> Bar:
    end_s = axis.end_s if attempt.end_s is None else attempt.end_s
    look: Literal["run", "slack", "fault", "failed", "interrupted"] = "run" if step.critical else "slack"
    if fault:
        look = "fault"
    if attempt.state in {"failed", "interrupted"}:
        look = "failed" if attempt.state == "failed" else "interrupted"
    title = f"{step.id} #{attempt.number} · {length(attempt.start_s)} → {length(attempt.end_s)}"
    return Bar(
        axis.x(attempt.start_s),
        axis.width(attempt.start_s, end_s, least=0.3),
        look,
        f"{title} · {attempt.error}" if attempt.error else title,
    )


def _step_note(step: StepRow, axis: Axis) -> Note | None:
    if step.state in {"pending", "skipped"}:
        return Note("0.50%", "after", text=state_of(step.state), tone="mut")
    if step.start_s is None:
        return None
    words = []
    if step.state != "succeeded":
        words.append(state_of(step.state))
    if step.attempts > 1:
        words.append(both(f"{step.attempts} tries", f"{step.attempts} 次尝试"))
    if not words:
        return None
    text = both(", ".join(word.en for word in words), "，".join(word.zh for word in words))
    return _beside(axis, step.start_s, step.end_s, text, tone="bad" if step.state == "failed" else "")


def _beside(axis: Axis, start_s: float, end_s: float | None, text: Label, *, tone: str, lead: str = "") -> Note:
    edge_s = axis.end_s if end_s is None else end_s
    room = _LETTER * (3 + len(lead) + len(text.en) + (2 * len(text.zh) if text.zh != text.en else 0))
    if axis.share(edge_s) + room <= 100:
        return Note(axis.x(edge_s), "after", text, tone, lead)
    return Note(axis.x(start_s), "before" if axis.share(start_s) >= room else "on", text, tone, lead)


def _progress(row: ProgressRow, axis: Axis) -> ProgressLine:
    if row.took_s is None:
        return ProgressLine(row, axis.x(row.at_s), None)
    return ProgressLine(row, axis.x(row.at_s - row.took_s), axis.width(row.at_s - row.took_s, row.at_s, least=0.3))


def _gate_row(gate: GateRow, axis: Axis) -> Row:
    limit_s = gate.asked_s + gate.within_s
    end_s = min(limit_s, axis.end_s) if gate.answered_s is None else gate.answered_s
    if gate.state == "withdrawn":
        end_s = min(end_s, gate.asked_s + (gate.wait_s or 0.0))
    title = f"{gate.id} · {length(gate.wait_s)}"
    bars = [Bar(axis.x(gate.asked_s), axis.width(gate.asked_s, min(end_s, limit_s), least=0.3), "wait", title)]
    passed = end_s > limit_s or gate.state == "expired"
    if end_s > limit_s:
        bars.append(Bar(axis.x(limit_s), axis.width(limit_s, end_s, least=0.3), "late", title))
    limit = axis.x(limit_s) if passed and axis.shows(limit_s) else None
    tone = "bad" if passed or gate.state == "declined" else ""
    note = _beside(axis, gate.asked_s, end_s, _answer(gate), tone=tone, lead=_answerers(gate))
    return Row("gate", gate.id, gate.title, gate.state, gate.asked_s, gate.wait_s, tuple(bars), note, limit)


def _answerers(gate: GateRow) -> str:
    people = ", ".join(gate.answered_by or (*gate.asked, *gate.escalated_to))
    return f"{people} · {channel_of(gate.channel)}" if gate.channel else people


def _answer(gate: GateRow) -> Label:
    if gate.late:
        return both("late", "迟到")
    return both("", "") if gate.state == "acknowledged" else state_of(gate.state)
