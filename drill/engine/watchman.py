"""Watches those who watch: who dies or falls silent is started again, a bounded number of times, and every turn of it is told.

A guard that nobody looks at is no guard, and an outage whose dead man is gone has nobody to end it. Whoever is watched shows its life by
a beat of its own, so a process that stands still counts as gone as much as a dead one.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from drill.model.errors import DrillError, JournalBroken
from drill.model.ports import Clock

LOOK_EVERY_S: Final = 0.5
_BLINK_S: Final = 2.0
"""Who has not looked for so long was frozen or starved itself: then the silence of others says nothing yet."""
_log = logging.getLogger(__name__)


class Ward(Protocol):
    """Somebody who must live as long as the drill."""

    @property
    def name(self) -> str:
        """What people call it: `observer`, `dead man`."""

    def alive(self) -> bool:
        """Whether there is a process, standing still or not."""

    def silent_s(self) -> float:
        """Seconds since its last sign of life; infinite while a new one has given none."""

    def revive(self) -> None:
        """End what is left of it and start another, without waiting for it. Raises: DrillError, OSError: it cannot be started."""


class Alarms(Protocol):
    """Tells what the watchman sees. Each may raise JournalBroken."""

    def lost(self, ward: str, why: str) -> None:
        """It is gone; another one is about to be started."""

    def back(self, ward: str, after_s: float) -> None:
        """The new one gives signs of life."""

    def given_up(self, ward: str, why: str, tries: int) -> None:
        """No new one came to life in so many tries."""

    def dark(self, ward: str, for_s: float) -> None:
        """It has been gone for so long; called at every look until it is back."""


@dataclass(frozen=True)
class Patience:
    """How long the watchman waits. `rests_s`: before each try; there are as many tries as rests.

    `silent_s` leaves room for a busy machine: a beat comes twice a second. `start_s`: what a new process may take until its first beat.
    After `steady_s` without a loss the tries are counted anew.
    """

    silent_s: float = 5.0
    start_s: float = 20.0
    rests_s: tuple[float, ...] = (0.0, 1.0, 2.0, 5.0, 10.0)
    steady_s: float = 60.0


_GROUND: Final = Patience(silent_s=math.inf, start_s=math.inf, rests_s=())


class Watch:
    """The watch over one ward, which is being started when it begins."""

    def __init__(self, ward: Ward, alarms: Alarms, *, now_s: float, patience: Patience) -> None:
        self._ward = ward
        self._alarms = alarms
        self._patience = patience
        self._trying_since_s: float | None = now_s
        self._lost_since_s: float | None = None
        self._well_since_s = math.inf
        self._next_s = now_s
        self._tries = 0
        self._given_up = False
        self._why = ""

    @property
    def lost(self) -> bool:
        """Whether nobody is there now who was."""
        return self._lost_since_s is not None

    def look(self, now_s: float, *, excused: bool) -> None:
        """Look once, and do what follows. `excused`: its silence says nothing now."""
        silent_s = self._ward.silent_s()
        alive = self._ward.alive()
        if alive and silent_s < math.inf and (excused or silent_s <= self._patience.silent_s):
            self._well(now_s)
            return
        self._missed(now_s, alive=alive, silent_s=silent_s)
        if self._lost_since_s is not None:
            self._alarms.dark(self._ward.name, now_s - self._lost_since_s)

    def _well(self, now_s: float) -> None:
        lost_since_s, self._lost_since_s, self._trying_since_s = self._lost_since_s, None, None
        if lost_since_s is not None:
            self._well_since_s = now_s
            self._alarms.back(self._ward.name, now_s - lost_since_s)
        if now_s - self._well_since_s > self._patience.steady_s:
            self._tries = 0
        self._given_up = False

    def _missed(self, now_s: float, *, alive: bool, silent_s: float) -> None:
        if self._given_up:
            return
        if self._trying_since_s is not None:
            if alive and now_s - self._trying_since_s <= self._patience.start_s:
                return
            self._why = "it gave no sign of life after its start" if alive else "it ended as soon as it was started"
            since_s, self._trying_since_s = self._trying_since_s, None
            self._failed(now_s, since_s=since_s)
        elif self._lost_since_s is None:
            self._why = f"it gave no sign of life for {silent_s:.1f} s" if alive else "its process is gone"
            self._failed(now_s, since_s=now_s - (silent_s if silent_s < math.inf else 0.0))
        if not self._given_up and now_s >= self._next_s:
            self._revive(now_s)

    def _failed(self, now_s: float, *, since_s: float) -> None:
        """Plan the next try; the first failure of a row is the loss."""
        first, self._lost_since_s = self._lost_since_s is None, since_s if self._lost_since_s is None else self._lost_since_s
        if first:
            self._alarms.lost(self._ward.name, self._why)
        if self._tries >= len(self._patience.rests_s):
            self._given_up = True
            self._alarms.given_up(self._ward.name, self._why, self._tries)
            return
        self._next_s = now_s + self._patience.rests_s[self._tries]

    def _revive(self, now_s: float) -> None:
        self._tries += 1
        try:
            self._ward.revive()
        except (DrillError, OSError) as error:
            self._why = str(error)
            self._failed(now_s, since_s=now_s)
        else:
            self._trying_since_s = now_s


class Watchman:
    """A thread that looks after several wards until it is told to stop."""

    def __init__(
        self, wards: Sequence[Ward], alarms: Alarms, *, clock: Clock, patience: Patience | None = None, ground: Ward | None = None
    ) -> None:
        """`ground` is what the wards stand on: nobody replaces it, and nobody else is looked after once it is lost."""
        self._wards = wards
        self._ground = ground
        self._alarms = alarms
        self._clock = clock
        self._patience = patience or Patience()
        self._watches: list[Watch] = []
        self._floor: Watch | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._looked_s = math.inf
        self._excused_until_s = -math.inf
        self._looking = threading.Lock()

    def start(self) -> None:
        """Begin; a second start changes nothing."""
        if self._thread is None:
            self.begin()
            self._thread = threading.Thread(target=self._work, name="watchman", daemon=True)
            self._thread.start()

    def begin(self) -> None:
        """Take the wards over; whoever has given no sign yet is on its way."""
        now_s = self._clock.mono_s()
        self._watches = [Watch(ward, self._alarms, now_s=now_s, patience=self._patience) for ward in self._wards]
        if self._ground is not None:
            self._floor = Watch(self._ground, self._alarms, now_s=now_s, patience=_GROUND)

    def stop(self) -> None:
        """Start nobody from now on. Waits for a start that is under way."""
        self._stop.set()
        with self._looking:
            pass

    def look(self) -> None:
        """Look at every ward once."""
        now_s = self._clock.mono_s()
        if now_s - self._looked_s > _BLINK_S:
            self._excused_until_s = now_s + self._patience.silent_s
        self._looked_s = now_s
        for watch in (self._floor, *self._watches):
            with self._looking:
                if self._stop.is_set():
                    return
                if watch is not None:
                    watch.look(now_s, excused=now_s < self._excused_until_s)
            if self._floor is not None and self._floor.lost:
                return

    def _work(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            try:
                self.look()
            except JournalBroken as broken:
                if not broken.transient:
                    _log.warning("watchman.journal_refused", extra={"code": broken.code})
                    return  # another engine has the drill, or its own nodes report the broken store
                _log.info("watchman.journal_away", extra={"code": broken.code})
