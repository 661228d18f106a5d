"""People as the engine reaches them: texts out, answers in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol


@dataclass(frozen=True)
class OutboundMessage:
    """One text to one person on one channel. `id` is our ledger's and travels as the provider's OutId."""

    id: str
    contact: str
    address: str = field(repr=False)
    language: Literal["en", "zh"] = "en"
    purpose: Literal["gate", "joint", "status", "escalation", "hold", "result"] = "status"
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Template variables, each at most 35 characters. May hold the reply code under `code`."""
    place: str = ""
    """Where more is to be read, for channels that may name it: carriers refuse addresses in texts."""


@dataclass(frozen=True)
class SendResult:
    """What the provider said. `accepted` is not delivered."""

    state: Literal["accepted", "rejected", "in_doubt"]
    provider: str
    provider_id: str = ""
    code: str = ""
    detail: str = ""
    """Redacted: no number, no reply code."""
    retryable: bool = False
    traceable: bool = True
    """False: the provider has no look-up, so a send in doubt stays in doubt."""


@dataclass(frozen=True)
class Audited:
    """One sign or template as the provider's audit left it. `name` is its code, or the word `sign`."""

    name: str
    ok: bool
    state: str
    detail: str = ""
    """Why it was refused, or which carriers have not registered a sign: worth knowing also when `ok`."""


class Auditor(Protocol):
    """Knows what the provider's audit says of the texts a plan sends."""

    def audit(self) -> list[Audited]:
        """One row for the sign and for every template. Raises: Retryable: the provider does not answer (A152)."""


@dataclass(frozen=True)
class InboundMessage:
    """One raw answer. `id` is the provider's message id, the same for a repeated delivery."""

    id: str
    address: str = field(repr=False)
    text: str = field(repr=False)
    sent_at: datetime | None
    """When the carrier says it was sent; second precision."""
    handle: str = field(repr=False)
    """What `done` needs."""


class Messenger(Protocol):
    """Sends texts over one channel."""

    channel: str

    def send(self, message: OutboundMessage) -> SendResult:
        """Send once; never retries an unanswered send."""

    def look_up(self, message: OutboundMessage) -> Literal["accepted", "delivered", "failed", "unknown"]:
        """What became of a send."""


class ReplySource(Protocol):
    """Where answers arrive, at least once each."""

    def receive(self, wait_s: float) -> list[InboundMessage]:
        """Up to 16 answers, waiting up to `wait_s` for the first. Raises: Retryable: the provider does not answer."""

    def done(self, message: InboundMessage) -> None:
        """The answer is stored: never deliver it again."""
