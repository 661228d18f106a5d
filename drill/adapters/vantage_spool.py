"""Samples that could not be sent yet, as files of a folder: oldest first, bounded, each whole or not at all."""

from __future__ import annotations

import fcntl
import os
import time
from collections import Counter
from pathlib import Path
from typing import Final

from drill.model.errors import UsageError
from drill.model.vantage_wire import Batch

MOST_BYTES: Final = 64 * 2**20
"""About a day of one probe ten times a second; beyond it the oldest goes, which the report shows as a gap."""

_FULL: Final = "the spool was full"
_UNREADABLE: Final = "they could not be read"


class Spool:
    """The spool of one agent. Raises: UsageError: the folder cannot be used (U053), or another agent uses it (U052)."""

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._first: tuple[Path, Batch] | None = None
        self.lost: Counter[str] = Counter()
        """How many batches went because there were too many, or could not be read."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = (folder / "agent.lock").open("a", encoding="ascii")
            self._claim(folder)
            self._paths = sorted(folder.glob("*.json"))  # not before the lock is ours: the last agent may still be putting something down
            self._bytes = sum(path.stat().st_size for path in self._paths)
        except OSError as error:
            what = f"the spool {folder} cannot be used: {error.strerror}."
            raise UsageError(what, code="U053", fix="Point --spool at a directory you can write.") from error

    def _claim(self, folder: Path) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            fix = "One agent per vantage point; give a second one another --spool."
            raise UsageError(f"another `drill probe` uses the spool {folder}.", code="U052", fix=fix) from error

    def close(self) -> None:
        """Let another agent use it."""
        self._lock.close()

    def count(self) -> int:
        """How many batches wait."""
        return len(self._paths)

    def put(self, batch: Batch) -> bool:
        """Keep a batch; false when the disk does not take it."""
        content = batch.model_dump_json().encode()
        path = self._folder / f"{self._next()}.json"
        draft = path.with_suffix(".new")
        try:
            draft.write_bytes(content)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            return False
        self._paths.append(path)
        self._bytes += len(content)
        while self._bytes > self._most_bytes and len(self._paths) > 1:
            self.lost[_FULL] += 1
            self._forget(self._paths[0])
        return True

    def first(self) -> Batch | None:
        """The oldest batch that can be read; nothing when there is none."""
        while self._paths:
            path = self._paths[0]
            if self._first is not None and self._first[0] == path:
                return self._first[1]
            try:
                batch = Batch.model_validate_json(path.read_bytes())
            except (OSError, ValueError):  # cut short by a full disk, or by hand: it says nothing any more
                self.lost[_UNREADABLE] += 1
                self._forget(path)
                continue
            self._first = (path, batch)
            return batch
        return None

    def drop_first(self) -> None:
        """The oldest has arrived, or never will."""
        if self._paths:
            self._forget(self._paths[0])

    def drop_drill(self, drill: str) -> int:
        """Nothing can be added to this drill any more: its batches at the head of the line go; later ones go when it is their turn."""
        count = 0
        while (batch := self.first()) is not None and batch.drill == drill:
            self.drop_first()
            count += 1
        return count

    def _forget(self, path: Path) -> None:
        self._paths.remove(path)
        self._first = None
        try:
            size = path.stat().st_size
            path.unlink()
        except OSError:
            return  # gone already, by hand
        self._bytes -= size

    def _next(self) -> str:
        """A name that sorts after every other: the time, or one more than the last."""
        last = int(self._paths[-1].stem.partition("-")[0]) if self._paths and self._paths[-1].stem.split("-")[0].isdecimal() else 0
        return f"{max(time.time_ns(), last + 1):020d}-{os.getpid()}"
