"""Processes known by pid and start, so that a reused pid is never mistaken for ours, and ended whole families at a time."""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from drill.sandbox.server_user import ServerUser

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Identity:
    """One process. `started` is its start in clock ticks since boot, or the wall time where the system has no /proc."""

    pid: int
    started: float

    def alive(self) -> bool:
        """Whether it still runs, stopped included. A zombie does not."""
        return state_of(self.pid) not in ("gone", "zombie") and identify(self.pid) == self

    def send(self, number: signal.Signals) -> bool:
        """Signal it; False when it is gone already."""
        if not self.alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


def identify(pid: int) -> Identity | None:
    """The identity behind a pid; None when there is no such process."""
    stat = _stat(pid)
    if stat is not None:
        return Identity(pid, float(stat[19])) if stat else None
    try:
        return Identity(pid, psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def state_of(pid: int) -> str:
    """`gone`, `zombie`, `stopped` or `running`."""
    stat = _stat(pid)
    if stat is not None:
        letter = stat[0] if stat else ""
        return {"": "gone", "X": "gone", "Z": "zombie", "T": "stopped", "t": "stopped"}.get(letter, "running")
    try:
        status = psutil.Process(pid).status()
    except psutil.Error:
        return "gone"
    return {psutil.STATUS_ZOMBIE: "zombie", psutil.STATUS_STOPPED: "stopped"}.get(status, "running")


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on; empty when the process is gone, None where there is no /proc."""
    if sys.platform != "linux":
        return None
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text[text.rindex(")") + 2 :].split()


def family(pid: int) -> list[Identity]:
    """A process and everything below it, the ancestor first."""
    try:
        below = [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        below = []
    return [found for found in map(identify, [pid, *below]) if found is not None]


def wait_until(done: Callable[[], bool], timeout_s: float, *, every_s: float = 0.005) -> bool:
    """Poll until `done`; False when the time is up first."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def end(processes: Iterable[Identity], *, timeout_s: float = 5.0) -> list[Identity]:
    """SIGKILL them in the given order, wait until they are gone and return those that are not."""
    left = [one for one in processes if one.send(signal.SIGKILL)]
    wait_until(lambda: not any(one.alive() for one in left), timeout_s)
    return [one for one in left if one.alive()]


def stop(pid: int, *, timeout_s: float = 2.0) -> list[Identity]:
    """SIGSTOP a process, then everything below it, and return them all; none is left able to fork behind our back.

    Raises: TimeoutError: one of them did not stop.
    """
    head = identify(pid)
    if head is None or not head.send(signal.SIGSTOP):
        return []
    wait_until(lambda: state_of(pid) != "running", timeout_s)
    stopped = family(pid)
    for one in stopped[1:]:
        one.send(signal.SIGSTOP)
    if not wait_until(lambda: all(state_of(one.pid) != "running" for one in stopped), timeout_s):
        raise TimeoutError(f"process {pid} or one of its children did not stop within {timeout_s:g} s")
    return stopped


def spawn(
    argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str], log: Path, user: ServerUser | None = None
) -> subprocess.Popen[bytes]:
    """Start a child in its own session that the kernel kills when this process dies (Linux); its output goes to `log`.

    Call it from the main thread: the kernel watches the *thread* that starts the child.
    """
    with log.open("ab") as sink:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  two system calls, resolved before the fork
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
            umask=0o077 if user else -1,
        )


def adopt_orphans() -> None:
    """Become the parent of every orphan below this process (Linux), so that it can be reaped here."""
    prctl = _prctl()
    if prctl is not None:
        prctl(PR_SET_CHILD_SUBREAPER, 1)


def _die_with(parent: int) -> Callable[[], None] | None:
    prctl = _prctl()
    if prctl is None:
        return None

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return in_child


@functools.cache
def _prctl() -> Callable[[int, int], int] | None:
    if sys.platform != "linux":
        return None
    function: Callable[[int, int], int] = ctypes.CDLL(None, use_errno=True).prctl
    return function
