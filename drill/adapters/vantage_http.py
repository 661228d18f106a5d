"""The way of a vantage point to `drill serve --web`: one kept connection, a key, and a comparison of clocks with every answer."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from drill.adapters.loopback import is_loopback
from drill.model.errors import UsageError
from drill.model.ports import Clock
from drill.model.vantage_wire import CLOCK_HEADER, Batch, Compared, Said, ServerClock, WorkOrder

TIMEOUT_S: Final = 5.0
LONGEST_ANSWER: Final = 1_000_000
_LONGEST_WHY: Final = 300


class HttpLink:
    """One vantage point's way to its server (port Link).

    Raises: UsageError: the address is none, or would show the key to the network (U051), or the key cannot stand in a header (U054).
    """

    def __init__(self, address: str, vantage: str, key: str, *, clock: Clock, scenario: str = "", insecure: bool = False) -> None:
        parts = _parts_of(address)
        if parts.scheme == "http" and not is_loopback(parts.hostname) and not insecure:
            fix = "Write https://, put TLS in front of `drill serve --web`, or say --insecure if the network is yours."
            raise UsageError(f"{address} would show the key to everyone on the way.", code="U051", fix=fix)
        if not key or not all(33 <= ord(character) <= 126 for character in key):
            raise UsageError("the key is empty, or holds blanks or other characters that no header takes.", code="U054", fix=_KEY_FIX)
        self._secure = parts.scheme == "https"
        self._host, self._port = str(parts.hostname), parts.port
        self._path = f"{parts.path.rstrip('/')}/probe/{quote(vantage, safe='')}"
        self._query = f"?{urlencode({'scenario': scenario})}" if scenario else ""
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._clock = clock
        self._connection: http.client.HTTPConnection | None = None
        self._compared: Compared | None = None

    @property
    def compared(self) -> Compared | None:
        return self._compared

    def ask(self) -> Said:
        said, body = self._exchange("GET", self._path + self._query, None)
        if said.outcome != "taken":
            return said
        try:
            return Said("order", WorkOrder.model_validate(body))
        except ValueError:
            return Said("away", why="the server's order cannot be read: it may be of another release")

    def send(self, batch: Batch) -> Said:
        said, body = self._exchange("POST", self._path, batch.model_dump_json().encode())
        if said.outcome != "taken" or not isinstance(body, dict):
            return said
        refused, why = body.get("refused"), body.get("why")
        count = refused if isinstance(refused, int) and 0 <= refused <= len(batch.samples) else 0
        return Said("taken", refused=count, why=str(why)[:_LONGEST_WHY] if count else "")

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[Said, Any]:
        kept = self._connection is not None
        try:
            try:
                return self._try(method, path, body)
            except (ConnectionError, http.client.RemoteDisconnected):
                self.close()
                if not kept:
                    raise
                return self._try(method, path, body)  # the server had closed what we kept; the same samples twice do no harm
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Said("away", why=_reason(error)), None

    def _try(self, method: str, path: str, body: bytes | None) -> tuple[Said, Any]:
        connection = self._connected()
        asked_s = self._clock.mono_s()
        headers = {**self._headers, **({"Content-Type": "application/json"} if body is not None else {})}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        heard_s = self._clock.mono_s()
        content = response.read(LONGEST_ANSWER)
        if response.will_close:
            self.close()
        self._compare(response.headers.get(CLOCK_HEADER, ""), asked_s=asked_s, heard_s=heard_s)
        return _said(response.status, content)

    def _connected(self) -> http.client.HTTPConnection:
        """The connection, made before the clock of a question starts: its handshakes are no part of the comparison."""
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            self._connection = kind(self._host, self._port, timeout=TIMEOUT_S)
            self._connection.connect()  # sends small requests at once by itself
        return self._connection

    def _compare(self, header: str, *, asked_s: float, heard_s: float) -> None:
        server = ServerClock.read(header)
        if server is not None:
            found = Compared.by(server, asked_s=asked_s, heard_s=heard_s)
            if found.better(self._compared, heard_s):
                self._compared = found


_KEY_FIX: Final = "Give --key-file FILE or DRILL_PROBE_KEY what `openssl rand -hex 32` printed; the drill has it as the point's `key`."


def _said(status: int, content: bytes) -> tuple[Said, Any]:
    """What a status means to an agent. Whatever it does not know may pass by itself."""
    if status in _MEANS:
        return _MEANS[status], None
    if status in {400, 413, 422}:
        return Said("refused", why=content[:_LONGEST_WHY].decode("utf-8", "replace").strip()), None
    if status != 200:
        return Said("away", why=f"the server answers {status}"), None
    try:
        return Said("taken"), json.loads(content)
    except ValueError:
        return Said("away", why="the answer is no JSON: is this a drill server?"), None


_MEANS: Final = {204: Said("nothing"), 404: Said("unknown"), 410: Said("over")}


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not prove it: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_S:g} s"
    return (error.strerror or str(error) or type(error).__name__) if isinstance(error, OSError) else f"no HTTP: {type(error).__name__}"


def _parts_of(address: str) -> SplitResult:
    """Raises: UsageError: it is no address that could be asked (U051)."""
    try:
        parts = urlsplit(address)
        named = (parts.hostname or "").encode("idna").decode()
        usable = parts.scheme in {"http", "https"} and named and named.isprintable() and " " not in named and parts.port != 0
    except ValueError:  # a port too high, brackets left open, a name that no resolver takes
        usable = False
    if not usable or parts.username or parts.query:
        raise UsageError(f"{address!r} is no address of a server.", code="U051", fix="For example --to https://drill.example.com.")
    return parts
