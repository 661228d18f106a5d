"""The tiny business answers within its deadline, and never says yes to an order that is not stored."""

from __future__ import annotations

import asyncio
import socket
import time

from drill.sandbox.shop import DEADLINE_S, SESSIONS, Shop

NOWHERE = "host=127.0.0.1 port=1 user=drill dbname=postgres"


def answers(database: str, *requests: tuple[str, str]) -> list[int]:
    """Statuses of requests put at the same time."""

    async def ask() -> list[int]:
        shop = Shop("a", "a1", database)
        return [status for status, _ in await asyncio.gather(*(shop.answer(*one) for one in requests))]

    return asyncio.run(ask())


def test_an_absent_database_is_a_503() -> None:
    assert answers(NOWHERE, ("GET", "/health"), ("POST", "/checkout")) == [503, 503]


def test_unknown_paths_and_methods_are_refused_without_asking_the_database() -> None:
    assert answers(NOWHERE, ("GET", "/"), ("GET", "/checkout"), ("POST", "/health"), ("DELETE", "/checkout")) == [404, 405, 405, 405]


def test_a_database_that_accepts_and_never_answers_is_a_503_within_the_deadline_for_more_requests_than_sessions() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        database = f"host=127.0.0.1 port={silent.getsockname()[1]} user=drill dbname=postgres"
        begun_s = time.monotonic()

        found = answers(database, *[("GET", "/health")] * (SESSIONS * 3))

        assert found == [503] * (SESSIONS * 3)
        assert time.monotonic() - begun_s < DEADLINE_S + 1.0


def test_a_connection_is_kept_for_a_client_that_asks_for_it_and_closed_for_any_other() -> None:
    async def talk() -> tuple[bytes, bytes]:
        shop = Shop("a", "a1", NOWHERE)
        server = await asyncio.start_server(shop.serve_one, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n")
        kept = await reader.readuntil(b"}\n")
        writer.write(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
        closed = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        server.close()
        return kept, closed

    kept, closed = asyncio.run(talk())

    assert b"\r\nConnection: keep-alive\r\n" in kept
    assert b"\r\nConnection: close\r\n" in closed
