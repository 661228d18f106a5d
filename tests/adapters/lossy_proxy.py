"""A TCP proxy on loopback that passes requests on and can lose the answers: what a network does at the worst moment."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class LossyProxy:
    """Forwards to `upstream`. While `lose` is above zero, the answer to a change is dropped after it was carried out."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self.lose = 0
        self.deaf = False
        """Whether it takes connections but drops every request unread."""
        self.changes_seen = 0
        self.answer_with: tuple[int, str] | None = None
        """Status and code of an error to answer everything with, instead of passing it on."""

    def forward(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        handler.close_connection = True
        if self.deaf:
            return
        if self.answer_with:
            self._send(handler, self.answer_with[0], _error_body(self.answer_with[1]))
            return
        upstream = http.client.HTTPConnection(self._upstream.netloc, timeout=10)
        upstream.request(handler.command, handler.path, body, dict(handler.headers))
        response = upstream.getresponse()
        content = response.read()
        upstream.close()
        if handler.command == "POST":
            self.changes_seen += 1
            if self.lose > 0:
                self.lose -= 1
                self.after_loss()
                return
        self._send(handler, response.status, content)

    def after_loss(self) -> None:
        """What happens right after an answer was lost."""

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "text/xml")
        handler.send_header("x-amzn-RequestId", "1")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


def _error_body(code: str) -> bytes:
    return (
        '<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>signed with AKIDEXAMPLE</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    ).encode()


@contextmanager
def running_proxy(proxy: LossyProxy) -> Iterator[str]:
    """Serve it; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            proxy.forward(self)

        def do_POST(self) -> None:
            proxy.forward(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Tests stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
