"""Clusters that speak the part of Patroni's documented REST API which a promotion needs; a change takes two looks."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USER = "patroni:it's a secret"


class PatroniStub:
    """One cluster of one member. `position` is where its leader is, in bytes."""

    def __init__(self, name: str, *, follows: PatroniStub | None = None, position: int = 0x3000148) -> None:
        self.name = name
        self.position = position
        self.timeline = 1
        self.writes = follows is None
        self.leader: PatroniStub | None = follows
        self.config: dict[str, Any] = {"ttl": 30, "loop_wait": 10}
        if follows is not None:
            self.config["standby_cluster"] = {"host": follows.name, "port": 5432}
        self.others: dict[str, PatroniStub] = {}
        self.patched: list[Any] = []
        self.drop_next_patch = ""
        """`lost`: carried out and never answered; `gone`: not even carried out."""
        self.stuck = False
        self._looks = 0
        self.lock = threading.Lock()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def end(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def say(self, path: str) -> dict[str, Any]:
        """The answer to a question."""
        if path == "/config":
            return self.config
        if path == "/patroni":
            place = (
                {"location": self.position} if self.writes else {"received_location": self.position, "replayed_location": self.position - 8}
            )
            return {"state": "running", "role": "primary" if self.writes else "replica", "xlog": place, "timeline": self.timeline}
        self._settle()
        role = "leader" if self.writes else "standby_leader"
        state = "running" if self.writes else "streaming" if self.leader is not None and self.leader.writes else "running"
        member = {"name": f"{self.name}-1", "role": role, "state": state, "api_url": f"{self.url}/patroni", "timeline": self.timeline}
        return {"members": [member], "scope": self.name}

    def patch(self, body: dict[str, Any]) -> None:
        """Change the configuration as the API does: null removes."""
        self.patched.append(body)
        self.config = {key: value for key, value in {**self.config, **body}.items() if value is not None}
        self._looks = 2

    def _settle(self) -> None:
        """What the next turn of Patroni's loop makes of the configuration."""
        self._looks -= 1
        if self._looks > 0 or self.stuck:
            return
        section = self.config.get("standby_cluster")
        if section and self.writes:
            self.writes = False
        elif not section and not self.writes:
            self.writes, self.timeline = True, self.timeline + 1
        self.leader = self.others.get(section["host"]) if section else None
        if self.leader is not None:
            self.position = max(self.position, self.leader.position) if self.leader.writes else self.position


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, stub: PatroniStub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stub = stub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        if self._let_in():
            with self.server.stub.lock:
                self._send(200, self.server.stub.say(self.path))

    def do_PATCH(self) -> None:
        stub = self.server.stub
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._let_in():
            return
        dropped, stub.drop_next_patch = stub.drop_next_patch, ""
        if dropped != "gone":
            with stub.lock:
                stub.patch(body)
        if dropped:
            self.close_connection = True
            return
        self._send(200, stub.config)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""

    def _let_in(self) -> bool:
        if self.headers.get("Authorization") == "Basic " + base64.b64encode(USER.encode()).decode():
            return True
        self._send(401, {"error": "no auth header received"})
        return False

    def _send(self, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
