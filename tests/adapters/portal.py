"""A proxy that answers every call with 200 and a page of its own, as those do that want somebody to sign in first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

PAGES: Final = {
    "no XML": b"<html><p>Please sign in<br></html>",
    "XML of another kind": b"<html><body><p>Please sign in</p></body></html>",
    "text": b"blocked by policy",
    "JSON": b"{}",
    "a list": b"[]",
    "null": b"null",
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
}


class Portal(ThreadingHTTPServer):
    """Answers with `page`, and counts."""

    page = b""
    calls = 0


class _Page(BaseHTTPRequestHandler):
    server: Portal

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.calls += 1
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self.server.page)))
        self.end_headers()
        self.wfile.write(self.server.page)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        pass


@contextmanager
def portal() -> Iterator[Portal]:
    """It runs for the length of the block."""
    opened = Portal(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=opened.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield opened
    finally:
        opened.shutdown()
        opened.server_close()
        thread.join()
