"""One dynamic update to a name server over TCP, and what its answer means."""

from __future__ import annotations

import socket
import struct
from typing import Any

from drill.model.errors import Fatal, Retryable, StepError

_KEYS = {
    "PeerBadKey": "it does not know this TSIG key, or (Knot DNS) the key may not change this name",
    "PeerBadSignature": "the TSIG secret or algorithm is not the server's",
    "PeerBadTime": "the clocks of this machine and of the server are too far apart",
}
_RCODES = {
    "NOTAUTH": "the server is not primary for this zone, or wants the update signed",
    "REFUSED": "its policy refuses the update: wrong key, a name or type the key may not change, or a secondary",
}
CONFLICTS = frozenset({"NXRRSET", "YXRRSET", "NXDOMAIN", "YXDOMAIN"})
"""Answers that say: the record set is not the one the update names."""


class Unanswered(Exception):
    """The update was sent and nothing usable came back: it may have been carried out."""


def exchange(update: Any, server: tuple[str, int], timeout_s: float) -> str:
    """Send an update and return the answer's code: `NOERROR`, or one of CONFLICTS.

    Raises: Retryable: nothing was sent, or the server failed (A120). Fatal: it refuses (A222, A224, A225). Unanswered: see there.
    """
    import dns.exception
    import dns.message
    import dns.rcode

    wire = update.to_wire()
    raw = _over_tcp(wire, server, timeout_s)
    if len(raw) < 12 or raw[:2] != wire[:2]:
        raise Unanswered("the answer belongs to another question")
    code = dns.rcode.to_text(dns.rcode.Rcode(raw[3] & 15))  # read before the signature is judged: some refuse without signing
    try:
        answer = dns.message.from_wire(raw, keyring=update.keyring, request_mac=update.mac, ignore_trailing=True)
    except dns.exception.DNSException as error:
        kind = type(error).__name__
        if kind in _KEYS:
            raise _forbidden(server, _KEYS[kind], code) from error
        if code in {"NOERROR", *CONFLICTS}:
            raise Unanswered(f"the answer is not signed as it should be ({kind})") from error
        raise _refused(server, code) from error
    code = dns.rcode.to_text(answer.rcode())
    if code != "NOERROR" and code not in CONFLICTS:
        raise _refused(server, code)
    return code


def _over_tcp(wire: bytes, server: tuple[str, int], timeout_s: float) -> bytes:
    """A lost UDP packet would leave every update in doubt; TCP also has no size limit."""
    try:
        connection = socket.create_connection(server, timeout_s)
    except OSError as error:
        raise Retryable(
            f"the name server {_label(server)} cannot be reached: {error.strerror or error}.",
            code="A120",
            fix="Check its address, port 53/tcp and the firewall; nothing was changed.",
        ) from error
    try:
        with connection:
            connection.sendall(struct.pack("!H", len(wire)) + wire)
            (length,) = struct.unpack("!H", _exactly(connection, 2))
            return _exactly(connection, length)
    except OSError as error:
        raise Unanswered(str(error) or type(error).__name__) from error


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise ConnectionResetError("the server closed the connection")
        found += part
    return found


def _refused(server: tuple[str, int], code: str) -> StepError:
    if code == "SERVFAIL":
        return Retryable(f"the name server {_label(server)} failed (SERVFAIL).", code="A120", fix="See its log; trying again is safe.")
    if code == "NOTZONE":
        return Fatal(f"the name server {_label(server)} says the name lies outside the zone.", code="A225", fix="Correct the zone.")
    if code in _RCODES:
        return _forbidden(server, _RCODES[code], code)
    return Fatal(
        f"the name server {_label(server)} does not take the update: {code}.", code="A222", fix="See whether it allows dynamic updates."
    )


def _forbidden(server: tuple[str, int], why: str, code: str) -> Fatal:
    return Fatal(
        f"the name server {_label(server)} does not let the drill change the name ({code}): {why}.",
        code="A224",
        fix="Compare the key, its secret and its algorithm with the server's, and what its policy lets the key change.",
    )


def _label(server: tuple[str, int]) -> str:
    return f"{server[0]}:{server[1]}"
