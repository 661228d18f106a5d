"""The tiny business: one app server that reads and writes its region's database, and says so only when it is true."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from drill.sandbox.database_session import Session

BACKLOG = 256
SESSIONS = 6
DEADLINE_S = 0.9
PATIENCE_S = 5
"""For a request, and for the next one on a connection that is kept."""
ORDERS_SQL = """create table if not exists orders (
    id uuid primary key, region text not null, instance text not null, at timestamptz not null default clock_timestamp())"""
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
_ROUTES = {"/health": "GET", "/checkout": "POST"}


@dataclass
class Shop:
    """One instance. `database` is its region's connection string; at most `SESSIONS` statements run at a time."""

    region: str
    instance: str
    database: str
    idle: asyncio.LifoQueue[Session] = field(default_factory=asyncio.LifoQueue)

    def __post_init__(self) -> None:
        for _ in range(SESSIONS):
            self.idle.put_nowait(Session(self.database))

    async def answer(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body for one request."""
        wanted = _ROUTES.get(path)
        if wanted != method:
            return (404 if wanted is None else 405), self._say(error=f"no {method} {path} here")
        order = str(uuid.uuid4())
        try:
            if path == "/health":
                await self._ask("select 1")
                return 200, self._say(status="ok")
            sql = "insert into orders (id, region, instance) values (%s, %s, %s) on conflict do nothing"
            await self._ask(sql, (order, self.region, self.instance))
        except TimeoutError:
            return 503, self._say(error="database does not answer")
        except _database_error() as error:
            return 503, self._say(error=f"database: {type(error).__name__}", sqlstate=getattr(error, "sqlstate", None))
        return 200, self._say(order=order)

    async def _ask(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement that may run twice, within the deadline."""
        loop = asyncio.get_running_loop()
        due = loop.time() + DEADLINE_S
        session = await asyncio.wait_for(self.idle.get(), DEADLINE_S)
        try:
            await session.ask(sql, parameters, deadline_s=due - loop.time())
        finally:
            self.idle.put_nowait(session)

    def _say(self, **more: Any) -> dict[str, Any]:
        return {"region": self.region, "instance": self.instance, **more}

    async def serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: a request, and more when the client asks to keep it."""
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, TimeoutError):
            writer.transport.abort()  # the client left or never asked: nobody is there to be answered
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; true when another may follow."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, _, rest = head.partition(" ")
            keep = "\r\nconnection: keep-alive\r\n" in head.lower()
            status, body = await self.answer(method, rest.partition(" ")[0].partition("?")[0])
            writer.write(_response(status, body, keep=keep))
            await writer.drain()
            return keep


def _response(status: int, body: dict[str, Any], *, keep: bool) -> bytes:
    content = json.dumps(body).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        f"Connection: {'keep-alive' if keep else 'close'}",
    )
    return "\r\n".join((*head, "", "")).encode() + content


def _database_error() -> type[Exception]:
    import psycopg

    return psycopg.Error


async def _serve(options: argparse.Namespace) -> None:
    shop = Shop(options.region, options.instance, options.database)
    server = await asyncio.start_server(shop.serve_one, options.address, options.port, backlog=BACKLOG, limit=16384)
    _database_error()  # import the driver now that requests can queue, not in the first one
    async with server:
        await server.serve_forever()


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until ended."""
    parser = argparse.ArgumentParser(prog="drill.sandbox.shop", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--database", required=True, help="libpq connection string, without secrets")
    asyncio.run(_serve(parser.parse_args(argv)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
