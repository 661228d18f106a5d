"""What the emulators' HTTP servers share: loopback only, a thread per caller, keep-alive, no access log."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LONGEST_BODY = 1 << 20
_POLL_S = 0.05


class LoopbackServer(ThreadingHTTPServer):
    """A server on 127.0.0.1 whose threads end with the process. `port` 0 takes a free one."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, handler: type[LoopbackHandler]) -> None:
        super().__init__(("127.0.0.1", port), handler)

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is no error of ours; anything else is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def start(self) -> threading.Thread:
        """Serve in a thread until `end`."""
        thread = threading.Thread(target=self.serve_forever, args=(_POLL_S,), name=type(self).__name__, daemon=True)
        thread.start()
        return thread

    def end(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()


class LoopbackHandler(BaseHTTPRequestHandler):
    """Answers one caller, request after request; a body that is too long, or has no length, is refused unread."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave in one packet: otherwise each keep-alive call takes 40 ms
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        """Nothing: an access log would hold numbers and codes."""

    def serve(self, body: bytes) -> None:
        """Answer what was asked with this body."""
        raise NotImplementedError

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "0")
        if length.isdecimal() and int(length) <= LONGEST_BODY:
            self.serve(self.rfile.read(int(length)))
        else:
            self.close_connection = True
            self.answer(413, b"", "text/plain")

    def answer(self, status: int, body: bytes, kind: str, extra: Mapping[str, str] | None = None) -> None:
        """Send a whole answer; `kind` is its content type."""
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), **(extra or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
