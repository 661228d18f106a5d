"""A name server on loopback, UDP and TCP, that says what it is told."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from drill.sandbox.route53_answers import Reply, Row

Answer = Callable[[str, str], Reply]

_EDNS_PAYLOAD = 1232  # fits every path without fragments
_NEGATIVE_TTL_S = 1  # a drill that creates a name must not wait for caches to forget that it was missing
_IDLE_TCP_S = 10.0


def respond(wire: bytes, answer: Answer, *, over_tcp: bool = False) -> bytes | None:
    """The reply to one message; nothing for what is not a query."""
    try:
        query = dns.message.from_wire(wire, ignore_trailing=True)
    except dns.exception.DNSException:
        return None
    if query.flags & dns.flags.QR or len(query.question) != 1:
        return None
    response = dns.message.make_response(query, recursion_available=False, our_payload=_EDNS_PAYLOAD)
    question = query.question[0]
    reply = answer(question.name.to_text(), dns.rdatatype.to_text(question.rdtype))
    response.set_rcode(dns.rcode.from_text(reply.rcode))
    if reply.rcode != "REFUSED":
        response.flags |= dns.flags.AA
    for row in reply.rows:
        rrset = _rrset(row)
        present = response.get_rrset(response.answer, rrset.name, rrset.rdclass, rrset.rdtype)
        if present is None:
            response.answer.append(rrset)
        else:
            for value in rrset:
                present.add(value)
    if reply.soa:
        *fields, _minimum = reply.soa.values[0].split()
        soa = Row(reply.soa.name, "SOA", _NEGATIVE_TTL_S, (" ".join([*fields, str(_NEGATIVE_TTL_S)]),))
        response.authority.append(_rrset(soa))
    return _fit(response, 65535 if over_tcp else max(512, query.payload or 0))


def _rrset(row: Row) -> dns.rrset.RRset:
    return dns.rrset.from_text(row.name, row.ttl_s, "IN", row.type, *row.values)


def _fit(response: dns.message.Message, size: int) -> bytes:
    try:
        return response.to_wire(max_size=size)
    except dns.exception.TooBig:
        response.answer.clear()
        response.flags |= dns.flags.TC  # the asker comes back over TCP
        return response.to_wire(max_size=size)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own class for it does not inherit from it

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        wire = respond(data, self._answer)
        if wire is not None:
            self._transport.sendto(wire, addr)


async def _serve_tcp(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            async with asyncio.timeout(_IDLE_TCP_S):
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                wire = respond(await reader.readexactly(length), answer, over_tcp=True)
            if wire is None:
                return
            writer.write(struct.pack("!H", len(wire)) + wire)
            await writer.drain()
    except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
        return  # the asker has hung up, or never asked: both are the end of a conversation
    finally:
        writer.close()


async def start(answer: Answer, host: str, port: int) -> tuple[int, Callable[[], None]]:
    """Serve on UDP and TCP of one port; returns the port and how to stop. Port 0 takes a free one.

    Raises: OSError: the port is taken.
    """
    loop = asyncio.get_running_loop()
    tcp = await asyncio.start_server(lambda reader, writer: _serve_tcp(answer, reader, writer), host, port)
    port = int(tcp.sockets[0].getsockname()[1])
    udp, _protocol = await loop.create_datagram_endpoint(lambda: _Udp(answer), local_addr=(host, port))

    def stop() -> None:
        udp.close()
        tcp.close()

    return port, stop
