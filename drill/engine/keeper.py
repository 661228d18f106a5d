"""Keeps one engine of several alive or out of the way: beats, takes over the drills of the dead, and ends itself before it is replaced.

What an engine cannot know is whether the others still see it. So it lets go on its own before its time is up: when it could not beat
for `FENCE_SHARE` of the time to live, because it was frozen, cut off, or the database was away, it fences itself. Only the database's
clock says how old a beat is; only this machine's monotonic clock says when we last succeeded.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

FENCE_SHARE: Final = 0.8
_log = logging.getLogger(__name__)


class Roll(Protocol):
    """The list of engines in the shared database. Any call may fail while the database is away."""

    def beat(self, executor: str) -> bool:
        """Say that it lives; whether nobody has declared it dead meanwhile."""

    def mark_gone(self, executors: Sequence[str]) -> None:
        """Declare them dead for good: none of them beats again under its name."""

    def dead_among(self, executors: Sequence[str], *, ttl_s: float) -> list[str]:
        """Those of them that nobody should wait for any more."""


@dataclass(frozen=True)
class Duties:
    """What a keeper does beside beating. `owners`: the executors that own unfinished drills. `take_over`: put those drills up for claim."""

    owners: Callable[[], Sequence[str]]
    take_over: Callable[[Sequence[str]], None]
    fence: Callable[[str], None]
    """End this engine now, children first; is told why; does not come back."""


class Keeper:
    """Two threads for one engine: one beats and reaps, the other watches that the first one gets through.

    `ttl_s` is how long a silent engine counts as alive, `every_s` the rhythm of beats.
    """

    def __init__(
        self,
        executor: str,
        roll: Roll,
        duties: Duties,
        *,
        ttl_s: float,
        every_s: float = 1.0,
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor = executor
        self._roll = roll
        self._duties = duties
        self._ttl_s = ttl_s
        self._every_s = every_s
        self._mono_s = mono_s
        self._beaten_s = mono_s()
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin; the engine has been enrolled just before."""
        self._beaten_s = self._mono_s()
        for work, name in ((self._keep_beating, "keeper"), (self._keep_watching, "keeper-fence")):
            threading.Thread(target=work, name=name, daemon=True).start()

    def stop(self) -> None:
        """Beat no more."""
        self._stop.set()

    def leave(self) -> None:
        """Hand over: the others need not wait for the time to live."""
        self.stop()
        self._roll.mark_gone([self._executor])

    def watch(self) -> bool:
        """One look of the watching thread; returns whether it had to fence."""
        silent_s = self._mono_s() - self._beaten_s
        if silent_s <= FENCE_SHARE * self._ttl_s:
            return False
        self._duties.fence(f"no beat got through for {silent_s:.1f} s")
        return True

    def turn(self) -> None:
        """One turn of the beating thread: beat, then look for the dead."""
        if self.watch():  # a thawed engine must not beat itself back to life
            return
        begun_s = self._mono_s()
        if not self._roll.beat(self._executor):
            self._duties.fence("the others declared this engine dead")
            return
        self._beaten_s = begun_s  # not when the answer came: the others count from when the beat was stored
        others = [owner for owner in self._duties.owners() if owner != self._executor]
        dead = self._roll.dead_among(others, ttl_s=self._ttl_s) if others else []
        if dead:
            self._roll.mark_gone(dead)
            self._duties.take_over(dead)

    def _keep_beating(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                self.turn()
            except Exception:  # noqa: BLE001 - the database is away: the watching thread decides for how long that may last
                _log.info("keeper.missed", exc_info=True, extra={"executor": self._executor})

    def _keep_watching(self) -> None:
        while not self._stop.wait(self._every_s / 4):
            self.watch()
