"""A Prometheus and an Alertmanager on loopback that answer what a test tells them, and are asked over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SERIES = [{"metric": {"job": "neighbour"}, "value": [1_800_000_000.0, "0"]}]


def alert(name: str, state: str = "active") -> dict[str, Any]:
    """One alert as Alertmanager's API lists it."""
    status = {"state": state, "silencedBy": ["a person"] if state == "suppressed" else [], "inhibitedBy": []}
    return {"labels": {"alertname": name}, "annotations": {}, "startsAt": "2027-01-01T00:00:00Z", "status": status}


@dataclass
class Monitoring:
    """What the two would answer now. `status` other than 200 fails every request; `body` replaces every answer."""

    port: int = 0
    result: list[Any] = field(default_factory=lambda: list(SERIES))
    result_type: str = "vector"
    alerts: list[Any] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    silent: threading.Event = field(default_factory=threading.Event)
    """While set, requests are taken and not answered."""
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str) -> bytes:
        """The body for a request."""
        parts = urlsplit(path)
        self.asked.append((parts.path, parse_qs(parts.query)))
        if self.body is not None:
            return self.body
        if self.status != 200:
            return json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end of input"}).encode()
        if parts.path.endswith("/api/v2/alerts"):
            return json.dumps(self.alerts).encode()
        return json.dumps({"status": "success", "data": {"resultType": self.result_type, "result": self.result}}).encode()


@contextmanager
def monitoring() -> Iterator[Monitoring]:
    """Answer until the end of the block."""
    state, over = Monitoring(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            while state.silent.is_set() and not over.wait(0.02):
                pass
            body = state.answer(self.path)
            self.send_response(state.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join(2)
