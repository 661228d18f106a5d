"""What name servers answered while a change spread: a pure fold of single answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

_TTL_ROUNDING_S = 1.0  # caches count in whole seconds

State = Literal["new", "old", "mixed", "other", "silent"]
"""An answer, judged: `mixed` holds an old value among others, `other` none of them, `silent` is no answer that counts."""


@dataclass(frozen=True)
class Agreement:
    """What it takes to call a change spread. Lengths in seconds."""

    need: int
    """New answers in a row from every server: one may be luck, behind anycast or a load balancer."""
    every_s: float
    within_s: float
    caches: tuple[tuple[str, int], ...] = ()
    """Address and port of resolvers that have to agree as well as the servers of the zone."""


@dataclass(frozen=True)
class Answer:
    """One question to one server and what came back. Times in seconds since the start of the watch."""

    server: str
    sent_s: float
    received_s: float
    values: tuple[str, ...]
    """Sorted and plain; empty when the name has no such record, or when nothing usable came."""
    ttl_s: int | None = None
    authoritative: bool = False
    """Whether the server speaks for the zone; otherwise it is a cache."""
    error: str = ""
    """Why nothing usable came: `timeout`, `unreachable`, `refused`, `servfail`, `lame` …"""


@dataclass(frozen=True)
class ServerAnswers:
    """What one server answered during a watch. `_s` values count from the start of the watch.

    The server turned to the new answer somewhere between `last_old_s`, when its last other answer was asked for, and `first_new_s`, when
    its first new answer after that arrived.
    """

    server: str
    """Address and port: `127.0.0.1:53`."""
    state: State = "silent"
    values: tuple[str, ...] = ()
    ttl_s: int | None = None
    authoritative: bool = False
    last_old_s: float | None = None
    first_new_s: float | None = None
    settled_s: float | None = None
    """When the last needed new answer in a row arrived; null while it has not."""
    in_a_row: int = 0
    flips: int = 0
    """How often it went back after a new answer."""
    asked: int = 0
    unanswered: int = 0
    """Time-outs and errors: they neither confirm nor refute."""
    stale_beyond_ttl_s: float = 0.0
    """How long a cache was seen to keep the old answer after its life was over."""
    error: str = ""
    """Why the last question went unanswered."""


@dataclass(frozen=True)
class PropagationResult:
    """What every server of a watch answered."""

    servers: tuple[ServerAnswers, ...]

    @property
    def settled(self) -> bool:
        """Whether every server gave its new answers in a row, and there was at least one server."""
        return bool(self.servers) and all(row.settled_s is not None for row in self.servers)

    @property
    def first_new_s(self) -> float | None:
        """When the first new answer arrived anywhere."""
        return min((row.first_new_s for row in self.servers if row.first_new_s is not None), default=None)

    @property
    def settled_s(self) -> float | None:
        """When the last server settled; null while one has not."""
        return max(row.settled_s or 0.0 for row in self.servers) if self.settled else None


def plain(value: str) -> str:
    """A record's value as it is compared: case and the final dot do not matter."""
    return value.strip().lower().removesuffix(".")


def judge(answer: Answer, new: frozenset[str], old: frozenset[str]) -> State:
    """What an answer says about the change; `new` and `old` are plain values."""
    values = frozenset(answer.values)
    if answer.error:
        return "silent"
    if values == new:
        return "new"
    if values == old:
        return "old"
    return "mixed" if values & old else "other"


def observe(row: ServerAnswers, answer: Answer, state: State, *, need: int) -> ServerAnswers:
    """The row after one more answer. A silent server keeps its streak: a lost packet says nothing about the zone."""
    row = replace(row, asked=row.asked + 1)
    if state == "silent":
        return replace(row, unanswered=row.unanswered + 1, error=answer.error)
    row = replace(row, state=state, values=answer.values, ttl_s=answer.ttl_s, authoritative=answer.authoritative, error="")
    if state == "new":
        in_a_row = row.in_a_row + 1
        first = answer.received_s if row.first_new_s is None else row.first_new_s
        settled = answer.received_s if in_a_row >= need and row.settled_s is None else row.settled_s
        return replace(row, in_a_row=in_a_row, first_new_s=first, settled_s=settled)
    flips = row.flips + (1 if row.in_a_row else 0)
    return replace(row, in_a_row=0, flips=flips, settled_s=None, first_new_s=None, last_old_s=answer.sent_s)


@dataclass
class Watch:
    """The rows of a running watch, kept in the order of the servers."""

    new: frozenset[str]
    old: frozenset[str]
    old_ttl_s: int
    need: int
    rows: dict[str, ServerAnswers]

    def take(self, answer: Answer, on_change: Callable[[ServerAnswers], None]) -> None:
        """Fold one answer in; tell about a server whose state is another now."""
        before = self.rows[answer.server]
        after = observe(before, answer, judge(answer, self.new, self.old), need=self.need)
        self.rows[answer.server] = after
        if after.state != before.state or (after.settled_s is None) != (before.settled_s is None):
            on_change(after)

    def result(self) -> PropagationResult:
        """The rows as they stand, caches measured against the life of what they may have fetched last."""
        turned_s = max((row.last_old_s or 0.0 for row in self.rows.values() if row.authoritative), default=0.0)
        honest_until_s = turned_s + self.old_ttl_s + _TTL_ROUNDING_S
        return PropagationResult(tuple(_with_staleness(row, honest_until_s) for row in self.rows.values()))


def _with_staleness(row: ServerAnswers, honest_until_s: float) -> ServerAnswers:
    if row.authoritative or row.last_old_s is None:
        return row
    return replace(row, stale_beyond_ttl_s=round(max(0.0, row.last_old_s - honest_until_s), 3))
