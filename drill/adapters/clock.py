"""The machine's clocks as one process sees them."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SELF = Path("/proc/self/stat")
_START_TICKS = 21  # field 22 of stat, counted from 0


class SystemClock:
    """Wall time and CLOCK_MONOTONIC (port Clock). Make one per process: a fork needs its own.

    `epoch` is `<boot>-<pid>-<start>`: the part before the first dash is the same for every process of one boot, the whole never repeats.
    """

    def __init__(self) -> None:
        self._epoch = f"{_boot()}-{os.getpid()}-{_start()}"

    @property
    def epoch(self) -> str:
        return self._epoch

    def now(self) -> datetime:
        return datetime.now(UTC)

    def mono_s(self) -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC)  # the same for all processes; time.monotonic() may have its own zero elsewhere

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


def _boot() -> str:
    if _BOOT_ID.exists():
        return _BOOT_ID.read_text(encoding="ascii")[:8]
    return f"{int(psutil.boot_time()):08x}"


def _start() -> str:
    if _SELF.exists():
        fields = _SELF.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()  # the name before it may hold blanks
        return fields[_START_TICKS - 2]
    return str(int(psutil.Process().create_time() * 1000))
