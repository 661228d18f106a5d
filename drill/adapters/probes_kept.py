"""The client that never resolves again: one address for ever, and its connections for as long as they last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from drill.adapters.probes_http import Answer, ProbeFailed, Target

_MOST_IDLE = 8
Connect = Callable[[asyncio.Protocol, str], Coroutine[None, None, None]]
"""Opens a connection for a protocol to an address."""


class KeptLine(asyncio.Protocol):
    """One connection that carries one exchange after another, for as long as the server lets it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._done: asyncio.Future[Answer] | None = None
        self.whole = False
        """Whether another exchange may follow."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.whole = transport, True

    async def ask(self) -> Answer:
        """Send the request and wait for its answer. Raises: ProbeFailed: the answer is none. OSError: the connection broke."""
        assert self._transport is not None
        self._answer = Answer(head_only=self._target.request.startswith(b"HEAD "))
        self._done = asyncio.get_running_loop().create_future()
        if not self.whole:
            raise ProbeFailed("closed")
        self._transport.write(self._target.request)
        return await self._done

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._done is None or self._done.done():
            self.abort()  # nobody asked: what follows could be taken for another answer
            return
        try:
            if self._answer.feed(data):
                self.whole = self.whole and self._answer.ends_exactly() and not self._answer.closes
                self._finish(None)
        except ProbeFailed as error:
            self._finish(error)

    def eof_received(self) -> bool:
        self.whole = False
        if self._answer is not None:
            try:
                self._answer.end()
            except ProbeFailed as error:
                self._finish(error)
            else:
                self._finish(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.whole = False
        self._finish(exc or ProbeFailed("closed"))

    def abort(self) -> None:
        """Drop the connection without a farewell: a frozen server would never take it."""
        self.whole = False
        if self._transport is not None:
            self._transport.abort()
        if self._done is not None and not self._done.cancel() and not self._done.cancelled():
            self._done.exception()  # taken note of: nobody waits for it any more

    def _finish(self, error: Exception | None) -> None:
        if self._done is None or self._answer is None or self._done.done():
            return
        if error is None:
            self._done.set_result(self._answer)
        else:
            self.whole = False
            self._done.set_exception(error)


@dataclass
class KeptClient:
    """One client of one service. Its first address is its only one; a connection that breaks is replaced by one to the same address.

    Questions that overlap have a connection each, as in any client's pool; a connection on which nothing came in time is dropped.
    """

    target: Target
    address: str = ""
    _idle: dict[asyncio.AbstractEventLoop, list[KeptLine]] = field(default_factory=dict)

    async def settle(self, choose: Callable[[], Coroutine[None, None, str]]) -> str:
        """The address to ask; `choose` resolves it, once. Raises: what `choose` raises, and then the next question resolves again."""
        chosen = self.address or await choose()
        self.address = self.address or chosen  # several first questions may be out: they agree on the first answer
        return self.address

    async def ask(self, connect: Connect) -> Answer:
        """One exchange. Raises: ProbeFailed, OSError: it broke. TimeoutError, CancelledError: the caller's limit was reached."""
        line = self._take()
        if line is None:
            line = KeptLine(self.target)
            await connect(line, self.address)
        try:
            answer = await line.ask()
        except BaseException:
            line.abort()
            raise
        self._give_back(line)
        return answer

    def drop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close the connections of a loop that ends; the address stays."""
        for line in self._idle.pop(loop, ()):
            line.abort()

    def _take(self) -> KeptLine | None:
        idle = self._idle.get(asyncio.get_running_loop(), [])
        while idle:
            if (line := idle.pop()).whole:
                return line
        return None

    def _give_back(self, line: KeptLine) -> None:
        idle = self._idle.setdefault(asyncio.get_running_loop(), [])
        if line.whole and len(idle) < _MOST_IDLE:
            idle.append(line)
        else:
            line.abort()
