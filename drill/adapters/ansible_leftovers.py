"""Finds and ends what a playbook left running: a cancelled run's worker lives on, and could still promote a database."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psutil

from drill.model.errors import InDoubt

MARK: Final = "DRILL_MARK"
"""Names the installation or drill a process belongs to."""
RUN: Final = "DRILL_RUN"
"""Names one run of one playbook."""
OWNER: Final = "DRILL_OWNER"
"""Names the process that started the run, as `pid:start`."""

_GRACE_S: Final = 5.0
_POLL_S: Final = 0.005


def owner(pid: int | None = None) -> str:
    """A process, by default the present one, told apart from a later one with the same pid: `pid:start`, start in whole milliseconds."""
    return f"{pid or os.getpid()}:{_start_ms(psutil.Process(pid))}"


def alive(who: str) -> bool:
    """Whether the process that `owner` named still runs; a zombie does not."""
    pid, _, start = who.partition(":")
    try:
        process = psutil.Process(int(pid))
        return process.status() != psutil.STATUS_ZOMBIE and str(_start_ms(process)) == start
    except (psutil.Error, ValueError):
        return False


def end_run(run: str) -> int:
    """End every process of one run and return how many there were. Raises: InDoubt: one does not end (A330)."""
    return _end(lambda environment: environment.get(RUN) == run)


def end_leftovers(mark: str, *, scratch: Path | None = None) -> int:
    """End what dead engines of this mark left: processes and private directories. Runs of a living engine are not touched.

    Returns the number of processes ended. Raises: InDoubt: one does not end (A330).
    """
    ended = _end(lambda environment: environment.get(MARK) == mark and OWNER in environment and not alive(environment[OWNER]))
    for directory in (scratch or Path(tempfile.gettempdir())).glob(f"{_stem(mark)}-*"):
        pid, start = directory.name.removeprefix(f"{_stem(mark)}-").split("-")[:2]
        if not alive(f"{pid}:{start}"):
            shutil.rmtree(directory, ignore_errors=True)
    return ended


def remove_own(mark: str, *, scratch: Path | None = None) -> None:
    """Remove the private directories of this process, which has ended its runs and is about to become another engine under the same pid."""
    for directory in (scratch or Path(tempfile.gettempdir())).glob(f"{_stem(mark)}-{owner().replace(':', '-')}-*"):
        shutil.rmtree(directory, ignore_errors=True)


def private_directory(mark: str, *, scratch: Path | None = None) -> Path:
    """A fresh directory for one run, mode 0700; its name tells whose it is, so that it can be removed when the engine is dead."""
    prefix = f"{_stem(mark)}-{owner().replace(':', '-')}-"
    return Path(tempfile.mkdtemp(prefix=prefix, dir=scratch))


def _stem(mark: str) -> str:
    return f"drill-ansible-{hashlib.sha256(mark.encode()).hexdigest()[:8]}"


def _start_ms(process: psutil.Process) -> int:
    return round(process.create_time() * 1000)


def _end(belongs: Callable[[Mapping[str, str]], bool]) -> int:
    """Kill until a look finds nothing: a worker may fork between the look and the kill. Zombies count as gone, whoever reaps them."""
    ended: set[int] = set()
    deadline_s = time.monotonic() + _GRACE_S
    while found := [process for process in psutil.process_iter() if _matches(process, belongs)]:
        if time.monotonic() > deadline_s:
            pids = ", ".join(str(process.pid) for process in found)
            raise InDoubt(f"processes of a playbook do not end: {pids}.", code="A330", fix="End them by hand, then look what they did.")
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        ended.update(process.pid for process in found)
        time.sleep(_POLL_S)
    return len(ended)


def _matches(process: psutil.Process, belongs: Callable[[Mapping[str, str]], bool]) -> bool:
    try:
        return process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE and belongs(process.environ())
    except (psutil.Error, OSError):  # gone meanwhile, or another user's: not a process of ours
        return False
