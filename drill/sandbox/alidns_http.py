"""Serves APIs of Alibaba Cloud on loopback; every request must be signed as the service wants it."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, Protocol
from urllib.parse import parse_qsl

from drill.sandbox.acs3 import Nonces, Request, SignatureRefused, verify_api
from drill.sandbox.alidns_api import AlidnsRefused, nested

VERSION: Final = "2015-01-09"
_LONGEST_BODY: Final = 1 << 20

Fault = Literal["throttled", "unavailable", "lost", "garbage", "gone"]
"""What befalls one call: refused before or after, carried out and never answered, answered with nonsense, or not even carried out."""


class Actions(Protocol):
    """Some of an API's actions. `version` is that of the API, where it is not the one of Alibaba Cloud DNS."""

    @property
    def actions(self) -> frozenset[str]:
        """Their names."""

    def call(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """Carry one out. Raises: AlidnsRefused."""


class AlidnsServer(ThreadingHTTPServer):
    """The server and what its threads share. `secrets`: access key id to secret."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, parts: Sequence[Actions], secrets: Mapping[str, str], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.parts = tuple(parts)
        self.secrets = dict(secrets)
        self.nonces = Nonces()
        self.log: list[str] = []
        """The actions that were carried out, in order."""
        self._faults: list[tuple[str, Fault]] = []
        self._faults_lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_address[1]}"

    def order(self, action: str, *faults: Fault) -> None:
        """What befalls the next calls of an action, one after the other."""
        with self._faults_lock:
            self._faults += [(action, fault) for fault in faults]

    def take(self, action: str) -> Fault | None:
        """The fault that befalls this call."""
        with self._faults_lock:
            for at, (name, fault) in enumerate(self._faults):
                if name == action:
                    del self._faults[at]
                    return fault
        return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is no error of ours; anything else is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def start(self) -> threading.Thread:
        """Serve in a thread until `end`."""
        thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="alidns", daemon=True)
        thread.start()
        return thread

    def end(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave in one packet: otherwise each keep-alive call takes 40 ms
    disable_nagle_algorithm = True
    server: AlidnsServer

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _LONGEST_BODY:
            self.close_connection = True
            return
        request = Request(self.command, self.path, dict(self.headers.items()), self.rfile.read(int(length)))
        action = request.headers.get("x-acs-action", "")
        fault: Fault | None = None
        status = 200
        try:
            verify_api(request, self.server.secrets, now=datetime.now(UTC), nonces=self.server.nonces)
            fault = self.server.take(action)
            answer = self._carry_out(action, request, fault)
        except (SignatureRefused, AlidnsRefused) as refused:
            status = refused.status
            answer = {"Code": refused.code, "Message": refused.message, "HostId": request.headers.get("host", ""), "Recommend": ""}
        if fault in {"lost", "gone"}:
            self.close_connection = True
            return
        self._send(status, b"<html>proxy error</html>" if fault == "garbage" else json.dumps(answer | _request_id()).encode())

    do_GET = do_POST  # noqa: N815 - named by http.server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        """Nothing: tests read `log`."""

    def _carry_out(self, action: str, request: Request, fault: Fault | None) -> dict[str, Any]:
        if fault == "throttled":
            raise AlidnsRefused("Throttling.User", "Request was denied due to user flow control.", 400)
        if fault == "unavailable":
            raise AlidnsRefused("ServiceUnavailable", "The request has failed due to a temporary failure of the server.", 503)
        if fault == "gone":
            return {}
        version = request.headers["x-acs-version"]
        part = next((part for part in self.server.parts if action in part.actions and getattr(part, "version", VERSION) == version), None)
        if part is None:
            raise AlidnsRefused("InvalidAction.NotFound", f"Specified api is not found: {action}", 404)
        parameters = dict(parse_qsl(request.query, keep_blank_values=True))
        parameters |= dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        try:
            answer = part.call(action, nested(parameters))
        except KeyError as missing:
            raise AlidnsRefused("MissingParameter", f"The input parameter {missing} is mandatory.") from missing
        self.server.log.append(action)
        return answer

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _request_id() -> dict[str, str]:
    return {"RequestId": str(uuid.uuid4()).upper()}
