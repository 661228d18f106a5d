"""Names on one's own servers, changed by dynamic update (RFC 2136) under the condition that nobody else changed them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from drill.adapters.dns_rfc2136_wire import CONFLICTS, Unanswered, exchange
from drill.adapters.dns_route53 import addresses_of
from drill.model.errors import Fatal, InDoubt, Retryable, StepError
from drill.model.ports import NameFacts, RecordSet
from drill.model.propagation import plain

_SWITCHABLE = frozenset({"A", "AAAA", "CNAME"})
Held = tuple[int, frozenset[str]]
"""TTL and values of a record set as the primary serves it; values are plain."""


@dataclass(frozen=True)
class TsigKey:
    """The key that signs updates. `secret` is base64, as the server's configuration has it."""

    name: str
    secret: str = field(repr=False)
    algorithm: str = "hmac-sha256"


class Rfc2136Dns:
    """One zone on one primary (port Dns); `server` is its address and port, `servers` all who answer for it (default: its NS records).

    An update carries the old values as its condition; the TTL, which the protocol cannot compare, is compared by reading just before.
    """

    def __init__(
        self,
        zone: str,
        server: tuple[str, int],
        key: TsigKey | None = None,
        servers: Sequence[tuple[str, int]] | None = None,
        *,
        timeout_s: float = 5.0,
        lookup: Callable[[str], Sequence[str]] = addresses_of,
    ) -> None:
        self._zone = zone.lower().rstrip(".") + "."
        self._server = server
        self._key = key
        self._servers = servers
        self._timeout_s = timeout_s
        self._lookup = lookup

    def read(self, name: str, rtype: str = "A") -> RecordSet:
        held = self._held(name, rtype)
        if held is None:
            raise Fatal(
                f"{self._label} has no {rtype} record for {name}.",
                code="A221",
                fix="Create it by hand once: a drill only moves what exists.",
            )
        ttl_s, values = held
        return RecordSet(name, rtype, ttl_s, tuple(sorted(values)), raw={"ttl": ttl_s, "values": sorted(values)})

    def swap(self, before: RecordSet, after: RecordSet) -> None:
        if (before.name, before.type) != (after.name, after.type):
            raise Fatal(
                f"{before.name} {before.type} cannot become {after.name} {after.type}.", code="A225", fix="Swap one name at a time."
            )
        if after.weights:
            raise Fatal(f"{after.name} cannot be weighed: plain DNS has no weights.", code="A226", fix="Use dns.switch.")
        if not after.values:
            raise Fatal(f"{after.name} would be left without an answer.", code="A225", fix="Give at least one value.")
        old, new = _wanted(before), _wanted(after)
        present = self._held(before.name, before.type)
        if present == new:
            return
        if present != old:
            raise self._conflict(before, present)
        update = self._signed_update(before, after)
        try:
            code = exchange(update, self._server, self._timeout_s)
        except Unanswered as silence:
            self._settle(before, after, f"no answer to the update: {silence}", doubtful=True)
        else:
            # NOERROR alone proves nothing: a server ignores an update that makes no sense to it, such as an A beside a CNAME
            self._settle(before, after, "another value came first" if code in CONFLICTS else "the server took the update and ignored it")

    def servers(self, name: str) -> Sequence[tuple[str, int]]:
        if self._servers is not None:
            return self._servers
        hosts = self._ask(self._zone, "NS")[1]
        try:
            found = [(address, 53) for host in sorted(hosts) for address in self._lookup(host)]
        except OSError as error:
            raise Fatal(
                f"a name server of {self._zone} has no address here: {error.strerror or error}.",
                code="A228",
                fix="Name the servers to ask in the scenario, or see whether this machine resolves names.",
            ) from error
        return found

    def in_sync(self, name: str) -> bool:
        return True  # nobody to ask but the servers themselves

    def facts(self, name: str) -> NameFacts:
        return NameFacts(self._label, "data-plane")

    @property
    def _label(self) -> str:
        return f"the name server {self._server[0]}:{self._server[1]}"

    def _settle(self, before: RecordSet, after: RecordSet, why: str, *, doubtful: bool = False) -> None:
        """Read what an update did."""
        try:
            present = self._held(before.name, before.type)
        except StepError as unread:
            raise InDoubt(
                f"it is unknown whether {before.name} was changed to {', '.join(after.values)} ({why}): {unread.what}",
                code="A320",
                fix="Read the name at the server before anything else.",
            ) from unread
        if present == _wanted(after):
            return
        if present != _wanted(before):
            raise self._conflict(before, present)
        if doubtful:
            raise Retryable(f"{before.name} was not changed: {why}.", code="A120", fix="Trying again is safe.")
        raise Fatal(f"{before.name} still holds {', '.join(before.values)}: {why}.", code="A222", fix="Look at its other records.")

    def _conflict(self, before: RecordSet, present: Held | None) -> Fatal:
        holds = f"{', '.join(sorted(present[1]))} (TTL {present[0]})" if present else "nothing"
        return Fatal(
            f"somebody else changed {before.name}: it holds {holds}, expected {', '.join(before.values)} (TTL {before.ttl_s}).",
            code="A220",
            fix="See who changes it (another drill, a controller, a person) and start again from what it holds now.",
        )

    def _signed_update(self, before: RecordSet, after: RecordSet) -> Any:
        import dns.exception

        try:
            return self._update(before, after)
        except dns.exception.DNSException as error:
            raise Fatal(
                f"{after.name} cannot hold {', '.join(after.values)}: {error}", code="A222", fix="Correct the values; nothing was changed."
            ) from error
        except (KeyError, ValueError, NotImplementedError) as error:
            raise Fatal(
                f"the key {self._key.name if self._key else ''} cannot sign: {error}",
                code="A224",
                fix="Its secret is base64, its algorithm such as hmac-sha256.",
            ) from error

    def _update(self, before: RecordSet, after: RecordSet) -> Any:
        import dns.name
        import dns.rdataset
        import dns.tsigkeyring
        import dns.update

        signed: dict[str, Any] = {}
        if self._key is not None:
            ring = dns.tsigkeyring.from_text({self._key.name: self._key.secret})
            signed = {"keyring": ring, "keyname": dns.name.from_text(self._key.name), "keyalgorithm": self._key.algorithm}
        update = dns.update.UpdateMessage(self._zone, **signed)
        name = dns.name.from_text(before.name)
        # as text: a prerequisite made from a record set keeps its TTL, and every server answers FORMERR to that
        update.present(name, before.type, *_texts(before))
        update.replace(name, dns.rdataset.from_text_list("IN", after.type, after.ttl_s, _texts(after)))
        return update

    def _held(self, name: str, rtype: str) -> Held | None:
        """What the primary serves. Raises: Fatal: a drill does not move that (A225), or the server does not speak for it (A224, A228)."""
        full = name.lower().rstrip(".") + "."
        if rtype not in _SWITCHABLE or "*" in name or full == self._zone or not full.endswith("." + self._zone):
            raise Fatal(
                f"a drill does not move the {rtype} record of {name} in the zone {self._zone}",
                code="A225",
                fix="Move an A, AAAA or CNAME record of one host below the top of the zone.",
            )
        ttl_s, values = self._ask(full, rtype)
        return (ttl_s, values) if values else None

    def _ask(self, full: str, rtype: str) -> Held:
        import dns.exception
        import dns.flags
        import dns.message
        import dns.query
        import dns.rcode
        import dns.rdatatype

        question = dns.message.make_query(full, rtype, use_edns=0, payload=1232)
        question.flags &= ~dns.flags.RD
        address, port = self._server
        try:
            answer, _over_tcp = dns.query.udp_with_fallback(question, address, timeout=self._timeout_s, port=port)
        except (dns.exception.DNSException, OSError) as error:
            raise Retryable(
                f"{self._label} does not say what {full} holds: {type(error).__name__}.",
                code="A120",
                fix="Check its address, port 53 and the firewall.",
            ) from error
        code = dns.rcode.to_text(answer.rcode())
        if code not in {"NOERROR", "NXDOMAIN"} or not answer.flags & dns.flags.AA:
            raise Fatal(
                f"{self._label} does not speak for {self._zone} ({code}).",
                code="A228",
                fix="Name the zone's primary.",
            )
        wanted = dns.rdatatype.from_text(rtype)
        sets = [row for row in answer.answer if row.rdtype == wanted and row.name == question.question[0].name]
        return min((row.ttl for row in sets), default=0), frozenset(plain(value.to_text()) for row in sets for value in row)


def _wanted(record: RecordSet) -> Held:
    return record.ttl_s, frozenset(map(plain, record.values))


def _texts(record: RecordSet) -> list[str]:
    """Values as a message carries them: host names are absolute."""
    return sorted(f"{plain(value)}." if record.type == "CNAME" else plain(value) for value in record.values)
