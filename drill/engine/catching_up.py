"""After a crash, what people answered meanwhile is read before the clock of any question counts."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Final

from drill.model.ports import Clock, InboundMessage

PATIENCE_S: Final = 60.0
"""So long a question waits after its deadline for queues that do not answer, from the start of the engine."""
_ONE_SECOND: Final = timedelta(seconds=1)


class CatchUp:
    """Whether answers that were given while no engine ran may still wait unread. Safe for threads.

    `resumed`: the drill had begun before this engine; else there is nothing to catch up with. `queues` lead into the inbox.
    """

    def __init__(self, clock: Clock, *, resumed: bool, queues: int = 1) -> None:
        self._clock = clock
        self._until_s = clock.mono_s() + PATIENCE_S if resumed else float("-inf")
        self._queues = queues
        self._emptied: set[int] = set()
        self._swept = False
        self._lock = threading.Lock()

    def expect(self, queues: int) -> None:
        """So many queues are listened to. Called before any of them is."""
        self._queues = queues

    def behind(self) -> bool:
        """Whether something may still wait: no question may run out before."""
        return self._clock.mono_s() < self._until_s

    def emptied(self, queue: int) -> None:
        """A queue had nothing more: what it held is in the inbox."""
        with self._lock:
            self._emptied.add(queue)

    def judged(self) -> None:
        """The inbox had nothing more. Twice so after every queue was emptied: only the second look surely began after that."""
        with self._lock:
            if len(self._emptied) < self._queues:
                return
            if self._swept:
                self._until_s = float("-inf")
            self._swept = True

    def as_of(self, message: InboundMessage) -> datetime:
        """When an answer counts as given: now; but while catching up, when it was received, or sent by the carrier's clock.

        Carriers cut their times to the second, so the whole of that second counts as gone.
        """
        now = self._clock.now()
        if not self.behind():
            return now
        sent = [message.sent_at + _ONE_SECOND] if message.sent_at else []
        received = [message.received_at] if message.received_at else []
        return min([now, *sent, *received])
