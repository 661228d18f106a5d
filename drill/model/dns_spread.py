"""Watches a changed name spread: the servers of its zone have to agree, resolvers are waited for and named when stale."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drill.model.durations import format_duration
from drill.model.errors import Retryable
from drill.model.ports import Attempt, RecordSet, World
from drill.model.propagation import Agreement, PropagationResult, ServerAnswers

TTL_LIMIT_S = 300
"""A name that resolvers may keep longer than five minutes cannot carry a drill's traffic: nobody would follow in time."""

_IN_SYNC_EVERY_S = 0.5
"""Often enough for a change of seconds, and far below the ten calls a second of an account."""


_CACHE_SLACK_S = 2.0
"""Caches count in whole seconds, and a question takes its time."""


@dataclass(frozen=True)
class Change:
    """One change of a name that was made at `since_s` on the monotonic clock."""

    before: RecordSet
    after: RecordSet
    since_s: float


@dataclass(frozen=True)
class Spread:
    """How far a change has spread. Times in seconds since the change was asked for."""

    servers: tuple[ServerAnswers, ...]
    first_new_s: float
    settled_s: float
    """When the last server of the zone had settled."""
    resolvers: tuple[ServerAnswers, ...] = ()
    lead_s: float = 0.0
    """How long after the change the watch began, whose start the resolvers' own times count from."""

    @property
    def last_new_s(self) -> float:
        """When the last server or resolver that follows had turned: the end of the DNS window."""
        followed = [row.settled_s + self.lead_s for row in self.resolvers if row.settled_s is not None]
        return round(max([self.settled_s, *followed]), 3)

    def outputs(self) -> dict[str, Any]:
        """What later steps and the report may use."""
        found: dict[str, Any] = {
            "servers": [row.server for row in self.servers],
            "first_new_s": self.first_new_s,
            "settled_s": self.settled_s,
            "last_new_s": self.last_new_s,
        }
        if self.resolvers:
            found["resolvers"] = {row.server: row.settled_s for row in self.resolvers}
            found["stale_beyond_ttl_s"] = {row.server: row.stale_beyond_ttl_s for row in self.resolvers if row.stale_beyond_ttl_s}
        return found


def switchable_ttl(ttl_s: float) -> float:
    """The TTL, when a name that is moved may have it. Raises: ValueError: it may not."""
    if ttl_s % 1 or not 1 <= ttl_s <= TTL_LIMIT_S:
        raise ValueError(f"a TTL is whole seconds, from 1s to {format_duration(TTL_LIMIT_S)} (longer, and users stay at the lost site)")
    return ttl_s


def wait_out(world: World, attempt: Attempt, before: RecordSet, *, ttl_s: int) -> float:
    """Wait one old TTL after it was lowered; returns the seconds. Raises: Retryable: stopped, or the try ends before (A124)."""
    attempt.progress("TTL lowered", detail=f"{before.ttl_s}s -> {ttl_s}s; waiting the old one out")
    until_s = world.clock.mono_s() + before.ttl_s
    while (left_s := until_s - world.clock.mono_s()) > 0:
        if attempt.stopping() or left_s > attempt.remaining_s():
            raise Retryable(
                f"{before.name} has its new TTL, but the old one is not over for {format_duration(round(left_s))}.",
                code="A124",
                fix="Give the step a timeout longer than the old TTL; the name has not been moved.",
            )
        world.clock.sleep(min(1.0, left_s))
    return float(before.ttl_s)


def resolver(text: str) -> str:
    """The text, when it names a resolver. Raises: ValueError: it does not."""
    endpoint(text)
    return text


def endpoint(text: str) -> tuple[str, int]:
    """Address and port of `10.0.0.2`, `10.0.0.2:5353`, `::1`, `[::1]` or `[::1]:5353`. Raises: ValueError: it is none."""
    host, _, port = text.rpartition(":")
    if "]:" in text or (host and ":" not in host):
        if not 0 < int(port) < 65536:
            raise ValueError(f"{port} is no port")
        return str(ipaddress.ip_address(host.strip("[]"))), int(port)
    return str(ipaddress.ip_address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)), 53


def agreement_of(need: int, every_s: float, within_s: float) -> Agreement:
    """What it takes for the servers of a zone to agree."""
    return Agreement(need=need, every_s=every_s, within_s=within_s)


def watch(world: World, attempt: Attempt, change: Change, *, agreement: Agreement, resolvers: Sequence[str] = ()) -> Spread:
    """Wait until every server of the zone agrees, and with resolvers until those do too or the old answer's life is over.

    Raises: Retryable: a server of the zone did not agree in time (A121).
    """
    lead_s = world.clock.mono_s() - change.since_s
    servers = world.dns.servers(change.after.name)
    patience_s = max(agreement.within_s, change.before.ttl_s + _CACHE_SLACK_S) if resolvers else agreement.within_s
    caches = tuple(map(endpoint, resolvers))
    agreement = replace(agreement, within_s=min(patience_s, max(0.0, attempt.remaining_s())), caches=caches)
    speaker = _Speaker(attempt, lead_s)
    result = world.propagation.watch(
        servers, change.after, change.before, agreement=agreement, stopping=attempt.stopping, on_change=speaker.tell
    )
    labels = {_label(*cache) for cache in caches}
    ours = PropagationResult(tuple(row for row in result.servers if row.server not in labels))
    if not ours.settled:
        raise Retryable(
            f"{change.after.name} was changed, but not every server says so {agreement.need} times in a row: {dissent(ours)}.",
            code="A121",
            fix="See why those servers lag or do not answer; trying again goes on watching.",
        )
    settled_s = round((ours.settled_s or 0.0) + lead_s, 3)
    attempt.progress("settled", detail=f"{len(ours.servers)} server(s), {agreement.need} answers in a row each", took_s=settled_s)
    caught_up = tuple(row for row in result.servers if row.server in labels)
    for row in caught_up:
        _tell_of_cache(attempt, row, lead_s)
    return Spread(ours.servers, round((result.first_new_s or 0.0) + lead_s, 3), settled_s, caught_up, lead_s)


def wait_in_sync(world: World, attempt: Attempt, name: str, *, since_s: float, within_s: float) -> float:
    """Seconds until the provider says that all its servers have the change: behind anycast the ones that were asked are not all.

    Raises: Retryable: it does not say so in time (A121).
    """
    until_s = world.clock.mono_s() + min(within_s, max(0.0, attempt.remaining_s()))
    while not _in_sync(world, name):
        if attempt.stopping() or world.clock.mono_s() >= until_s:
            raise Retryable(
                f"{name} was changed and its servers say so, but the provider does not call the change finished.",
                code="A121",
                fix="Trying again goes on waiting.",
            )
        world.clock.sleep(_IN_SYNC_EVERY_S)
    return round(world.clock.mono_s() - since_s, 3)


def dissent(result: PropagationResult) -> str:
    """The servers that do not agree, and what each of them says."""
    rows = [row for row in result.servers if row.settled_s is None]
    return (
        "; ".join(f"{row.server} {row.state} {', '.join(row.values) or row.error}".strip() for row in rows) or "there is no server to ask"
    )


def _in_sync(world: World, name: str) -> bool:
    try:
        return world.dns.in_sync(name)
    except Retryable:  # a provider too busy to say is asked again, until the time for it is over
        return False


def in_words(record: RecordSet) -> str:
    """A record set as a person reads it."""
    weights = f", weights {'/'.join(map(str, record.weights))}" if record.weights else ""
    return f"{', '.join(record.values) or 'nothing'} (TTL {record.ttl_s}s{weights})"


def to_json(record: RecordSet) -> dict[str, Any]:
    """A record set for an undo."""
    plain = {"name": record.name, "type": record.type, "ttl_s": record.ttl_s, "values": list(record.values), "raw": record.raw}
    return plain | ({"weights": list(record.weights)} if record.weights else {})


def from_json(row: Mapping[str, Any]) -> RecordSet:
    """The record set an undo holds."""
    weights = tuple(row.get("weights", ()))
    return RecordSet(row["name"], row["type"], row["ttl_s"], tuple(row["values"]), raw=row["raw"], weights=weights)


class _Speaker:
    """Tells the drill what servers turn to, the first new answer once."""

    def __init__(self, attempt: Attempt, lead_s: float) -> None:
        self._attempt = attempt
        self._lead_s = lead_s
        self._announced = False

    def tell(self, row: ServerAnswers) -> None:
        if row.state == "new" and row.in_a_row == 1 and not self._announced and row.first_new_s is not None:
            self._announced = True
            self._attempt.progress("first new answer", detail=row.server, took_s=round(row.first_new_s + self._lead_s, 3))
        elif row.state not in {"new", "silent"} and row.flips:
            self._attempt.progress("went back", detail=f"{row.server}: {', '.join(row.values) or 'no such name'}")


def _tell_of_cache(attempt: Attempt, row: ServerAnswers, lead_s: float) -> None:
    if row.stale_beyond_ttl_s:
        over_s = f"{row.stale_beyond_ttl_s:.1f} s"
        attempt.progress("stale beyond TTL", detail=f"resolver {row.server} kept the old answer {over_s} longer than it may")
    elif row.settled_s is None:
        attempt.progress("resolver behind", detail=f"{row.server}: {row.state} {', '.join(row.values) or row.error}")
    else:
        attempt.progress("resolver follows", detail=row.server, took_s=round(row.settled_s + lead_s, 3))


def _label(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
