"""The web application served on a free loopback port by a thread of the test, and a caller that talks to it in single bytes if need be."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn
from starlette.applications import Starlette

from drill.adapters.inbox_seal import Seal
from drill.adapters.inbox_sql import SqlInbox, inbox_file
from drill.web.app import build
from drill.web.patience import ImpatientHttp
from drill.web.storing import Storekeeper

PATH = "a-secret-path-that-nobody-guesses-0123456789"
KEY = b"k" * 32


class Hasty(ImpatientHttp):
    """With less patience than the real one: tests do not wait five seconds."""

    headers_within_s = 1.0


@dataclass
class Served:
    """A server and the inbox behind it."""

    port: int
    inbox: SqlInbox
    keeper: Storekeeper

    def push(self, body: bytes | str, *, path: str = f"/sms/{PATH}/up", method: str = "POST", **headers: str) -> tuple[int, bytes]:
        """Status and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request(method, path, body.encode() if isinstance(body, str) else body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def socket(self) -> socket.socket:
        """A bare connection."""
        found = socket.create_connection(("127.0.0.1", self.port), timeout=15)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found

    def texts(self) -> list[str]:
        """What the inbox holds for the drill `d`."""
        return [kept.message.text for kept in self.inbox.read("d", 100_000) if kept.message]


def up(text: str, **fields: Any) -> dict[str, Any]:
    """An answer as the carrier words it."""
    return {"phone_number": "13900000001", "content": text, "send_time": "2026-11-24 17:00:00", **fields}


def pushed(*items: dict[str, Any]) -> str:
    """The body of a push."""
    return json.dumps(list(items), ensure_ascii=False)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """A server until the end of the block."""
    engine = inbox_file(folder / "inbox.sqlite")
    with _served(engine) as found:
        yield found
    engine.dispose()


@contextmanager
def _served(engine: sa.Engine) -> Iterator[Served]:
    inbox = SqlInbox(engine, Seal(KEY), world="w")
    inbox.enter("d")
    keeper = Storekeeper(inbox)
    with running(build({PATH: inbox}, keeper)) as port:
        yield Served(port, inbox, keeper)


@contextmanager
def running(app: Starlette) -> Iterator[int]:
    """Serve an application until the end of the block; its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = uvicorn.Server(uvicorn.Config(app, http=Hasty, ws="none", loop="asyncio", lifespan="on", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until_s = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < until_s, "the server did not start"
        time.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
