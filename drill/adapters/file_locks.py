"""One holder at a time for a name, over the threads and processes of this machine."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drill.model.errors import Retryable

_POLL_S = 0.02


class FileLocks:
    """Locks as files in `directory`; a holder that dies gives its lock back."""

    def __init__(self, directory: Path, *, within_s: float = 30.0) -> None:
        self._directory = directory
        self._within_s = within_s

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """Hold the lock of a name. Raises: Retryable: somebody else holds it for too long (A122)."""
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.lock"
        with path.open("w", encoding="utf-8") as file:
            until_s = time.monotonic() + self._within_s
            while not _taken(file.fileno()):
                if time.monotonic() >= until_s:
                    raise Retryable(
                        f"somebody else on this machine has been changing {name} for {self._within_s:.0f} s.",
                        code="A122",
                        fix="See which drill works on it; trying again is safe.",
                    )
                time.sleep(_POLL_S)
            yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
