"""Connections that are opened before a cut and asked again after it: a blackhole kills them, a changed name or rule may not."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

_CONNECT_S: Final = 3.0
_ANSWER_S: Final = 2.0
_REQUEST: Final = b"HEAD / HTTP/1.1\r\nHost: %s\r\nUser-Agent: drill\r\nConnection: keep-alive\r\n\r\n"


@dataclass(frozen=True)
class Held:
    """One connection after the cut. Not opened: it proves nothing."""

    address: str
    opened: bool
    alive: bool

    def told(self) -> dict[str, str]:
        """For a step's outputs."""
        return {"address": self.address, "state": "not opened" if not self.opened else "alive" if self.alive else "cut"}


class Holding(Protocol):
    """Connections that are being held."""

    def after(self) -> list[Held]:
        """Ask each once more. Takes some seconds at most."""

    def close(self) -> None:
        """Let go of them."""


class Connections:
    """Holds one keep-alive HTTP connection to each address, `host:port`. It never fails a cut: what could not be opened is said."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._held = {address: _open(address) for address in addresses}

    def after(self) -> list[Held]:
        return [Held(address, held is not None, held is not None and _answers(held, address)) for address, held in self._held.items()]

    def close(self) -> None:
        for held in self._held.values():
            if held is not None:
                held.close()


def nothing_held(_site: str) -> Holding:
    """For sites that name no address to hold."""
    return Connections(())


def _open(address: str) -> socket.socket | None:
    """A connection that has answered once; None when there is none to be had."""
    host, _, port = address.rpartition(":")
    try:
        held = socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S)
    except OSError:
        return None
    if _answers(held, address):
        return held
    held.close()
    return None


def _answers(held: socket.socket, address: str) -> bool:
    held.settimeout(_ANSWER_S)
    try:
        held.sendall(_REQUEST % address.encode())
        return held.recv(4096) != b""
    except OSError:
        return False
