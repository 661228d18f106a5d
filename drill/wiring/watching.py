"""Who watches over one drill in this process: its observer, its dead man, and the watchman who starts them again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from drill.engine.alarms import WatchAlarms, Words
from drill.engine.record import Recorder
from drill.engine.watchman import Watchman
from drill.model.plan import Plan
from drill.settings import Settings
from drill.wiring.dead_men import DrillDeadMan
from drill.wiring.observers import DrillObserver


class Watchers:
    """The watchers of one drill. `warn` tells everyone something; it may take its time."""

    def __init__(self, settings: Settings, recorder: Recorder, plan: Plan, *, warn: Callable[[str, Words], None]) -> None:
        self.observer = DrillObserver(settings, recorder.drill)
        self.dead_man = DrillDeadMan(settings, recorder.drill)

        def aside(reason: str, words: Words) -> None:
            threading.Thread(target=warn, args=(reason, words), name="warning", daemon=True).start()

        alarms = WatchAlarms(recorder, plan, warn=aside)
        self._watchman = Watchman((self.observer, self.dead_man), alarms, clock=recorder.clock)

    def measure(self) -> None:
        """Have samples taken, and watch from now on. Raises: PreflightFailed: the observer ends or takes none in time (F061, F062)."""
        self.observer.ready()
        self._watchman.start()

    def go_on(self) -> None:
        """Have both in the middle of a drill, without waiting for them, and watch from now on."""
        self.dead_man.arm()
        self.observer.go_on()
        self._watchman.start()

    def let_go(self) -> None:
        """Start nobody from now on; who lives, lives on."""
        self._watchman.stop()

    def stop_measuring(self) -> None:
        """End the observer for good; what it has seen is written first."""
        self.let_go()
        self.observer.stop()
