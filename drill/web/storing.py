"""Stores pushes in groups: all that wait share one transaction, so that a busy disk slows nobody down for long."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from drill.adapters.inbox_sql import SqlInbox
from drill.model.errors import DrillError
from drill.model.ports import InboundMessage

MOST_KEPT: Final = 400_000
"""So many messages are a few hundred megabytes: beyond them the carrier is asked to come again."""
_WAITING: Final = 1000
_TOGETHER: Final = 200
_SWEEP_EVERY_S: Final = 60.0
_LOG: Final = logging.getLogger(__name__)


class Busy(Exception):
    """Nothing was promised: whoever pushed comes again later."""


@dataclass
class _Push:
    """The messages of one request; `stored` is told in the loop that waits for it."""

    inbox: SqlInbox
    messages: Sequence[InboundMessage]
    loop: asyncio.AbstractEventLoop
    stored: asyncio.Future[None]


@dataclass
class Tally:
    """What has happened so far, for whoever watches this process."""

    stored: int = 0
    repeated: int = 0
    refused: int = 0
    kept: int = 0
    waiting: int = 0
    trouble: str = ""
    """The code of the error that keeps pushes from being stored; empty while all is well."""


@dataclass
class Storekeeper:
    """One thread that writes for all requests. `inbox` counts and sweeps; a push may be of another world of the same database.

    `tidy` is done with every sweep, once a minute.
    """

    inbox: SqlInbox
    tidy: Callable[[], None] = lambda: None
    tally: Tally = field(default_factory=Tally)
    _queue: queue.Queue[_Push | None] = field(default_factory=lambda: queue.Queue(_WAITING))
    _swept_s: float = field(default_factory=lambda: float("-inf"))

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._work, name="storekeeper", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        self._queue.put(None)
        self._thread.join(timeout=5)

    async def keep(self, inbox: SqlInbox, messages: Sequence[InboundMessage], *, within_s: float) -> None:
        """Have them stored: when this returns, they are on disk.

        Raises: Busy: too many wait, too much is kept, the database does not take it, or not in time.
        """
        loop = asyncio.get_running_loop()
        push = _Push(inbox, messages, loop, loop.create_future())
        if self.tally.kept + len(messages) > MOST_KEPT:
            self.tally.refused += 1
            raise Busy
        try:
            self._queue.put_nowait(push)
            await asyncio.wait_for(push.stored, within_s)
        except (queue.Full, TimeoutError, DrillError) as error:
            self.tally.refused += 1
            raise Busy from error

    # ------------------------------------------------------------ the thread

    def _work(self) -> None:
        ending = False
        while not ending:
            group = self._next_group()
            ending = None in group
            self.tally.waiting = self._queue.qsize()
            if pushes := [push for push in group if push is not None]:
                self._store(pushes)
            if time.monotonic() - self._swept_s > _SWEEP_EVERY_S:
                self._sweep()

    def _next_group(self) -> list[_Push | None]:
        """What waits now, waiting a second for the first; a None among it says that no more will come."""
        group: list[_Push | None] = []
        with suppress(queue.Empty):
            group.append(self._queue.get(timeout=1.0))
            while len(group) < _TOGETHER:
                group.append(self._queue.get_nowait())
        return group

    def _store(self, group: Sequence[_Push]) -> None:
        try:
            rows = [push.inbox.row(message) for push in group for message in push.messages]
            fresh = self.inbox.store_rows(rows)
        except DrillError as error:
            self._give_back(group, error)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the one thread that stores: the carrier comes again
            self._give_back(group, DrillError(f"a push was not stored: {type(error).__name__}.", code="D923"))
        else:
            self.tally.trouble = ""
            self.tally.stored += fresh
            self.tally.kept += fresh
            self.tally.repeated += len(rows) - fresh
            for push in group:
                _tell(push, None)

    def _give_back(self, group: Sequence[_Push], error: DrillError) -> None:
        self.tally.trouble = error.code
        _LOG.error("push.not_stored", extra={"code": error.code, "pushes": len(group)})
        for push in group:
            _tell(push, error)

    def _sweep(self) -> None:
        self._swept_s = time.monotonic()
        try:
            self.tidy()
            self.inbox.sweep()
            self.tally.kept = self.inbox.count()
        except DrillError as error:
            _LOG.warning("inbox.not_swept", extra={"code": error.code})


def _tell(push: _Push, error: DrillError | None) -> None:
    def settle() -> None:
        if push.stored.done():  # nobody waits any more
            return
        if error is not None:
            push.stored.set_exception(error)
        else:
            push.stored.set_result(None)

    push.loop.call_soon_threadsafe(settle)
