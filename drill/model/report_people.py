"""The report's rows about people: texts, answers, questions, and what was promised about them."""

from __future__ import annotations

from typing import Literal

from drill.model.report_shape import Label, Shape


class MessageRow(Shape):
    """One text to one person. Codes are masked."""

    id: str
    purpose: str
    phase: str | None
    gate: str | None
    contact: str
    channel: str
    text: str
    sent_s: float
    state: str
    delivered_s: float | None
    code: str = ""
    tries: tuple[str, ...] = ()
    """The code of every try of this one text, the last one too."""


class ReplyRow(Shape):
    """One answer, counted or not."""

    at_s: float
    contact: str | None
    gate: str | None
    channel: str
    verb: str
    counted: bool
    reason: str = ""
    carrier_delay_s: float | None = None
    """From the carrier's word on when it was sent, to the second, until it was here; the rest of the wait was the person's."""
    given_in_time: bool = False
    """Not counted, because it came too late; but the person had sent it before the deadline."""


class GateRow(Shape):
    """One question to people and what became of it."""

    id: str
    phases: tuple[str, ...]
    title: Label
    asked: tuple[str, ...]
    asked_s: float
    within_s: float
    answered_s: float | None
    wait_s: float | None
    state: Literal["open", "acknowledged", "declined", "expired", "withdrawn"]
    """Withdrawn: the drill went another way while nobody had answered."""
    answered_by: tuple[str, ...]
    channel: str | None
    escalated_to: tuple[str, ...]
    late: bool


class PromiseRow(Shape):
    """One promise about messages, at its worst. `met` null means unmeasured: it did not come to that, or no receipt tells."""

    id: Literal["start", "switch", "answer"]
    title: Label
    target_s: float
    actual_s: float | None
    met: bool | None
    carrier_s: float | None = None
    """The part of it that the carrier took to bring the answer; nothing when it does not say."""
    why: Label
