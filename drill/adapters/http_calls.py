"""Sends one HTTP request and says whether the server may have seen it: what decides if it may be sent again."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal
from drill.model.ports import Answered, Call

_LONGEST: Final = 1_048_576
_CHUNK: Final = 65_536


@dataclass(frozen=True)
class _Target:
    host: str
    port: int
    path: str
    tls: bool


class _At(http.client.HTTPConnection):
    """A connection to a chosen address, whatever the host's name says; over TLS the name is still what is proved."""

    def __init__(self, target: _Target, address: str, timeout_s: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout_s)
        self._target = target
        self._address = address or target.host

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self._target.port), self.timeout)
        if self._target.tls:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._target.host)


class PlainHttp:
    """HTTP over the standard library (port HttpCalls): no proxy, no redirect, no cookie."""

    def __init__(self, values: SecretValues) -> None:
        self._values = values

    def trouble(self, call: Call) -> list[str]:
        try:
            _target_of(call.url)
        except Fatal as error:
            return [error.what.rstrip(".")]
        return self._values.missing(*call.headers.values(), call.body)

    def look(self, call: Call, *, timeout_s: float) -> Answered | None:
        return self.send(call, timeout_s=timeout_s)

    def send(self, call: Call, *, timeout_s: float) -> Answered:
        target = _target_of(call.url)
        headers = {"User-Agent": "drill", "Connection": "close", **self._values.filled_all(call.headers)}
        body = self._values.filled(call.body).encode()
        begun_s = time.monotonic()
        connection = _At(target, call.address, timeout_s)
        sent = False
        try:
            connection.connect()
            sent = True
            connection.request(call.method, target.path, body or None, headers)
            answer = connection.getresponse()
            text = _read(answer, connection, until_s=begun_s + timeout_s)
            found = {name.lower(): self._values.hidden(value) for name, value in answer.getheaders()}
            return Answered(True, answer.status, found, self._values.hidden(text), "", _since(begun_s))
        except (OSError, http.client.HTTPException, UnicodeError, ValueError) as error:
            return Answered(sent, 0, {}, "", self._values.hidden(_why(error)), _since(begun_s))
        finally:
            connection.close()


def _since(begun_s: float) -> float:
    return round(time.monotonic() - begun_s, 3)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no whole answer in time"
    if isinstance(error, http.client.HTTPException):
        return "the answer is no HTTP, or broke off"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _read(answer: http.client.HTTPResponse, connection: http.client.HTTPConnection, *, until_s: float) -> str:
    """The body, to a limit. Raises: TimeoutError: it does not end in time, however slowly it drips. IncompleteRead: it breaks off."""
    parts: list[bytes] = []
    promised = answer.length or 0  # asked for now: some Pythons count it down
    while sum(map(len, parts)) < _LONGEST:
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(left_s)
        part = answer.read1(_CHUNK)
        if not part:
            break
        parts.append(part)
    found = b"".join(parts)
    if len(found) < min(promised, _LONGEST):
        raise http.client.IncompleteRead(found, promised - len(found))
    return found[:_LONGEST].decode(errors="replace")


def _target_of(url: str) -> _Target:
    """Raises: Fatal: it is no http or https address (A282)."""
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        shown = url.partition("?")[0].rpartition("@")[2]
        raise Fatal(f"'{shown}' is no address to call.", code="A282", fix="Write http(s)://host[:port]/path, credentials in a header.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    tls = parts.scheme == "https"
    return _Target(parts.hostname, port or (443 if tls else 80), path, tls)
