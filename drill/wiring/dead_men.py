"""The dead man of a drill: how the engine arms it and tells it of life, and what its process is made of."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from drill.engine.attempt import StepRunner
from drill.engine.dead_man import DeadMan
from drill.engine.record import Recorder
from drill.engine.undo import Undoer
from drill.model.events import Kind
from drill.settings import Settings
from drill.steps.base import registry
from drill.wiring.records import Records
from drill.wiring.worlds import open_grounds

_BEAT_S = 1.0
_ALIVE, _LOCK, _LOG = "engine.alive", "dead-man.pid", "dead-man.log"
_ENDS_WITHIN_S = 5.0


class EngineLife:
    """The engine's side: arms the dead man once, and beats while the engine lives."""

    def __init__(self, settings: Settings, drill: str) -> None:
        self._settings = settings
        self._drill = drill
        self._folder = settings.drill_dir(drill)
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to beat; the first beat is given before this returns."""
        (self._folder / _ALIVE).touch()
        threading.Thread(target=self._beat, name="engine-life", daemon=True).start()

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT_S):
            (self._folder / _ALIVE).touch()

    def arm(self) -> None:
        """Have a dead man; a second one ends at once."""
        argv = [sys.executable, "-m", "drill.cli.main", "dead-man", self._drill]
        environment = {**os.environ, "DRILL_MARK": self._settings.mark()}
        with (self._folder / _LOG).open("ab") as log:
            self._child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True)

    def pid(self) -> int | None:
        """The pid of the dead man this process armed."""
        return self._child.pid if self._child else None

    def stop(self, *, wait: bool) -> None:
        """Beat no more. `wait`: the drill has ended, so the dead man ends too; wait for it."""
        self._stop.set()
        if wait and self._child is not None:
            try:
                self._child.wait(_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()


class _Silence:
    """For how long the engine's file has not changed, by our own monotonic clock: a step of the wall clock kills nobody."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = 0.0
        self._since_s = time.monotonic()

    def seconds(self) -> float:
        stamp = self._file.stat().st_mtime if self._file.exists() else 0.0
        if stamp != self._seen:
            self._seen, self._since_s = stamp, time.monotonic()
        return time.monotonic() - self._since_s


def stand_watch(records: Records, drill: str) -> None:
    """The body of the dead man's process; returns when the drill has ended or the outage is lifted, at once when another stands watch."""
    folder = records.settings.drill_dir(drill)
    with (folder / _LOCK).open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        _watch(records, drill, folder)


def _watch(records: Records, drill: str, folder: Path) -> None:
    plan, kinds = records.plan(drill), registry()
    grounds = open_grounds(records.settings, plan, drill=drill, say=lambda _text: None)

    def take_over() -> tuple[Recorder, Undoer]:
        token = records.journal.take_token(drill)
        recorder = records.recorder(drill, token=token, by="dead-man")
        recorder.say(Kind.LEASE_TAKEN, f"lease/{token}", token=token, holder="dead-man")
        return recorder, Undoer(StepRunner(plan, kinds=kinds, world=grounds.world, recorder=recorder, artifacts=records.artifacts()))

    silence = _Silence(folder / _ALIVE)
    DeadMan(plan, kinds=kinds, recorder=records.recorder(drill), silent_s=silence.seconds, take_over=take_over).watch()
