"""What was promised about messages and what came of it: the start told, the switch received, the questions answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drill.model.events import Fact, Kind
from drill.model.questions import Question
from drill.model.report import Label, PromiseRow
from drill.model.rows_people import carrier_delay_s
from drill.model.spans import maybe_seconds, milliseconds
from drill.model.telling import label, said
from drill.model.timeline import Timeline

_SWITCH = "dns.switch"


def promise_rows(timeline: Timeline, asked: Mapping[str, Question]) -> tuple[PromiseRow, ...]:
    """The promises that this drill could keep, at their worst; none of a drill that never started or measures nothing."""
    if not timeline.measured or timeline.first(Kind.DRILL_STARTED) is None:
        return ()
    return tuple(row for row in (_start(timeline), _switch(timeline), _answer(timeline, asked)) if row is not None)


def _start(timeline: Timeline) -> PromiseRow | None:
    if not timeline.plan.contacts:
        return None
    taken = [timeline.ms(fact) for fact in timeline.of(Kind.MESSAGE_SENT) if fact.data["state"] == "accepted"]
    first = min((ms for ms in taken if ms >= 0), default=None)
    target_ms = milliseconds(timeline.plan.messages.objectives.start_s)
    why = (
        label(f"A provider took the first message {said(first)} after the start.", f"开始后 {said(first)}，首条消息被服务商受理。")
        if first is not None
        else _NOT_YET
    )
    return _row("start", label("Start told", "开始已告知"), target_ms, first, missed=_past(timeline, 0, target_ms), why=why)


def _switch(timeline: Timeline) -> PromiseRow | None:
    """The worst of the phases that moved the traffic: from the end of the switch to the first receipt of a message about it."""
    switches = {step.id: step.phase for phase in timeline.plan.phases for step in phase.steps if step.kind == _SWITCH}
    done = {switches[fact.data["step"]]: timeline.ms(fact) for fact in timeline.of(Kind.STEP_SUCCEEDED) if fact.data["step"] in switches}
    if not switches:
        return None
    target_ms = milliseconds(timeline.plan.messages.objectives.switch_s)
    receipts = {phase: next(_receipts(timeline, phase, since_ms), None) for phase, since_ms in done.items()}
    waits = [ms - done[phase] for phase, ms in receipts.items() if ms is not None]
    missing = [phase for phase, ms in receipts.items() if ms is None]
    missed = any(_past(timeline, done[phase], target_ms) for phase in missing)
    worst = max(waits, default=None) if not missing else None
    if worst is not None:
        why = label(f"A receipt came {said(worst)} after the switch.", f"切换后 {said(worst)} 收到送达回执。")
    else:
        why = label("No receipt came.", "未收到送达回执。") if missing else label("The traffic was not switched.", "流量未切换。")
    return _row("switch", label("Switch received", "切换已送达"), target_ms, worst, missed=missed, why=why)


def _receipts(timeline: Timeline, phase: str, since_ms: int) -> Iterator[int]:
    """When receipts came of messages about a phase that were sent after a moment, in order."""
    gates = {gate.id for gate in timeline.plan.gates if phase in gate.phases and gate.at == "after"}
    about = {
        fact.data["message"]
        for fact in timeline.of(Kind.MESSAGE_SENT)
        if (fact.data["phase"] == phase or fact.data["gate"] in gates) and timeline.ms(fact) >= since_ms
    }
    found = (fact for fact in timeline.of(Kind.MESSAGE_DELIVERED) if fact.data["message"] in about and fact.data["state"] == "delivered")
    return (timeline.ms(fact) for fact in found)


def _answer(timeline: Timeline, asked: Mapping[str, Question]) -> PromiseRow | None:
    """The slowest answer of a person, and how much of it the carrier took; a question nobody answered breaks the promise."""
    people = {gate.id for gate in timeline.plan.gates if gate.by == "person" and not gate.by_hand}  # work takes as long as it takes
    rows = [question for question in asked.values() if question.id in people and not question.stopped]
    answered = {row.id: row.answered_ms - row.rounds[-1][0] for row in rows if row.answered_ms is not None}
    silent = [row.id for row in rows if row.state == "expired"]
    if not answered and not silent:
        return None
    target_ms = milliseconds(timeline.plan.messages.objectives.answer_s)
    slowest = max(answered, key=lambda name: answered[name], default=None)
    wait_ms = answered[slowest] if slowest is not None and not silent else None
    carrier_s = carrier_delay_s(fact) if slowest is not None and (fact := _deciding(timeline, slowest)) is not None else None
    why = _slowest_words(slowest, carrier_s)
    if silent:
        names = ", ".join(silent)
        why = label(f"Nobody answered {names}.", f"{names} 无人答复。")
    row = _row("answer", label("Questions answered", "询问已答复"), target_ms, wait_ms, missed=bool(silent), why=why)
    return row.model_copy(update={"carrier_s": None if silent else carrier_s})


def _slowest_words(slowest: str | None, carrier_s: float | None) -> Label:
    if carrier_s is None:
        return label(f"The slowest answer was to {slowest}.", f"最慢的答复：{slowest}。")
    carried = said(round(carrier_s * 1000))
    return label(
        f"The slowest answer was to {slowest}; the carrier took {carried} of it.", f"最慢的答复：{slowest}，其中运营商占 {carried}。"
    )


def _deciding(timeline: Timeline, gate: str) -> Fact | None:
    """The answer that closed a question: the last one counted."""
    found = [fact for fact in timeline.of(Kind.REPLY_RECEIVED) if fact.data["gate"] == gate]
    return found[-1] if found else None


def _past(timeline: Timeline, since_ms: int, target_ms: int) -> bool:
    return timeline.now_ms - since_ms > target_ms


def _row(name: str, title: Label, target_ms: int, actual_ms: int | None, *, missed: bool, why: Label) -> PromiseRow:
    met = actual_ms <= target_ms if actual_ms is not None else (False if missed else None)
    fields = {"id": name, "title": title, "target_s": target_ms / 1000, "actual_s": maybe_seconds(actual_ms), "met": met, "why": why}
    return PromiseRow.model_validate(fields)


_NOT_YET = label("No provider has taken a message.", "尚无服务商受理消息。")
