"""The observer of a drill: how the engine starts it, and what its process is made of."""

from __future__ import annotations

import math
import sys
import time

from drill.engine.alarms import OBSERVER
from drill.engine.observe_canary import CanaryWriter
from drill.engine.observe_process import ObserverProcess, observer_in
from drill.model.plan import Canary
from drill.model.ports import Secrets
from drill.settings import Settings, child_environment, handed_down
from drill.wiring.records import Records
from drill.wiring.silence import Silence

_READY_WITHIN_S = 20.0
_ENDS_WITHIN_S = 1.0


class DrillObserver:
    """The observer process of one drill, as the engine handles it and as its watchman sees it (port Ward)."""

    name = OBSERVER

    def __init__(self, settings: Settings, drill: str) -> None:
        self._folder = settings.drill_dir(drill)
        argv = [sys.executable, "-m", "drill.cli.main", "observe", drill]
        log, mark = self._folder / "observer.log", settings.mark()
        self._process = ObserverProcess(self._folder, argv, log=log, mark=mark, env=child_environment(), told=handed_down())
        self._silence = Silence(self._process.beat, time.monotonic)

    def ready(self) -> None:
        """Have one running and wait until it takes samples. Raises: PreflightFailed: it ends or takes none in time."""
        self._process.ensure()
        self._process.wait_ready(_READY_WITHIN_S)

    def go_on(self) -> None:
        """Have one running, without waiting: in the middle of a drill there may be nothing that answers or takes a write."""
        self._process.ensure()

    def alive(self) -> bool:
        return self._process.pid() is not None

    def silent_s(self) -> float:
        return math.inf if self._process.beat() == -math.inf else self._silence.seconds()

    def revive(self) -> None:
        """What the old one has seen is written first, when it still can."""
        self._process.stop(_ENDS_WITHIN_S)
        self._process.ensure()

    def pid(self) -> int | None:
        """The pid of the living observer."""
        found = observer_in(self._folder)
        return found.pid if found else None

    def stop(self) -> None:
        """End it; what it has seen is written first."""
        self._process.stop()


def observe(records: Records, drill: str) -> None:
    """The body of the observer's process. Raises: DrillError: another observer watches this drill."""
    from drill.engine.observe import Instruments, Observer
    from drill.wiring.guarding import guards_of
    from drill.wiring.worlds import open_grounds

    plan = records.plan(drill)
    grounds = open_grounds(records.settings, plan, drill=drill, say=lambda _text: None)
    canary = _canary(plan.canary, grounds.secrets, drill) if plan.canary else None
    Observer(
        drill,
        plan,
        journal=records.journal,
        clock=records.clock,
        instruments=Instruments(grounds.probes, canary, guards_of(grounds)),
        folder=records.settings.drill_dir(drill),
    ).run()


def _canary(canary: Canary, secrets: Secrets, drill: str) -> CanaryWriter:
    """The canary of the plan's engine. Raises: PreflightFailed: its connection string is not set (F010), or is none (F067)."""
    text = secrets.get(canary.secret)
    if canary.mysql:
        from drill.adapters.canary_mysql import MysqlCanary

        return MysqlCanary(text, drill)
    from drill.adapters.canary_postgres import PostgresCanary

    return PostgresCanary(text, drill)
