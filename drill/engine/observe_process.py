"""The observer as a process: one per drill, started apart from the engine so that it outlives it, found again by its pid file."""

from __future__ import annotations

import fcntl
import json
import math
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from drill.model.errors import DrillError, PreflightFailed

PID_FILE = "observer.pid"
READY_FILE = "observer.ready"
ALIVE_FILE = "observer.alive"
BEAT_EVERY_S = 0.5
"""How often a process that is watched shows its life."""
MARK = "DRILL_MARK"
_POLL_S = 0.03
_LOCK_TRIES = 5


@contextmanager
def hold_pid_file(folder: Path, drill: str) -> Iterator[None]:
    """Be the one observer of the drill while inside.

    Raises: DrillError: another observer watches it (D020).
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / PID_FILE).open("a+", encoding="ascii") as file:
        if not hold(file):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise DrillError(
                f"an observer (pid {holder}) watches drill {drill!r} already.", code="D020", fix="Nothing to do: it goes on measuring."
            )
        ready = folder / READY_FILE
        ready.unlink(missing_ok=True)
        try:
            yield
        finally:
            ready.unlink(missing_ok=True)
            file.truncate(0)


def mark_ready(folder: Path, epoch: str) -> None:
    """Say that every probe has been asked and the canary has been acknowledged."""
    draft = folder / f"{READY_FILE}.new"
    draft.write_text(json.dumps({"pid": os.getpid(), "epoch": epoch}), encoding="ascii")
    draft.replace(folder / READY_FILE)


def hold(file: IO[str]) -> bool:
    """Lock a pid file for as long as it stays open and write this process into it; false when a living process holds it."""
    if not _lock(file):
        return False
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return True


def _lock(file: IO[str]) -> bool:
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL_S)  # `holder_of` in another process holds it for an instant
        else:
            return True
    return False


def observer_in(folder: Path) -> psutil.Process | None:
    """The observer that runs on this folder, or nothing."""
    return holder_of(folder / PID_FILE)


def holder_of(pid_file: Path) -> psutil.Process | None:
    """The process that holds a pid file, or nothing."""
    try:
        with pid_file.open("r", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return psutil.Process(int(file.read()))
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None  # never started, not yet written, or gone since
    return None  # nobody holds the lock, whatever the file says


class ObserverProcess:
    """Starts, finds and ends the observer of one drill.

    `argv` runs its body, `folder` is the drill's, `log` takes its output, `mark` goes into its environment as DRILL_MARK.
    `told` is what it reads from its standard input: what must not stand in its environment.
    """

    def __init__(
        self, folder: Path, argv: Sequence[str], *, log: Path, mark: str, env: Mapping[str, str] | None = None, told: bytes = b""
    ) -> None:
        self._folder = folder
        self._argv = tuple(argv)
        self._log = log
        self._env = {**(os.environ if env is None else env), MARK: mark}
        self._told = told
        self._child: subprocess.Popen[bytes] | None = None

    def pid(self) -> int | None:
        """The pid of the observer that runs on the drill, whoever started it."""
        if (child := self._running_child()) is not None:
            return child.pid
        found = observer_in(self._folder)
        return found.pid if found is not None else None

    def ensure(self) -> int:
        """The pid of the running observer; starts one in its own session when there is none."""
        if (pid := self.pid()) is not None:
            return pid
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        (self._folder / ALIVE_FILE).unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=log, stderr=log, env=self._env, start_new_session=True)
        tell(self._child, self._told)
        return self._child.pid

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until every probe has been asked once and the canary has been acknowledged.

        Raises: PreflightFailed: it ended (F061), or is not ready in time (F062).
        """
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            found = observer_in(self._folder)
            if found is not None and self._ready_pid() == found.pid:
                return
            if found is None and self._running_child() is None:
                raise PreflightFailed(f"the observer ended before it was ready{self._last_words()}.", code="F061", fix=f"See {self._log}.")
            time.sleep(_POLL_S)
        raise PreflightFailed(
            f"the observer was not ready within {timeout_s:g} s{self._last_words()}.",
            code="F062",
            fix=f"A probe cannot be asked, or the canary's database takes no write: see {self._log}.",
        )

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the observer after it has written what it has; kill it when it does not end in time. Nothing to do when there is none."""
        found = observer_in(self._folder)
        if found is None and (child := self._running_child()) is not None:
            found = psutil.Process(child.pid)
        if found is not None:
            end_process(found, timeout_s)
        if self._child is not None:
            self._child.wait()
            self._child = None
        (self._folder / ALIVE_FILE).unlink(missing_ok=True)

    def beat(self) -> float:
        """When it last showed its life, in seconds of the wall clock; minus infinity when there is no sign of this one."""
        return beaten_at(self._folder / ALIVE_FILE)

    def _running_child(self) -> subprocess.Popen[bytes] | None:
        return self._child if self._child is not None and self._child.poll() is None else None

    def _ready_pid(self) -> int:
        try:
            return int(json.loads((self._folder / READY_FILE).read_text(encoding="ascii"))["pid"])
        except FileNotFoundError:
            return -1

    def _last_words(self) -> str:
        return last_words(self._log)


def last_words(log: Path) -> str:
    """The last line of a log, with a colon before it; empty when there is none."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return f": {lines[-1][:300].rstrip('.')}" if lines else ""


def tell(child: subprocess.Popen[bytes], words: bytes) -> None:
    """Give a child all of its standard input. One that has ended hears nothing; whoever waits for it notices."""
    if child.stdin is None:
        raise ValueError("the child has no standard input of its own")
    with suppress(BrokenPipeError), child.stdin as pipe:
        pipe.write(words)


def end_process(process: psutil.Process, timeout_s: float) -> None:
    """End a process that may stand still: it is asked first, and killed when it has not ended in time."""
    try:
        process.terminate()
        process.send_signal(signal.SIGCONT)  # one that stands still could not hear the first
        process.wait(timeout_s)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(timeout_s)
    except psutil.NoSuchProcess:
        return  # it ended meanwhile, as it should


def beaten_at(file: Path) -> float:
    """The time of the last beat in a file, in seconds of the wall clock; minus infinity when there is none."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return -math.inf
