"""A relay before a name server: questions over UDP pass; an update over TCP can be lost before or after it was carried out."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Relay:
    """Relays to `upstream` on one port of its own; set the attributes before the next update."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._tcp = socket.socket()
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._tcp.bind(("127.0.0.1", 0))
        self._udp.bind(self._tcp.getsockname())
        self._tcp.listen()
        self._over = threading.Event()
        self._deaf = threading.Event()
        self.address: tuple[str, int] = self._tcp.getsockname()
        self.drop_request = False
        self.answer: bytes | None = None
        """What the client gets for every update, instead of a closed connection."""
        self.deaf_after = False
        """Whether it answers no question any more once it has seen an update."""

    def relay_updates(self) -> None:
        while not self._over.is_set():
            connection, _ = self._tcp.accept()
            with connection:
                head = connection.recv(2)
                if len(head) == 2:
                    self._take(connection, head + connection.recv(struct.unpack("!H", head)[0]))

    def relay_questions(self) -> None:
        while not self._over.is_set():
            wire, asker = self._udp.recvfrom(4096)
            if not self._deaf.is_set():
                with socket.socket(type=socket.SOCK_DGRAM) as upstream:
                    upstream.settimeout(5)
                    upstream.sendto(wire, self._upstream)
                    self._udp.sendto(upstream.recv(4096), asker)

    def stop(self) -> None:
        self._over.set()
        self._deaf.set()
        socket.create_connection(self.address, 5).close()
        self._udp.sendto(b"", self.address)

    def close(self) -> None:
        self._tcp.close()
        self._udp.close()

    def _take(self, connection: socket.socket, wire: bytes) -> None:
        if not self.drop_request:
            with socket.create_connection(self._upstream, 5) as upstream:
                upstream.sendall(wire)
                upstream.recv(4096)
        if self.deaf_after:
            self._deaf.set()
        if self.answer is not None:
            connection.sendall(struct.pack("!H", len(self.answer)) + self.answer)


@contextmanager
def relaying(upstream: tuple[str, int]) -> Iterator[Relay]:
    """A running relay; ends with its threads."""
    relay = Relay(upstream)
    threads = [threading.Thread(target=each) for each in (relay.relay_updates, relay.relay_questions)]
    for thread in threads:
        thread.start()
    try:
        yield relay
    finally:
        relay.stop()
        for thread in threads:
            thread.join(10)
        relay.close()
