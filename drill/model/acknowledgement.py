"""Whether an answer counts. Pure: what is open, who asked and what was said goes in, a judgement comes out."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal

from drill.model.replies import Reply, Verb

WRONG_CODES_ALLOWED: Final = 3
"""So many wrong codes of one person at one gate lock that person out there."""

State = Literal["open", "acknowledged", "declined", "expired"]
Outcome = Literal["confirm", "decline", "abort", "rejected"]
Reason = Literal[
    "stranger", "not-asked", "nothing-open", "unknown-text", "help", "status", "optout",
    "wrong-code", "locked", "needs-code", "ambiguous", "late", "duplicate", "needs-other",
]  # fmt: skip


@dataclass(frozen=True)
class Shared:
    """The one code of a text that asked a person about several gates: the gate it was sent for, and the earlier `gates`."""

    code: str = field(repr=False)
    gates: tuple[str, ...]


@dataclass(frozen=True)
class OpenGate:
    """One question of the running drill: open, or closed already so that late and repeated answers are known as such."""

    id: str
    asked: frozenset[str]
    """Contacts who got the question, escalations included."""
    codes: Mapping[str, str] | Callable[[str], str] = field(repr=False)
    """The code of each asked contact: derived, never stored."""
    deadline: datetime
    destructive: bool = False
    joint: bool = False
    state: State = "open"
    quorum: int = 1
    answers: Mapping[str, Verb] = field(default_factory=dict)
    """What each contact has answered so far, as counted."""
    wrong_codes: Mapping[str, int] = field(default_factory=dict)
    """Wrong codes of each contact so far."""
    four_eyes: bool = False
    starter: str | None = None
    """The contact who started the drill."""
    shared: Mapping[str, Shared] = field(default_factory=dict)
    """Of contacts whose text asked about earlier gates too."""

    def code_of(self, contact: str) -> str:
        """The code this contact was sent."""
        return self.codes(contact) if callable(self.codes) else self.codes.get(contact, "")


@dataclass(frozen=True)
class Judgement:
    """What an answer does. `outcome` other than `rejected` counts for `gate`."""

    outcome: Outcome
    gate: str | None = None
    reason: Reason | None = None
    closes: bool = False
    """Nobody else needs to answer this gate any more."""
    given_in_time: bool = False
    """Late for us, yet sent before the deadline by the carrier's clock."""
    charged: tuple[str, ...] = ()
    """Gates at which this wrong code counts towards the lock."""
    also: tuple[Judgement, ...] = ()
    """What the same answer does at the other gates that its code is for."""

    @property
    def counted(self) -> bool:
        """Whether the answer changes anything."""
        return self.outcome != "rejected"

    def each(self) -> tuple[Judgement, ...]:
        """What it does, gate by gate."""
        return (replace(self, also=()), *self.also)


def judge(
    reply: Reply,
    *,
    contact: str | None,
    open_gates: Sequence[OpenGate],
    now: datetime,
    sent_at: datetime | None = None,
) -> Judgement:
    """Judge one answer. `contact` is whose number it came from, or None; `open_gates` are the drill's, oldest first.

    `now` is when we received it and alone decides what is late; `sent_at` is the carrier's time, for the record.
    """
    mine = [gate for gate in open_gates if contact in gate.asked]
    if contact is None or not mine:
        return _no("stranger" if contact is None else "not-asked" if open_gates else "nothing-open")
    if reply.verb == "optout":
        return _no("optout")
    live = [gate for gate in mine if gate.state == "open"]
    only = live[0] if len(live) == 1 else None
    if reply.code is not None and reply.verb != "abort":
        return _by_code(reply.verb, reply.code, contact, mine, now, sent_at)
    if only is not None and only.destructive and reply.verb in {"confirm", "reject"}:
        return _no("needs-code", only.id)
    if len(live) > 1 and reply.verb in {"confirm", "reject"}:
        return _no("ambiguous")
    return _count(reply.verb, contact, _meant(reply, contact, mine) or only or mine[-1], now, sent_at)


def _by_code(verb: Verb, code: str, contact: str, mine: Sequence[OpenGate], now: datetime, sent_at: datetime | None) -> Judgement:
    together = next((gate for gate in reversed(mine) if _is_shared(gate, contact, code)), None)
    if together is not None:
        return _count_each(verb, contact, together, mine, now, sent_at)
    live = [gate for gate in mine if gate.state == "open"]
    named = [gate for gate in [*mine, *live] if _same(gate.code_of(contact), code)]
    return _count(verb, contact, named[-1], now, sent_at) if named else _wrong_code(contact, live)


def _meant(reply: Reply, contact: str, gates: Sequence[OpenGate]) -> OpenGate | None:
    """The gate whose code an abort names, if any: one that names none, or mistypes it, is obeyed all the same."""
    code = reply.code or ""
    named = (gate for gate in reversed(gates) if _same(gate.code_of(contact), code) or _is_shared(gate, contact, code))
    return next(named, None) if code else None


def _is_shared(gate: OpenGate, contact: str, code: str) -> bool:
    return contact in gate.shared and _same(gate.shared[contact].code, code)


def _count_each(verb: Verb, contact: str, gate: OpenGate, mine: Sequence[OpenGate], now: datetime, sent_at: datetime | None) -> Judgement:
    """Count an answer with a shared code at each of its gates that is still open; at its own when none is."""
    meant = [each for each in mine if each.id in gate.shared[contact].gates]
    still = [each for each in (*meant, gate) if each.state == "open"] if verb in {"confirm", "reject"} else []
    found = [_count(verb, contact, each, now, sent_at) for each in still or [gate]]
    first = next((one for one in found if one.counted), found[-1])
    return replace(first, also=tuple(one for one in found if one is not first))


_ASIDES: Final[Mapping[Verb, Reason]] = {"unknown": "unknown-text", "help": "help", "status": "status"}


def _count(verb: Verb, contact: str, gate: OpenGate, now: datetime, sent_at: datetime | None) -> Judgement:
    if verb == "abort":  # the safe direction: neither a deadline nor a lock stands in its way
        return Judgement("abort", gate.id, closes=True)
    if verb in _ASIDES:
        return _no(_ASIDES[verb], gate.id)
    reason = _obstacle(verb, contact, gate, now)
    if reason is not None:
        in_time = reason == "late" and sent_at is not None and sent_at <= gate.deadline
        return Judgement("rejected", gate.id, reason, given_in_time=in_time)
    if verb == "reject":
        return Judgement("decline", gate.id, closes=True)
    persons = {each for each, answer in gate.answers.items() if answer == "confirm"} | {contact}
    return Judgement("confirm", gate.id, closes=len(persons) >= gate.quorum)


def _obstacle(verb: Verb, contact: str, gate: OpenGate, now: datetime) -> Reason | None:
    checks: tuple[tuple[bool, Reason], ...] = (
        (gate.answers.get(contact) == verb, "duplicate"),
        (gate.state != "open" or now > gate.deadline, "late"),
        (_locked(gate, contact), "locked"),
        (verb == "confirm" and gate.four_eyes and contact == gate.starter, "needs-other"),
    )
    return next((reason for stands, reason in checks if stands), None)


def _wrong_code(contact: str, live: list[OpenGate]) -> Judgement:
    only = live[0].id if len(live) == 1 else None
    if live and all(_locked(gate, contact) for gate in live):
        return _no("locked", only)
    return Judgement("rejected", only, "wrong-code", charged=tuple(gate.id for gate in live))


def _same(code: str, typed: str) -> bool:
    return hmac.compare_digest(code.encode(), typed.encode())


def _locked(gate: OpenGate, contact: str) -> bool:
    return gate.wrong_codes.get(contact, 0) >= WRONG_CODES_ALLOWED


def _no(reason: Reason, gate: str | None = None) -> Judgement:
    return Judgement("rejected", gate, reason)
