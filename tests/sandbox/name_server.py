"""A real name server on loopback in a thread, which answers what a test tells it to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from drill.sandbox import dns_server
from drill.sandbox.route53_answers import Reply, Row


class Script:
    """What to answer: the first of `replies` that is left, the last one for ever. Counts the questions."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, str]] = []

    def answer(self, name: str, rtype: str) -> Reply:
        self.asked.append((name, rtype))
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def a_record(*values: str, name: str = "shop.drill.test.", ttl_s: int = 1) -> Reply:
    """An answer with these addresses."""
    return Reply("NOERROR", (Row(name, "A", ttl_s, tuple(values)),))


@contextmanager
def running_name_server(script: Script) -> Iterator[tuple[str, int]]:
    """Serve the script; gives address and port."""
    ready = threading.Event()
    port: list[int] = []
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        number, stop = await dns_server.start(script.answer, "127.0.0.1", 0)
        port.append(number)
        ready.set()
        await over.wait()
        stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield "127.0.0.1", port[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


@contextmanager
def running_name_servers(scripts: Sequence[Script]) -> Iterator[list[tuple[str, int]]]:
    """Serve several scripts, each on its own port."""
    if not scripts:
        yield []
        return
    with running_name_server(scripts[0]) as first, running_name_servers(scripts[1:]) as rest:
        yield [first, *rest]
