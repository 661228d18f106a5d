"""Asks probes from the user's side: resolve anew and connect anew, unless told to keep both; judge, never beyond the deadline."""

from __future__ import annotations

import asyncio
import errno
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address

from drill.adapters.probes_http import Answer, Exchange, ProbeFailed, Target, judge, target_of
from drill.adapters.probes_kept import KeptClient
from drill.model.errors import Fatal
from drill.model.plan import Probe
from drill.model.ports import Sample

_LOOPBACK = "127.0.0.1"
_NEXT_SERVER_AFTER_S = 0.3
_EDNS_PAYLOAD = 1232  # the largest answer that no network fragments
_ERRNO_CLASS = {
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.EADDRNOTAVAIL: "no_local_port",
    errno.EMFILE: "no_files",
}


@dataclass
class _Trip:
    """How far one sample has come."""

    address: str = ""
    resolving: bool = True
    exchange: Exchange | None = None
    arrived_s: float | None = None


@dataclass
class Probes:
    """Asks probes by name (port ProbeRunner).

    `resolver` is the name server's address and port; without one, the servers of the machine's configuration are asked directly, past every
    cache. `site_of` says which site an address belongs to. Raises: PreflightFailed: a probe has no usable address (F060).
    """

    probes: Mapping[str, Probe]
    resolver: tuple[str, int] | None
    site_of: Callable[[str], str]
    resolvers: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Who is asked instead of `resolver` for names at and below a domain; the longest one counts."""
    _targets: dict[str, Target] = field(init=False, repr=False)
    _kept: dict[str, KeptClient] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._targets = {name: target_of(probe) for name, probe in self.probes.items()}
        self._kept = {name: KeptClient(self._targets[name]) for name, probe in self.probes.items() if probe.connection == "kept"}

    def ask(self, probe: str) -> Sample:
        """Ask once and wait for the answer. Raises: Fatal: no probe has this name (A260)."""
        return asyncio.run(self._ask_alone(probe))

    async def _ask_alone(self, probe: str) -> Sample:
        try:
            return await self.sample(probe)
        finally:
            if probe in self._kept:
                self._kept[probe].drop(asyncio.get_running_loop())

    async def sample(self, probe: str, *, timeout_s: float | None = None) -> Sample:
        """Ask once. Never longer than `timeout_s` (else the probe's own), counted from the first packet of the name's resolution.

        Raises: Fatal: no probe has this name (A260).
        """
        import dns.asyncquery  # noqa: F401 - before the clock starts: loading it is not the network's time

        target, limit_s = self._known(probe), timeout_s
        if limit_s is None:
            limit_s = self.probes[probe].timeout_s
        trip = _Trip()
        sent_s = time.monotonic()
        error = await self._travel(target, trip, limit_s, kept=self._kept.get(probe))
        late = trip.arrived_s is not None and trip.arrived_s - sent_s > limit_s
        if not error and late:  # the loop was busy: the answer was there in time or not, nobody can say
            error = "deadline"
        site = self.site_of(trip.address) if trip.address else ""
        return Sample(sent_s, trip.arrived_s, not error, error, site, trip.address)

    def _known(self, probe: str) -> Target:
        if probe not in self._targets:
            raise Fatal(f"there is no probe {probe!r}.", code="A260", fix=f"Known probes: {', '.join(sorted(self._targets)) or 'none'}.")
        return self._targets[probe]

    async def _travel(self, target: Target, trip: _Trip, limit_s: float, *, kept: KeptClient | None) -> str:
        try:
            async with asyncio.timeout(limit_s):
                answer = await (self._exchange(target, trip) if kept is None else self._exchange_kept(kept, trip))
            judge(answer, target)
        except TimeoutError:
            return "dns" if trip.resolving else "deadline"
        except ProbeFailed as failed:
            return failed.error
        except OSError as failed:
            return "dns" if trip.resolving else _class_of(failed)
        finally:
            if trip.exchange is not None:
                trip.exchange.abort()
        return ""

    async def _exchange(self, target: Target, trip: _Trip) -> Answer:
        trip.address = random.choice(await self._addresses(target.host))
        trip.resolving = False
        trip.exchange = exchange = Exchange(target)
        await self._connect(target, exchange, trip.address)
        answer = await exchange.done
        trip.arrived_s = time.monotonic()
        return answer

    async def _exchange_kept(self, client: KeptClient, trip: _Trip) -> Answer:
        async def choose() -> str:
            return random.choice(await self._addresses(client.target.host))

        trip.address = await client.settle(choose)
        trip.resolving = False
        answer = await client.ask(lambda line, address: self._connect(client.target, line, address))
        trip.arrived_s = time.monotonic()
        return answer

    async def _connect(self, target: Target, protocol: asyncio.Protocol, address: str) -> None:
        context = self._tls if target.tls else None
        name = target.host if target.tls else None
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: protocol, address, target.port, ssl=context, server_hostname=name)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    @cached_property
    def _servers(self) -> Sequence[tuple[str, int]]:
        if self.resolver is not None:
            return [self.resolver]
        import dns.exception
        import dns.resolver

        try:
            own = dns.resolver.Resolver()
        except dns.exception.DNSException as error:
            raise ProbeFailed("dns") from error
        return [(str(server), own.port) for server in own.nameservers]

    async def _addresses(self, host: str) -> Sequence[str]:
        """Every address the name has now. Raises: ProbeFailed: no name server gives one (`dns`)."""
        if host == "localhost":
            return [_LOOPBACK]
        if _is_address(host):
            return [host]
        around = [domain for domain in self.resolvers if f".{host}".endswith(f".{domain}")]
        servers = [self.resolvers[max(around, key=len)]] if around else self._servers
        return await _ask_first(host, "A", servers) or await _ask_first(host, "AAAA", servers) or _no_address()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _no_address() -> Sequence[str]:
    raise ProbeFailed("dns")


async def _ask_first(host: str, rtype: str, servers: Sequence[tuple[str, int]]) -> Sequence[str]:
    """The addresses from the first server that answers; none when the name has none. A fresh socket per question, no cache.

    Raises: ProbeFailed: no server gives an answer that counts (`dns`).
    """
    import dns.asyncquery
    import dns.exception
    import dns.message
    import dns.rcode
    import dns.rdatatype

    query = dns.message.make_query(host, rtype, use_edns=0, payload=_EDNS_PAYLOAD)
    for number, (address, port) in enumerate(servers, start=1):
        patience_s = None if number == len(servers) else _NEXT_SERVER_AFTER_S
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(query, address, port=port, timeout=patience_s)
        except (dns.exception.DNSException, OSError):
            continue  # the next server may know; when none does, that is the sample's answer
        if answer.rcode() == dns.rcode.NOERROR:
            wanted = dns.rdatatype.from_text(rtype)
            return [record.to_text() for rrset in answer.answer if rrset.rdtype == wanted for record in rrset]
    raise ProbeFailed("dns")


def _class_of(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, ConnectionError):
        return "reset"
    return _ERRNO_CLASS.get(error.errno or 0, "network")
