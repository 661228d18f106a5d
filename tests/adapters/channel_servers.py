"""Servers of other channels on loopback: one over HTTP that answers as told, and a mail server that can refuse or vanish."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answers:
    """A server and what it says next: status, body, headers; or a function that decides. The last answer is repeated."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    script: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    hang_s: float = 0.0

    def say(self, body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer this from now on."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.script = [(status, raw, headers or {})]


@contextlib.contextmanager
def answering(body: Any = b"{}", *, status: int = 200) -> Iterator[Answers]:
    """An HTTP server until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answers.asked.append(Asked(self.path, headers, self.rfile.read(length)))
            time.sleep(answers.hang_s)
            code, raw, extra = answers.script.pop(0) if len(answers.script) > 1 else answers.script[0]
            with contextlib.suppress(OSError):
                self.send_response(code)
                for name, value in {"Content-Length": str(len(raw)), "x-amzn-RequestId": "1", **extra}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    answers = Answers(f"http://127.0.0.1:{server.server_address[1]}")
    answers.say(body, status=status)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class MailSink:
    """A mail server's mailbox and what it does wrong. `refuse` answers a command with a line; `vanish` hangs up on one."""

    port: int
    mails: list[str] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    vanish: str = ""


@contextlib.contextmanager
def mail_sink() -> Iterator[MailSink]:
    """A plain SMTP server until the end of the block. `END` stands for the end of a text."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                _talk(self, sink)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    server = Server(("127.0.0.1", 0), Handler)
    sink = MailSink(int(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _talk(peer: socketserver.StreamRequestHandler, sink: MailSink) -> None:
    say: Callable[[str], object] = lambda line: peer.wfile.write(f"{line}\r\n".encode())  # noqa: E731
    say("220 sink ready")
    while line := peer.rfile.readline().decode():
        verb = line[:4].strip().upper()
        if sink.vanish == verb:
            return
        if verb in sink.refuse:
            say(sink.refuse[verb])
        elif verb == "DATA":
            say("354 go on")
            text = b""
            while (row := peer.rfile.readline()) not in (b".\r\n", b""):
                text += row
            if sink.vanish == "END":
                return
            if "END" in sink.refuse:
                say(sink.refuse["END"])
                continue
            sink.mails.append(text.decode())
            say("250 taken")
            if sink.vanish == "AFTER":
                return
        elif verb == "QUIT":
            say("221 bye")
            return
        else:
            say("250 fine")
