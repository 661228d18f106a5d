"""The engine's pen and eyes: writes facts under its lease token and keeps the progress folded from them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from drill.model.events import Draft, Fact, Kind
from drill.model.ports import Clock, Journal
from drill.model.progress import DECISIVE, Progress

T = TypeVar("T")
_STALE_AFTER_S = 0.05


class Recorder:
    """One drill's record as the engine uses it. Safe for threads.

    `still_ours` raises when the ground under the drill is another's by now; it is asked before anything is touched.
    """

    def __init__(
        self,
        drill: str,
        *,
        journal: Journal,
        clock: Clock,
        token: int | None = None,
        by: str = "engine",
        still_ours: Callable[[], None] = lambda: None,
    ) -> None:
        self.drill = drill
        self.journal = journal
        self.clock = clock
        self._token = token
        self._by = by
        self._still_ours = still_ours
        self._progress = Progress()
        self._lock = threading.RLock()
        self._read_at_s = float("-inf")

    def draft(self, kind: Kind, key: str, /, *, by: str = "", **data: Any) -> Draft:
        """A fact as this process sees it now."""
        return Draft(kind, by or self._by, key, data, self.clock.now(), self.clock.mono_s(), self.clock.epoch)

    def say(self, kind: Kind, key: str, /, *, by: str = "", **data: Any) -> Fact:
        """Write one fact, or return the one stored under the key.

        Raises: JournalBroken: another engine took over, or the store cannot be written.
        """
        return self.say_all([self.draft(kind, key, by=by, **data)])[0]

    def say_all(self, drafts: list[Draft]) -> list[Fact]:
        """Write several facts in one transaction."""
        facts = self.journal.append(self.drill, drafts, token=self._token)
        with self._lock:
            self._read_at_s = float("-inf")
        return facts

    def before_an_effect(self) -> None:
        """Ask for the right to touch the world: an engine that was frozen or cut off may have been replaced meanwhile.

        Raises: JournalBroken: another engine has the drill (J010), or another drill the site (J011).
        """
        self._still_ours()
        if self._token is not None:
            self.journal.check(self.drill, self._token)

    def look(self, read: Callable[[Progress], T], *, fresh: bool = True) -> T:
        """Ask the progress one question, under the lock. Not `fresh`: what was known within the last 50 ms will do."""
        with self._lock:
            now = self.clock.mono_s()
            if fresh or now - self._read_at_s > _STALE_AFTER_S:
                self._progress.apply(self.journal.read(self.drill, after=self._progress.seq, kinds=DECISIVE))
                self._read_at_s = now
            return read(self._progress)
