"""Rows of the report about people: questions, texts, answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from drill.model.events import Fact, Kind
from drill.model.plan import Plan
from drill.model.questions import Question
from drill.model.report import GateRow, Label, MessageRow, ReplyRow
from drill.model.spans import maybe_seconds, seconds
from drill.model.timeline import Timeline


def gate_rows(timeline: Timeline, asked: Mapping[str, Question]) -> tuple[GateRow, ...]:
    """Every gate that was asked, in the order of asking."""
    return tuple(_gate_row(timeline, question) for question in asked.values())


def _gate_row(timeline: Timeline, question: Question) -> GateRow:
    answered = question.state in {"acknowledged", "declined"}
    return GateRow(
        id=question.id,
        phases=question.phases,
        title=_title(timeline.plan, question),
        asked=question.asked,
        asked_s=seconds(question.asked_ms),
        within_s=seconds(question.within_ms),
        answered_s=maybe_seconds(question.answered_ms if answered else None),
        wait_s=seconds(question.wait_ms(timeline.now_ms)),
        state="withdrawn" if question.state == "open" and question.stopped else question.state,
        answered_by=question.answered_by,
        channel=question.channel,
        escalated_to=question.escalated_to,
        late=question.late(timeline.now_ms),
    )


def _title(plan: Plan, question: Question) -> Label:
    """Of the phases it is about, or of the step that a person was asked to do."""
    step = next((step.title for step in plan.steps() if step.id == question.id), None)
    return Label(en=step.en, zh=step.zh) if step is not None else phases_title(plan, question.phases)


def phases_title(plan: Plan, names: Sequence[str]) -> Label:
    """The titles of phases that share a question."""
    titles = [phase.title for phase in plan.all_phases() if phase.id in names]
    return Label(en=" + ".join(title.en for title in titles), zh=" + ".join(title.zh for title in titles))


def message_rows(timeline: Timeline) -> tuple[MessageRow, ...]:
    """Every text that was sent, joined with the receipt of the same message on the same channel."""
    receipts: dict[tuple[str, str], Fact] = {}
    for fact in timeline.of(Kind.MESSAGE_DELIVERED):
        receipts[fact.data["message"], fact.data["channel"]] = fact
    return tuple(
        _message_row(timeline, fact, receipts.get((fact.data["message"], fact.data["channel"]))) for fact in timeline.of(Kind.MESSAGE_SENT)
    )


def _message_row(timeline: Timeline, sent: Fact, receipt: Fact | None) -> MessageRow:
    data = sent.data
    state = str(data["state"]) if receipt is None else str(receipt.data["state"])
    return MessageRow(
        id=data["message"],
        purpose=data["purpose"],
        phase=data["phase"] or None,
        gate=data["gate"] or None,
        contact=data["contact"],
        channel=data["channel"],
        text=data["text"],
        sent_s=seconds(timeline.ms(sent)),
        state=state,
        delivered_s=seconds(timeline.ms(receipt)) if receipt is not None and state == "delivered" else None,
        code=str((receipt.data.get("code") if receipt is not None and state == "failed" else "") or data["code"] or ""),
        tries=tuple(data.get("tries") or ()),
    )


def reply_rows(timeline: Timeline) -> tuple[ReplyRow, ...]:
    """Every answer, counted or not, in the order of arrival."""
    return tuple(_reply_row(timeline, fact) for fact in timeline.of(Kind.REPLY_RECEIVED, Kind.REPLY_REJECTED))


def _reply_row(timeline: Timeline, fact: Fact) -> ReplyRow:
    data = fact.data
    rejected = fact.kind is Kind.REPLY_REJECTED
    late = bool(data.get("late"))
    return ReplyRow(
        at_s=seconds(timeline.ms(fact)),
        contact=data["contact"] or None,
        gate=data["gate"] or None,
        channel=data["channel"],
        verb=str(data.get("verb") or ("unknown" if rejected else "")),
        counted=not rejected and not late,
        reason=str(data.get("reason") or ("late" if late else "")),
        carrier_delay_s=carrier_delay_s(fact),
        given_in_time=rejected and bool(data.get("given_in_time")),
    )


def carrier_delay_s(fact: Fact) -> float | None:
    """What the carrier took to bring an answer, when it says when that was sent: to the second, and by another clock than ours."""
    sent = fact.data.get("provider_sent_at")
    return round(max(0.0, (fact.at - datetime.fromisoformat(sent)).total_seconds()), 3) if isinstance(sent, str) else None


def auto_answered(timeline: Timeline) -> bool:
    """Whether a machine stood in for a person anywhere, as the answers say; where none says it either way, as the drill was started."""
    told = [fact.data["auto"] for fact in timeline.of(Kind.DRILL_STARTED, Kind.REPLY_RECEIVED, Kind.ACKNOWLEDGED) if "auto" in fact.data]
    return any(told) if told else bool(timeline.planned.data.get("auto_answered"))
