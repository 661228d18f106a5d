"""How fast and how often texts may leave: back-off with jitter, a token bucket per provider account, quotas per number."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drill.engine.people import People
from drill.model.durations import format_duration
from drill.model.letters import Ledger
from drill.model.plan import Contact, Plan
from drill.model.ports import Messenger, OutboundMessage
from drill.model.ports_people import Limit, Way, Wayfinder
from drill.model.wording import Purpose

FIRST_S: Final = 0.5
CAP_S: Final = 30.0


def backoff_s(tries: int, *, chance: float, asked_s: float = 0.0) -> float:
    """How long to wait after so many failed tries (from 1): doubled each time, half of it by `chance` (0 to 1), never over CAP_S.

    `asked_s` is what the provider asked for: never less than that.
    """
    full_s = min(CAP_S, FIRST_S * 2.0 ** min(tries, 16))
    return max(asked_s, full_s / 2 + full_s / 2 * chance)


class Pace:
    """Token buckets by provider account, for every drill of this process. Safe for threads."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[float, float]] = {}
        self._resting: dict[str, float] = {}
        self._lock = threading.Lock()

    def rest(self, account: str, *, until_s: float) -> None:
        """The account's provider hangs: better not use it until then."""
        with self._lock:
            self._resting[account] = until_s

    def rests(self, way: Way, *, now_s: float) -> bool:
        """Whether it is better not used now."""
        with self._lock:
            return now_s < self._resting.get(way.account, now_s)

    def wait_s(self, way: Way, *, now_s: float) -> float:
        """Take a token for one send; how long to wait when there is none, and then none is taken. `now_s` is monotonic."""
        if way.per_second <= 0:
            return 0.0
        size = max(1.0, float(way.burst), way.per_second)
        with self._lock:
            tokens, at_s = self._rows.get(way.account, (size, now_s))
            tokens = min(size, tokens + max(0.0, now_s - at_s) * way.per_second)
            self._rows[way.account] = (tokens - 1.0 if tokens >= 1.0 else tokens, now_s)
            return 0.0 if tokens >= 1.0 else (1.0 - tokens) / way.per_second


def way_of(messenger: Messenger, message: OutboundMessage) -> Way:
    """How a message would go; a messenger that does not say has an account of its own and no limits."""
    return messenger.way(message) if isinstance(messenger, Wayfinder) else Way(messenger.channel)


def counted(people: People, way: Way, message: OutboundMessage) -> list[tuple[str, Limit]]:
    """What a message counts against: each limit with the keyed hash of its number and scope."""
    return [(people.fingerprint(message.address, f"{way.account}|{limit.scope}"), limit) for limit in way.limits]


def spaced(people: People, way: Way, message: OutboundMessage) -> list[tuple[str, Limit]]:
    """The limit that keeps two texts to one number apart, where the way has a gap; it stands for the number as a whole."""
    return [(people.fingerprint(message.address, f"{way.account}|gap"), Limit(1, way.gap_s))] if way.gap_s > 0 else []


def over_limit(way: Way, wait_s: float) -> str:
    """A refusal of ours in words."""
    limits = " and ".join(f"{limit.count} in {format_duration(limit.window_s)}" for limit in way.limits)
    return f"The provider takes {limits} for one number; the next after {format_duration(max(1.0, round(wait_s)))}."


@dataclass(frozen=True)
class Foreseen:
    """Whether what a plan will say to one person fits what a carrier takes for their number."""

    contact: str
    ok: bool
    detail: str
    fix: str = ""


def foreseen_texts(plan: Plan) -> dict[str, Counter[Purpose]]:
    """How many texts a plan sends to each person when all goes well and somebody else answers late: holds are not foreseen."""
    found: dict[str, Counter[Purpose]] = {contact.id: Counter({"result": 1}) for contact in plan.contacts}
    for gate in plan.gates:
        if gate.by == "system":
            continue
        for contact in gate.ask:
            found[contact]["joint" if len(gate.phases) > 1 else "gate"] += 1
        for contact in gate.then:
            found[contact]["escalation"] += 1
    for phase in plan.all_phases():
        for contact in phase.notify:
            found[contact]["status"] += 1
    return found


def foresee(
    plan: Plan, people: People, messengers: Mapping[str, Messenger], ledger: Ledger, *, now_s: Callable[[], float]
) -> Iterator[Foreseen]:
    """One row for each person whose first number has limits. Raises: PreflightFailed: a secret is not set."""
    texts = foreseen_texts(plan)
    for contact in plan.contacts:
        messenger = messengers.get("sms")
        addresses = people.addresses(contact, "sms") if messenger and "sms" in contact.channels else []
        if not addresses or messenger is None:
            continue
        rows = _rows(people, messenger, contact, addresses[0], texts[contact.id], ledger, now_s=now_s())
        if rows:
            spare = len(addresses) > 1 or len(contact.channels) > 1
            yield _said(contact, rows, spare=spare)


@dataclass(frozen=True)
class _Row:
    limit: Limit
    used: int
    planned: int
    purposes: tuple[str, ...]

    @property
    def over(self) -> int:
        return self.used + self.planned - self.limit.count


def _rows(
    people: People, messenger: Messenger, contact: Contact, address: str, texts: Counter[Purpose], ledger: Ledger, *, now_s: float
) -> list[_Row]:
    planned: dict[tuple[str, Limit], list[Purpose]] = {}
    for purpose in texts.elements():
        message = OutboundMessage("", contact.id, address, contact.language, purpose)
        for who in counted(people, way_of(messenger, message), message):
            planned.setdefault(who, []).append(purpose)
    return [
        _Row(limit, ledger.used(who, since_s=now_s - limit.window_s), len(found), tuple(dict.fromkeys(found)))
        for (who, limit), found in planned.items()
    ]


def _said(contact: Contact, rows: Sequence[_Row], *, spare: bool) -> Foreseen:
    worst = max(rows, key=lambda row: row.over)
    window = format_duration(worst.limit.window_s)
    figures = f"{worst.planned} {'/'.join(worst.purposes)} text(s) ahead, {worst.used} sent in {window}, {worst.limit.count} allowed"
    if worst.over <= 0:
        return Foreseen(contact.id, ok=True, detail=figures)
    fix = "Wait, put the number on the provider's white list, or give this person another channel."
    if spare:
        return Foreseen(contact.id, ok=True, detail=f"{figures}: {worst.over} will go over another number or channel")
    return Foreseen(contact.id, ok=False, detail=f"{figures}: {worst.over} would not be taken", fix=fix)
