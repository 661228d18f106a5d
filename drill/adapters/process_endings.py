"""Ends processes that were left running, and sees that they are gone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import psutil

from drill.model.errors import InDoubt

_POLL_S = 0.005


def end_every(belongs: Callable[[psutil.Process], bool], *, within_s: float, whose: str, code: str) -> int:
    """Kill until a look finds nothing, and return how many there were: a worker may fork between the look and the kill.

    Zombies count as gone, whoever reaps them. `belongs` may raise psutil's errors and OSError: of a process that is gone meanwhile, or
    another user's. Raises: InDoubt, with this code: a process of `whose` does not end.
    """
    ended: set[int] = set()
    until_s = time.monotonic() + within_s
    while found := [process for process in psutil.process_iter() if _lives(process, belongs)]:
        if time.monotonic() > until_s:
            pids = ", ".join(str(process.pid) for process in found)
            raise InDoubt(f"processes of {whose} do not end: {pids}.", code=code, fix="End them by hand, then look what they did.")
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        ended.update(process.pid for process in found)
        time.sleep(_POLL_S)
    return len(ended)


def _lives(process: psutil.Process, belongs: Callable[[psutil.Process], bool]) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and belongs(process)
    except (psutil.Error, OSError):
        return False
