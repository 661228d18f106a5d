"""People as the engine reaches them: texts out, answers in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol, runtime_checkable


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
    retry_after_s: float = 0.0
    """How long the provider asks to wait before the same send; 0 when it does not say."""
    blocked_s: float = 0.0
    """How long the provider takes no more texts of this kind for this number; 0 when it does not say."""


@dataclass(frozen=True)
class Limit:
    """What a carrier takes for one number: so many texts in a window. `scope` is what it counts apart, such as sign and template."""

    count: int
    window_s: float
    scope: str = ""


@dataclass(frozen=True)
class Way:
    """What is known about the way of one message before it is sent."""

    account: str
    """Whose rate it counts against: one provider account."""
    per_second: float = 0.0
    """How many sends a second the account takes; 0: as many as one likes."""
    burst: int = 1
    """So many may go at once after a rest; one second's worth when that is more."""
    traceable: bool = True
    """Whether the provider can be asked later what became of a send."""
    limits: tuple[Limit, ...] = ()
    gap_s: float = 0.0
    """At least so long between two texts to one number; the second waits."""


@dataclass(frozen=True)
class Arrival:
    """What became of a text, and the carrier's own word for it."""

    state: Literal["accepted", "delivered", "failed", "unknown"]
    code: str = ""


@dataclass(frozen=True)
class Setback:
    """What it means for the next texts to a number that one did not arrive."""

    again: bool = False
    """The same text may arrive later: it is worth one late try when no other way is left."""
    blocked_s: float = 0.0
    """So long no further text arrives there; 0 when that is not known."""


@runtime_checkable
class Tracer(Protocol):
    """What a messenger may offer beside looking up: why a text did not arrive, and what follows from it."""

    def trace(self, message: OutboundMessage) -> Arrival:
        """As `look_up`, with the carrier's code."""

    def setback(self, message: OutboundMessage, code: str) -> Setback:
        """What a carrier's code means for the next texts to this number. Asks nobody."""


@runtime_checkable
class Wayfinder(Protocol):
    """What a messenger may offer beside sending. One that does not has no limits, and can be asked what became of a send."""

    def way(self, message: OutboundMessage) -> Way:
        """How this message would go. Sends nothing."""


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
class Receipt:
    """What the carrier tells by itself about one of our texts. `message` is our ledger's id of it."""

    message: str
    state: Literal["delivered", "failed"]
    code: str = ""


CALL: Final = "call:"
"""Begins the address of an answer given by keys during a call of ours; the provider's id of that call follows."""


@dataclass(frozen=True)
class InboundMessage:
    """One raw answer, or a receipt. `id` is the provider's message id, the same for a repeated delivery."""

    id: str
    address: str = field(repr=False)
    """A number, or `CALL` and the id of a call."""
    text: str = field(repr=False)
    sent_at: datetime | None
    """When the carrier says it was sent; second precision."""
    handle: str = field(repr=False)
    """What `done` needs."""
    sequence: str = ""
    """The carrier's own number of the answer, the same over every transport; empty when it gives none."""
    receipt: Receipt | None = None
    """Set when this is no answer."""
    automatic: bool = False
    """Whether the sandbox's phone answered by itself: no person did."""
    received_at: datetime | None = field(default=None, compare=False)
    """When we had it: the inbox says so, by its database's clock."""


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
