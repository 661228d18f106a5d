"""Stands before an emulator and writes down what it is asked: which of it reads, and which would change something."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit

_READS: Final = re.compile(r"(Describe|List|Get|Query|Lookup|Head)\w*")
_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length"})


class Recorder:
    """Passes requests on to the emulator at `target`, as they are. `asked` names them in order: `GET /path`, or the action of a POST.

    What does not only read is carried out one after the other, and `after` runs before the next. `answering` hears the name of each that
    was carried out before its caller gets the answer, and may take its time.
    """

    after: Callable[[], None] = staticmethod(lambda: None)
    answering: Callable[[str], None] = staticmethod(lambda _name: None)

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target).netloc
        self.asked: list[str] = []
        self._writing = threading.Lock()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                name = _name(self, body)
                recorder.asked.append(name)
                asked = (self.command, self.path, dict(self.headers), body)
                status, headers, answer = recorder.pass_on(*asked) if only_reads(name) else recorder._write(*asked)
                recorder.answering(name)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass_on  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def writes(self) -> list[str]:
        """What was asked that does not only read."""
        return [name for name in self.asked if not only_reads(name)]

    def pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask the emulator; the signature stays that of the caller."""
        connection = http.client.HTTPConnection(self._target, timeout=30)
        try:
            connection.request(method, path, body=body, headers={k: v for k, v in headers.items() if k.lower() not in _HOP})
            answer = connection.getresponse()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
            return answer.status, kept, answer.read()
        finally:
            connection.close()

    def _write(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        with self._writing:
            answer = self.pass_on(method, path, headers, body)
            self.after()
            return answer

    def end(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def only_reads(name: str) -> bool:
    """Whether what was asked by this name changes nothing."""
    return name.startswith(("GET ", "HEAD ")) or _READS.fullmatch(name) is not None


def _name(request: BaseHTTPRequestHandler, body: bytes) -> str:
    """The action of a call that names one, by header (Alibaba, AWS JSON) or in its form (AWS query); else method and path."""
    action = request.headers.get("x-acs-action") or (request.headers.get("X-Amz-Target") or "").rpartition(".")[2]
    form = parse_qs(body.decode("utf-8", "replace")) if not action else {}
    action = action or form.get("Action", [""])[0]
    return action or f"{request.command} {urlsplit(request.path).path}"
