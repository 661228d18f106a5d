"""Frees the shared memory of killed databases: the kernel keeps it for ever, and a few thousand pieces are all it has."""

from __future__ import annotations

import ctypes
from pathlib import Path

_IPC_RMID = 0
_TABLE = Path("/proc/sysvipc/shm")


def free_segments(state: Path) -> int:
    """Free the segment each database below a state directory names in its postmaster.pid; returns how many there were.

    The databases must have ended. A segment that somebody is attached to, or that is another's by now, stays.
    """
    return sum([free_segment(data) for data in state.glob("region-*/data")])


def free_segment(data: Path) -> bool:
    """Free the segment that the postmaster.pid of one ended database names; whether there was one. The same care."""
    words = _key_and_id(data / "postmaster.pid")
    return len(words) == 2 and _unused(*words) and _free(int(words[1]))


def _key_and_id(file: Path) -> tuple[str, ...]:
    """The seventh line: the segment's key and id."""
    try:
        return tuple(file.read_text(encoding="ascii", errors="replace").splitlines()[6].split())
    except (OSError, IndexError):
        return ()


def _unused(key: str, identity: str) -> bool:
    """Whether the kernel knows the segment by both names and nobody is attached; true where it cannot be asked."""
    if not _TABLE.exists():
        return True
    rows = [line.split() for line in _TABLE.read_text(encoding="ascii").splitlines()[1:]]
    return any((row[0], row[1], row[6]) == (key, identity, "0") for row in rows)


def _free(identity: int) -> bool:
    return bool(ctypes.CDLL(None).shmctl(identity, _IPC_RMID, None) == 0)
