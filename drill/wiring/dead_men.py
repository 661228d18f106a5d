"""The dead man of a drill: how the engine arms it and tells it of life, and what its process is made of."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from drill.engine.attempt import StepRunner
from drill.engine.dead_man import DeadMan
from drill.engine.observe_process import tell
from drill.engine.record import Recorder
from drill.engine.undo import Undoer
from drill.model.errors import JournalBroken
from drill.model.events import Kind
from drill.settings import Settings, child_environment, handed_down
from drill.steps.base import registry
from drill.wiring.leases import last_sign_of_life
from drill.wiring.records import Records
from drill.wiring.silence import Silence
from drill.wiring.worlds import open_grounds

_BEAT_S = 1.0
_ALIVE, _LOCK, _LOG = "engine.alive", "dead-man.pid", "dead-man.log"
_ENDS_WITHIN_S = 5.0


class EngineLife:
    """The engine's side: arms the dead man once, and beats while the engine lives; `also` is done with every beat."""

    def __init__(self, settings: Settings, drill: str, *, also: Callable[[], None] = lambda: None) -> None:
        self._settings = settings
        self._drill = drill
        self._also = also
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
            self._also()

    def arm(self) -> None:
        """Have a dead man; a second one ends at once."""
        argv = [sys.executable, "-m", "drill.cli.main", "dead-man", self._drill]
        environment = {**child_environment(), "DRILL_MARK": self._settings.mark()}
        with (self._folder / _LOG).open("ab") as log:
            self._child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True)
        tell(self._child, handed_down())

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

    silence = Silence(lambda: _signs(records, drill, folder / _ALIVE), time.monotonic)
    DeadMan(plan, kinds=kinds, recorder=records.recorder(drill), silent_s=silence.seconds, take_over=take_over).watch()


def _signs(records: Records, drill: str, alive: Path) -> tuple[float, float]:
    """What changes while an engine plays the drill: here, the file it touches; on another machine, its beat in the lease.

    Raises: JournalBroken: the database does not answer (J023).
    """
    try:
        pulse = last_sign_of_life(records, drill)
    except sa.exc.DBAPIError as error:
        raise JournalBroken(f"the leases cannot be read ({error.orig}).", code="J023", fix="Check the database.") from error
    return (alive.stat().st_mtime if alive.exists() else 0.0, pulse)
