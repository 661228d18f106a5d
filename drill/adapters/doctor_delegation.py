"""Whom users ask for the names of a zone: the name servers that its delegation names, by their addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from drill.model.errors import Fatal, Retryable

if TYPE_CHECKING:
    from dns.resolver import Resolver

_PATIENCE_S: Final = 3.0


def delegated_to(zone: str, resolver: tuple[str, int] | None = None) -> set[str]:
    """Addresses of the servers that a resolver finds for a zone. Without a `resolver` the machine's own is asked.

    Raises: Retryable: it does not answer (A120). Fatal: nothing delegates the zone (A228).
    """
    import dns.exception
    import dns.rdatatype
    import dns.resolver

    try:
        asked = _resolver(resolver)
        hosts = [row.target.to_text() for row in asked.resolve(zone, "NS", lifetime=_PATIENCE_S)]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
        raise Fatal(f"nothing delegates {zone}: no name server is named.", code="A228", fix="Delegate it at its registrar.") from error
    except (dns.exception.DNSException, OSError) as error:
        raise Retryable(f"the resolver does not say who answers for {zone}: {error}.", code="A120", fix="See that it answers.") from error
    return {address for host in hosts for address in _addresses(asked, host)}


def _addresses(asked: Resolver, host: str) -> Sequence[str]:
    import dns.exception

    found: list[str] = []
    for rtype in ("A", "AAAA"):
        try:
            found += [row.to_text() for row in asked.resolve(host, rtype, lifetime=_PATIENCE_S)]
        except (dns.exception.DNSException, OSError):
            continue  # a server need not have both, and one that cannot be found is missing from the answer
    return found


def _resolver(at: tuple[str, int] | None) -> Resolver:
    import dns.resolver

    if at is None:
        return dns.resolver.Resolver()
    made = dns.resolver.Resolver(configure=False)
    made.nameservers, made.port = [at[0]], at[1]
    return made
