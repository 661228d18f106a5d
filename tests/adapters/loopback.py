"""Little servers on loopback that behave well or badly on purpose, and a name server that can be told what to answer."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dns.message
import dns.rcode
import dns.rrset

Handler = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def say(answer: bytes, *, after_s: float = 0.0) -> Handler:
    """Reads the request, waits, answers and closes."""

    def handle(peer: socket.socket) -> None:
        peer.recv(4096)
        time.sleep(after_s)
        peer.sendall(answer)

    return handle


def reset(peer: socket.socket) -> None:
    """Drops the connection with a reset."""
    peer.recv(4096)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@dataclass
class Server:
    """One TCP server."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


@contextlib.contextmanager
def serving(handle: Handler, address: str = "127.0.0.1", port: int = 0) -> Iterator[Server]:
    """Accept connections and hand each to `handle` in its own thread."""
    listener = socket.create_server((address, port), backlog=128)
    server = Server(listener.getsockname()[1])

    def one(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            server.requests.append(peer.recv(4096, socket.MSG_PEEK))
            handle(peer)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                server.connections += 1
                threading.Thread(target=one, args=(peer,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


@contextlib.contextmanager
def frozen(address: str = "127.0.0.1") -> Iterator[int]:
    """The port of a server whose kernel takes connections and whose process never answers."""
    with socket.create_server((address, 0), backlog=128) as listener:
        yield int(listener.getsockname()[1])


def closed_port() -> int:
    """A port that refuses."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@dataclass
class Names:
    """A name server that answers every name with `addresses`; none is NXDOMAIN, `silent` is no answer at all."""

    port: int
    addresses: list[str] = field(default_factory=list)
    silent: bool = False
    asked: int = 0


@contextlib.contextmanager
def naming(*addresses: str) -> Iterator[Names]:
    """Answer names until the end of the block."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(0.05)
        names = Names(udp.getsockname()[1], list(addresses))
        over = threading.Event()
        thread = threading.Thread(target=_answer, args=(udp, names, over), daemon=True)
        thread.start()
        try:
            yield names
        finally:
            over.set()
            thread.join(2)


def _answer(udp: socket.socket, names: Names, over: threading.Event) -> None:
    while not over.is_set():
        try:
            wire, client = udp.recvfrom(4096)
        except TimeoutError:
            continue
        names.asked += 1
        if names.silent:
            continue
        query = dns.message.from_wire(wire)
        answer = dns.message.make_response(query)
        if names.addresses:
            answer.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", *names.addresses))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        udp.sendto(answer.to_wire(), client)
