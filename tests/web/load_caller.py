"""Pushes at a fixed rate from a process of its own: each is due at its moment, whether or not the one before was answered."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

TRIES = 5
LINES = 64
"""So many connections are kept; more are opened when all of them wait."""


class Caller:
    """Keeps connections and remembers how long each answer took, from the moment its push was due. Milliseconds."""

    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self._head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: "
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.took_ms: list[float] = []
        self.errors: list[str] = []
        self.refused: list[str] = []
        self.late_ms = 0.0

    async def warm(self) -> None:
        """Open the lines."""
        self._free = list(await asyncio.gather(*(self._line() for _ in range(LINES))))

    async def push(self, body: str, due_s: float) -> None:
        """Send one when it is due, and time its answer."""
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        self.late_ms = max(self.late_ms, (time.monotonic() - due_s) * 1000)
        try:
            while self._free and self._free[-1][0].at_eof():  # idle for so long that the server has hung up, as it may
                self._free.pop()[1].close()
            line = self._free.pop() if self._free else await self._line()
            status, answer = await self._ask(line, body.encode())
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            self.errors.append(type(error).__name__)
            return
        self.took_ms.append((time.monotonic() - due_s) * 1000)
        if status != 200 or not answer.startswith(b'{"code":0,'):
            self.errors.append(str(status))
            self.refused.append(body)

    async def push_again(self) -> None:
        """As a carrier does: what was refused comes again later."""
        for _ in range(TRIES):
            refused, self.refused = self.refused, []
            for body in refused:
                await self.push(body, time.monotonic())

    async def _line(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _ask(self, line: tuple[asyncio.StreamReader, asyncio.StreamWriter], body: bytes) -> tuple[int, bytes]:
        reader, writer = line
        writer.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        answer = await reader.readexactly(length)
        if "connection: close" in head:
            writer.close()
        else:
            self._free.append(line)
        return int(head.split()[1]), answer


async def run(order: dict[str, Any]) -> dict[str, Any]:
    """Carry out an order: port, path, per_second and bodies."""
    caller = Caller(order["port"], order["path"])
    await caller.warm()
    begin_s = time.monotonic() + 0.2
    async with asyncio.TaskGroup() as tasks:
        for number, body in enumerate(order["bodies"]):
            due_s = begin_s + number / order["per_second"]
            if number % 50 == 0:
                await asyncio.sleep(max(0.0, due_s - 0.2 - time.monotonic()))  # no more tasks at a time than are soon due
            tasks.create_task(caller.push(body, due_s))
    found = {
        "took_ms": list(caller.took_ms),
        "errors": list(caller.errors),
        "late_ms": caller.late_ms,
        "seconds": time.monotonic() - begin_s,
    }
    await caller.push_again()
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(run(json.load(sys.stdin)))))
