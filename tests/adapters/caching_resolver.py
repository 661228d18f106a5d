"""A caching resolver on loopback: honest, or one that stretches short TTLs as some providers' do."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.query
import dns.rrset


@dataclass
class Resolver:
    """Asks `upstream` and keeps answers for their TTL, or for `min_ttl_s` if that is longer."""

    upstream: tuple[str, int]
    min_ttl_s: int = 0
    _cache: dict[tuple[str, str], tuple[float, dns.message.Message]] = field(default_factory=dict)

    def answer(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        key = (question.name.to_text().lower(), str(question.rdtype))
        expires_s, kept = self._cache.get(key, (0.0, None))
        if kept is None or expires_s <= time.monotonic():
            asked = dns.message.make_query(question.name, question.rdtype)
            asked.flags &= ~dns.flags.RD
            kept = dns.query.udp(asked, self.upstream[0], port=self.upstream[1], timeout=5)
            ttl_s = max(self.min_ttl_s, min((row.ttl for row in kept.answer), default=1))
            expires_s = time.monotonic() + ttl_s
            self._cache[key] = (expires_s, kept)
        response = dns.message.make_response(query, recursion_available=True)
        response.set_rcode(kept.rcode())
        left_s = max(0, round(expires_s - time.monotonic()))
        response.answer = [dns.rrset.from_rdata_list(row.name, left_s, list(row)) for row in kept.answer]
        return response.to_wire()


@contextmanager
def running_resolver(resolver: Resolver) -> Iterator[str]:
    """Serve it; gives its address and port as text."""
    over = threading.Event()
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(0.05)

        def serve() -> None:
            while not over.is_set():
                try:
                    wire, asker = udp.recvfrom(4096)
                except TimeoutError:
                    continue
                udp.sendto(resolver.answer(wire), asker)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{udp.getsockname()[1]}"
        finally:
            over.set()
            thread.join(10)
