"""Finds and ends what a playbook left running: a cancelled run's worker lives on, and could still promote a database."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psutil

from drill.adapters.process_endings import end_every

MARK: Final = "DRILL_MARK"
"""Names the installation or drill a process belongs to."""
RUN: Final = "DRILL_RUN"
"""Names one run of one playbook."""
OWNER: Final = "DRILL_OWNER"
"""Names the process that started the run, as `pid:start`."""

_GRACE_S: Final = 5.0


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
    def of_a_playbook(process: psutil.Process) -> bool:
        return process.pid != os.getpid() and belongs(process.environ())

    return end_every(of_a_playbook, within_s=_GRACE_S, whose="a playbook", code="A330")
