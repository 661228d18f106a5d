"""The dead man of a drill: how the engine arms it and tells it of life, and what its process is made of."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from drill.engine.alarms import DEAD_MAN
from drill.engine.attempt import StepRunner
from drill.engine.dead_man import DeadMan
from drill.engine.observe_process import BEAT_EVERY_S, beaten_at, end_process, hold, holder_of, last_words, tell
from drill.engine.record import Recorder
from drill.engine.undo import Undoer
from drill.model.errors import PreflightFailed
from drill.model.events import Kind
from drill.settings import Settings, child_environment, handed_down
from drill.steps.base import registry
from drill.wiring.leases import last_sign_of_life
from drill.wiring.records import Records
from drill.wiring.silence import Silence
from drill.wiring.worlds import open_grounds

_BEAT_S = 1.0
_ALIVE, _LOCK, _LOG, _SIGN = "engine.alive", "dead-man.pid", "dead-man.log", "dead-man.alive"
_ENDS_WITHIN_S = 5.0
_KILLED_AFTER_S = 1.0
_STANDS_WITHIN_S = 20.0
_POLL_S = 0.05
_REST_S = 2.0
"""Between two starts, when the first one ended at once."""
_FRESH_S = 5.0
"""A dead man whose last sign is older does not stand watch."""
_log = logging.getLogger(__name__)


class EngineLife:
    """The engine's side: beats while the engine lives; `also` is done with every beat."""

    def __init__(self, settings: Settings, drill: str, *, also: Callable[[], None] = lambda: None) -> None:
        self._also = also
        self._sign = settings.drill_dir(drill) / _ALIVE
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to beat; the first beat is given before this returns."""
        self._sign.touch()
        threading.Thread(target=self._beat, name="engine-life", daemon=True).start()

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT_S):
            try:
                self._sign.touch()
            except OSError:  # the beat in the lease counts as well; when both fail, the dead man is right
                _log.warning("life.missed", exc_info=True)
            self._also()

    def stop(self) -> None:
        """Beat no more: from now on the dead man counts the silence, unless another engine beats for the drill."""
        self._stop.set()


class DrillDeadMan:
    """The dead man's process of one drill, as the engine handles it and as its watchman sees it (port Ward). Safe for threads."""

    name = DEAD_MAN

    def __init__(self, settings: Settings, drill: str) -> None:
        self._settings = settings
        self._drill = drill
        self._folder = settings.drill_dir(drill)
        self._child: subprocess.Popen[bytes] | None = None
        self._starting = threading.RLock()
        self._silence = Silence(self._sign, time.monotonic)
        self._started_s = -math.inf

    def arm(self) -> None:
        """Have one, without waiting for it."""
        with self._starting:
            if not self.alive() and time.monotonic() - self._started_s > _REST_S:
                self._start()

    def stands(self, within_s: float = _STANDS_WITHIN_S) -> None:
        """Return when it stands watch; arm it anew when it does not. Raises: PreflightFailed: it cannot be armed in time (F065)."""
        until_s = time.monotonic() + within_s
        while not (self.alive() and self.silent_s() <= _FRESH_S):
            if time.monotonic() > until_s:
                what = f"the dead man does not stand watch{last_words(self._folder / _LOG)}."
                raise PreflightFailed(what, code="F065", fix=f"See {self._folder / _LOG}: nothing would end the outage if the engine died.")
            self.arm()
            time.sleep(_POLL_S)

    def alive(self) -> bool:
        return holder_of(self._folder / _LOCK) is not None or (self._child is not None and self._child.poll() is None)

    def silent_s(self) -> float:
        return math.inf if self._sign() == -math.inf else self._silence.seconds()

    def revive(self) -> None:
        with self._starting:
            for process in self._processes():
                end_process(process, _KILLED_AFTER_S)
            self._start()

    def pid(self) -> int | None:
        """The pid of the dead man this process armed."""
        return self._child.pid if self._child else None

    def wait_ended(self) -> None:
        """The drill has ended, so the dead man ends too: wait for it."""
        for process in self._processes():
            try:
                process.wait(_ENDS_WITHIN_S)
            except psutil.TimeoutExpired:
                end_process(process, _KILLED_AFTER_S)

    def _processes(self) -> list[psutil.Process]:
        """The one that stands watch, and the one this process started when it is another or not yet so far."""
        holder = holder_of(self._folder / _LOCK)
        found = {holder.pid: holder} if holder else {}
        if self._child is not None and self._child.poll() is None:
            found.setdefault(self._child.pid, psutil.Process(self._child.pid))
        return list(found.values())

    def _start(self) -> None:
        argv = [sys.executable, "-m", "drill.cli.main", "dead-man", self._drill]
        environment = {**child_environment(), "DRILL_MARK": self._settings.mark()}
        (self._folder / _SIGN).unlink(missing_ok=True)
        self._started_s = time.monotonic()
        if self._child is not None:
            self._child.poll()  # reaps an earlier one
        with (self._folder / _LOG).open("ab") as log:
            self._child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True)
        tell(self._child, handed_down())

    def _sign(self) -> float:
        return beaten_at(self._folder / _SIGN)


def stand_watch(records: Records, drill: str) -> None:
    """The body of the dead man's process; returns when the drill has ended or the outage is lifted, at once when another stands watch."""
    folder = records.settings.drill_dir(drill)
    with (folder / _LOCK).open("a+", encoding="ascii") as file:
        if not hold(file):
            return
        _watch(records, drill, folder)


def _show_life(sign: Path) -> None:
    """Beat apart from the watch itself: that may wait long for a database that is away, and is no less awake for it."""
    while True:
        sign.touch()
        time.sleep(BEAT_EVERY_S)


def _watch(records: Records, drill: str, folder: Path) -> None:
    plan, kinds = records.plan(drill), registry()
    grounds = open_grounds(records.settings, plan, drill=drill, say=lambda _text: None)

    def take_over() -> tuple[Recorder, Undoer]:
        token = records.journal.take_token(drill)
        recorder = records.recorder(drill, token=token, by="dead-man")
        recorder.say(Kind.LEASE_TAKEN, f"lease/{token}", token=token, holder="dead-man")
        return recorder, Undoer(StepRunner(plan, kinds=kinds, world=grounds.world, recorder=recorder, artifacts=records.artifacts()))

    silence = Silence(lambda: _signs(records, drill, folder / _ALIVE), time.monotonic)
    threading.Thread(target=_show_life, args=(folder / _SIGN,), name="dead-man-life", daemon=True).start()
    DeadMan(plan, kinds=kinds, recorder=records.recorder(drill), silent_s=silence.seconds, take_over=take_over).watch()


def _signs(records: Records, drill: str, alive: Path) -> tuple[float, float]:
    """What changes while an engine plays the drill: here, the file it touches; on another machine, its beat in the lease.

    Raises: JournalBroken: the database does not answer (J023).
    """
    return (alive.stat().st_mtime if alive.exists() else 0.0, last_sign_of_life(records, drill))
