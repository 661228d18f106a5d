"""One HTTP exchange by hand: a request out, the answer in, nothing pooled, nothing waited for beyond the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from drill.model.errors import PreflightFailed
from drill.model.plan import Probe

MAX_ANSWER_BYTES = 1_000_000
_SCHEMES = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Target:
    """Where a probe goes and what it says there. `request` is empty for a bare TCP probe."""

    host: str
    port: int
    tls: bool = False
    request: bytes = b""
    expect: bytes = b""


class ProbeFailed(Exception):
    """The answer, or the lack of one, is not what a healthy service gives. `error` is its class: `http_503`, `closed`."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


def target_of(probe: Probe) -> Target:
    """What a probe's URL or address means.

    Raises: PreflightFailed: it names no host or port that could be asked (F060).
    """
    try:
        found = _http_target(probe, probe.http) if probe.http else _tcp_target(probe.tcp or "")
    except ValueError as error:
        raise PreflightFailed(
            f"probe {probe.id!r} cannot be asked: {error}.",
            code="F060",
            fix="Give it `http: http://host[:port]/path` or `tcp: host:port`.",
        ) from error
    return found


def _http_target(probe: Probe, url: str) -> Target:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError(f"{url!r} is no http or https address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"{probe.method} {path} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        "User-Agent: drill-probe",
        "Accept: */*",
        f"Connection: {'keep-alive' if probe.connection == 'kept' else 'close'}",
        *(["Content-Length: 0"] if probe.method not in {"GET", "HEAD"} else []),
    ]
    if any(character in line for line in lines for character in "\r\n"):
        raise ValueError(f"{url!r} holds a line break")
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    port = parts.port or _SCHEMES[parts.scheme]
    return Target(parts.hostname, port, tls=parts.scheme == "https", request=request, expect=(probe.expect or "").encode())


def _tcp_target(address: str) -> Target:
    parts = urlsplit(f"//{address}")
    if not parts.hostname or not parts.port:
        raise ValueError(f"{address!r} is no host and port")
    return Target(parts.hostname, parts.port)


@dataclass
class Answer:
    """The bytes that have arrived so far, and whether they are all."""

    head_only: bool = False
    body: bytes = b""
    status: int = 0
    closes: bool = False
    """Whether the server will take no further request on this connection."""
    _raw: bytearray = field(default_factory=bytearray)
    _body_at: int = 0
    _length: int | None = None
    _chunked: bool = False

    def feed(self, data: bytes) -> bool:
        """Take more bytes; true once the answer is complete.

        Raises: ProbeFailed: it is no HTTP, or longer than any health page.
        """
        self._raw += data
        if len(self._raw) > MAX_ANSWER_BYTES:
            raise ProbeFailed("too_long")
        if not self._body_at and not self._read_head():
            return False
        have = len(self._raw) - self._body_at
        if self.head_only or self.status in {204, 304}:
            return True
        if self._chunked:
            return self._raw.endswith(b"0\r\n\r\n")
        if self._length is not None and have >= self._length:
            self.body = bytes(self._raw[self._body_at : self._body_at + self._length])
            return True
        return False

    def end(self) -> None:
        """The other side closed: that ends an answer without a length, and breaks any other.

        Raises: ProbeFailed: the answer is cut short (`closed`).
        """
        if not self._body_at or self._chunked or self._length is not None:
            raise ProbeFailed("closed")
        self.body = bytes(self._raw[self._body_at :])

    def ends_exactly(self) -> bool:
        """Whether nothing has come beyond the end of a complete answer."""
        if self.head_only or self.status in {204, 304}:
            return len(self._raw) == self._body_at
        return self._chunked or (self._length is not None and len(self._raw) == self._body_at + self._length)

    def text(self) -> bytes:
        """The body, put together."""
        return _unchunk(bytes(self._raw[self._body_at :])) if self._chunked else self.body

    def _read_head(self) -> bool:
        end = self._raw.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = bytes(self._raw[:end]).split(b"\r\n")
        words = first.split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
            raise ProbeFailed("not_http")
        self.status, self._body_at = int(words[1]), end + 4
        headers = {name.strip().lower(): value.strip().lower() for name, _, value in (line.partition(b":") for line in lines)}
        said = headers.get(b"connection", b"")
        self.closes = b"close" in said or (words[0] == b"HTTP/1.0" and b"keep-alive" not in said)
        self._chunked = b"chunked" in headers.get(b"transfer-encoding", b"")
        if not self._chunked and headers.get(b"content-length", b"").isdigit():
            self._length = int(headers[b"content-length"])
        return True


def _unchunk(raw: bytes) -> bytes:
    body = b""
    while raw:
        size, _, rest = raw.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError as error:
            raise ProbeFailed("not_http") from error
        if not length:
            return body
        body, raw = body + rest[:length], rest[length + 2 :]
    return body


class Exchange(asyncio.Protocol):
    """Sends the request as soon as it is connected; `done` holds the answer or the error."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._answer = Answer(head_only=target.request.startswith(b"HEAD "))
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._target.request:
            transport.write(self._target.request)
        else:
            self._finish(None)

    def data_received(self, data: bytes) -> None:
        try:
            if self._answer.feed(data):
                self._finish(None)
        except ProbeFailed as error:
            self._finish(error)

    def eof_received(self) -> bool:
        try:
            self._answer.end()
        except ProbeFailed as error:
            self._finish(error)
        else:
            self._finish(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(exc or ProbeFailed("closed"))

    def abort(self) -> None:
        """Drop the connection without a farewell: a frozen server would never take it."""
        if self._transport is not None:
            self._transport.abort()
        if not self.done.cancel() and not self.done.cancelled():
            self.done.exception()  # taken note of: nobody waits for it any more

    def _finish(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(self._answer)
        else:
            self.done.set_exception(error)


def judge(answer: Answer, target: Target) -> None:
    """Accept a 2xx that holds the expected text.

    Raises: ProbeFailed: another status (`http_503`), or the text is missing (`unexpected`).
    """
    if not target.request:
        return
    if not 200 <= answer.status < 300:
        raise ProbeFailed(f"http_{answer.status}")
    if target.expect and target.expect not in answer.text():
        raise ProbeFailed("unexpected")
