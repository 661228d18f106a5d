"""The words of a message outside SMS: the same audited text, and how to answer from a channel that takes no answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from drill.model.ports import OutboundMessage
from drill.model.wording import ASKS, CATALOGUE, render, render_masked

_ANSWER: Final[Mapping[str, str]] = {
    "zh": "此处不接收回复。请用短信答复，或运行：drill ack {drill} --as {contact}，按提示输入核实码{code}（不通过用 drill decline）。",
    "en": "No answer is taken here. Answer by text, or run drill ack {drill} --as {contact} and type code {code} (no: drill decline).",
}
_ASKED: Final[Mapping[str, str]] = {
    "zh": "此问题发给{contact}。核实码不在群里公布，只发给本人。",
    "en": "This asks {contact}. The code is not shown in a group, it goes to the person alone.",
}

_REPORT: Final[Mapping[str, str]] = {"zh": "报告：{place}", "en": "Report: {place}"}


@dataclass(frozen=True)
class Words:
    """A message as people read it. `transaction` is the same for every channel that carries it."""

    drill: str
    transaction: str
    subject: str
    text: str


def words_of(message: OutboundMessage, *, private: bool) -> Words:
    """What is said; the reply code only where nobody but the contact reads it.

    Raises: ValueError: a variable is missing or longer than a carrier accepts.
    """
    language: Literal["en", "zh"] = message.language
    said = render if private else render_masked
    text = said(message.purpose, language, message.variables)
    transaction = transaction_of(message.id)
    drill = message.id.partition(":")[0]
    if message.purpose in ASKS:
        rows = _ANSWER if private else _ASKED
        code = message.variables.get("code", "")
        text = f"{text}\n{rows[language].format(drill=drill, contact=message.contact, code=code)}"
    if message.place:
        text = f"{text}\n{_REPORT[language].format(place=message.place)}"
    title = message.variables.get("drill", drill)
    return Words(drill, transaction, f"[drill] {title}: {CATALOGUE[message.purpose, language].name}", text)


def transaction_of(message_id: str) -> str:
    """What the messages of one reason to one person share on every channel: the id without channel and number."""
    return message_id.rsplit(":", 2)[0]
