"""A little HTTP server on loopback whose answers a test writes as a function."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


Answer = tuple[int, str]


@dataclass
class LittleServer:
    """Where it is, and what it was asked."""

    url: str
    port: int
    asked: list[Asked] = field(default_factory=list)


@contextlib.contextmanager
def answering(answer: Callable[[Asked], Answer | None], headers: dict[str, str] | None = None) -> Iterator[LittleServer]:
    """Serve until the block ends; no answer means that the connection is closed without one."""
    told: list[LittleServer] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            found = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, found, self.rfile.read(length).decode())
            told[0].asked.append(asked)
            said = answer(asked)
            if said is None:
                self.close_connection = True
                return
            body = said[1].encode()
            self.send_response(said[0])
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815 - the names http.server calls

        def log_message(self, *_args: object) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.append(LittleServer(f"http://127.0.0.1:{server.server_port}", server.server_port))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
