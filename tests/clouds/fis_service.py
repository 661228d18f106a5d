"""A small AWS FIS on loopback, which moto has not: templates, and experiments that start, run and stop."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_NEXT = {"pending": "initiating", "initiating": "running", "stopping": "stopped"}


class FisService(ThreadingHTTPServer):
    """Speaks the service's REST. An experiment moves on one state each time it is looked at."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.templates: dict[str, dict[str, Any]] = {}
        self.experiments: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.fails_at_once = False
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """What the service says."""
        sort, _, name = path.strip("/").partition("/")
        if method != "GET":
            self.calls.append(f"{method} {sort}")
        if (method, sort) == ("POST", "experiments"):
            return self._start(body)
        held = self.templates if sort == "experimentTemplates" else self.experiments
        if not name:
            return 200, {"experiments": [self._look(one) for one in self.experiments.values()]}
        if name not in held:
            return 404, {"__type": "ResourceNotFoundException", "message": f"{name} not found"}
        if method == "DELETE":
            self.experiments[name]["state"] = {"status": "stopping"}
        return 200, {sort.removesuffix("s"): held[name] if sort == "experimentTemplates" else self._look(held[name])}

    def _start(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body["experimentTemplateId"] not in self.templates:
            return 404, {"__type": "ResourceNotFoundException", "message": "no such template"}
        made = self._tokens.setdefault(body["clientToken"], f"EXP{next(self._numbers)}")
        status = "failed" if self.fails_at_once else "pending"
        kept = {"id": made, "experimentTemplateId": body["experimentTemplateId"], "tags": body.get("tags", {}), "state": {"status": status}}
        return 200, {"experiment": self.experiments.setdefault(made, kept)}

    def _look(self, one: dict[str, Any]) -> dict[str, Any]:
        shown = json.loads(json.dumps(one))
        one["state"]["status"] = _NEXT.get(one["state"]["status"], one["state"]["status"])
        return dict(shown)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: FisService

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        signed = "AWS4-HMAC-SHA256" in self.headers.get("authorization", "")
        refused = (403, {"__type": "AccessDeniedException", "message": "not signed"})
        status, answer = self.server.answer(self.command, self.path.partition("?")[0], body) if signed else refused
        text = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), "x-amzn-RequestId": "1"}.items():
            self.send_header(name, value)
        if "__type" in answer:
            self.send_header("x-amzn-ErrorType", answer["__type"])
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_DELETE = do_POST  # noqa: N815 - named by http.server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        """Nothing: tests read `calls`."""


@contextmanager
def fis_service() -> Iterator[FisService]:
    """It runs for the length of a test."""
    service = FisService()
    threading.Thread(target=service.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield service
    finally:
        service.shutdown()
        service.server_close()
