"""Who watches over one drill in this process: its observer, its dead man, and the watchman who starts them again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from drill.engine.alarms import GROUND, WatchAlarms, Words
from drill.engine.record import Recorder
from drill.engine.watchman import Watchman
from drill.model.errors import PreflightFailed
from drill.model.plan import Plan
from drill.settings import Settings
from drill.wiring.dead_men import DrillDeadMan
from drill.wiring.observers import DrillObserver

if TYPE_CHECKING:
    from drill.sandbox.world import Sandbox


class SandboxWard:
    """The sandbox as the watchman sees it (port Ward): it is there, or it is gone for good."""

    name = GROUND

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def alive(self) -> bool:
        return self._sandbox.alive()

    def silent_s(self) -> float:
        return 0.0

    def revive(self) -> None:
        """Raises: PreflightFailed: always; what was built in it is gone with it (F041)."""
        raise PreflightFailed("the sandbox is not up.", code="F041", fix="Start the drill anew.")


class Watchers:
    """The watchers of one drill, on a `sandbox` if that is their ground. `warn` tells everyone something; it may take its time."""

    def __init__(
        self, settings: Settings, recorder: Recorder, plan: Plan, *, sandbox: Sandbox | None, warn: Callable[[str, Words], None]
    ) -> None:
        self.observer = DrillObserver(settings, recorder.drill)
        self.dead_man = DrillDeadMan(settings, recorder.drill)

        def aside(reason: str, words: Words) -> None:
            threading.Thread(target=warn, args=(reason, words), name="warning", daemon=True).start()

        self._over = threading.Event()
        alarms = WatchAlarms(recorder, plan, warn=aside)
        ground = SandboxWard(sandbox) if sandbox is not None else None
        self._watchman = Watchman((self.observer, self.dead_man), alarms, clock=recorder.clock, ground=ground)

    def measure(self) -> None:
        """Have samples taken, and watch from now on. Raises: PreflightFailed: the observer ends or takes none in time (F061, F062)."""
        self.observer.ready()
        self._watchman.start()

    def go_on(self) -> None:
        """Have both in the middle of a drill, without waiting for them, and watch from now on."""
        self.dead_man.arm()
        self.observer.go_on()
        self._watchman.start()

    def gone(self) -> bool:
        """Whether the drill was let go."""
        return self._over.is_set()

    def let_go(self) -> None:
        """Start nobody from now on; who lives, lives on."""
        self._over.set()
        self._watchman.stop()

    def stop_measuring(self) -> None:
        """End the observer for good; what it has seen is written first."""
        self.let_go()
        self.observer.stop()
