"""Ends and removes what a sandbox left, whatever died before: the supervisor, the engine, or a region that stands still."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from drill.model.errors import Fatal
from drill.sandbox.layout import POINTER, Layout, home_mark, read_json
from drill.sandbox.postgres import MARK
from drill.sandbox.processes import Identity, end, identify
from drill.sandbox.shared_memory import free_segments

_SERVERS = ("postgres", "pg_", "initdb")


def left_of(mark: str, token: str = "") -> list[Identity]:
    """Processes that carry a mark, or `mark:anything`, and database processes that name a sandbox's token; never ourselves.

    A PostgreSQL child has no environment left and an unprivileged one may hide it: their titles and arguments tell.
    """
    spared = {os.getpid(), *(ancestor.pid for ancestor in psutil.Process().parents())}
    marked = [
        one.pid for one in psutil.process_iter() if one.pid not in spared and (_carries(one, mark) or (token and _serves(one, token)))
    ]
    found = map(identify, marked)
    return [one for one in found if one is not None and one.alive()]


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        value = process.environ().get(MARK, "")
    except (psutil.Error, OSError):
        return False  # another user's, or gone
    return value == mark or value.startswith(f"{mark}:")


def _serves(process: psutil.Process, token: str) -> bool:
    try:
        return process.name().startswith(_SERVERS) and any(token in word for word in process.cmdline())
    except (psutil.Error, OSError):
        return False


def end_all(mark: str, token: str = "", *, timeout_s: float = 10.0) -> int:
    """End everything `left_of` finds until a second look finds nothing; returns how many were ended.

    Raises: Fatal: something is still there when the time is up (A262).
    """
    deadline = time.monotonic() + timeout_s
    ended = 0
    while found := left_of(mark, token):
        if time.monotonic() > deadline:
            pids = ", ".join(str(one.pid) for one in found)
            raise Fatal(f"process(es) {pids} of the sandbox cannot be ended.", code="A262", fix="End them as their owner, then run again.")
        end(found, timeout_s=2.0)
        ended += len(found)
    return ended


def remove_state(layout: Layout, home: Path) -> None:
    """Remove a sandbox's directory and shared memory, and the home's pointer when it is to this one."""
    free_segments(layout.state)
    for _ in range(20):  # a process that was killed may still be writing its last file
        shutil.rmtree(layout.state, ignore_errors=True)
        if not layout.state.exists():
            break
        time.sleep(0.05)
    pointer = read_json(home / POINTER)
    if pointer is not None and pointer.get("state") == str(layout.state):
        (home / POINTER).unlink(missing_ok=True)


def sandbox_mark(home: Path, layout: Layout) -> str:
    """The mark of one sandbox's own processes, below its home's."""
    return f"{home_mark(home)}:{layout.token}"


def post_warden(layout: Layout, home: Path, close: Callable[[], None]) -> int:
    """Leave a process behind that sweeps as soon as this one is gone, and return its pid.

    It catches what the kernel does not end with the supervisor: stopped children of a killed postmaster. Call it before
    any thread or loop exists. `close` drops in it what must not stay open.
    """
    reading, _writing = os.pipe()  # the writing end lives as long as the supervisor and is inherited by nobody
    pid = os.fork()
    if pid:
        os.close(reading)
        return pid
    status = 1
    try:
        os.setsid()
        os.close(_writing)
        close()
        os.read(reading, 1)
        end_all(sandbox_mark(home, layout), layout.token)
        remove_state(layout, home)
        status = 0
    finally:
        os._exit(status)
