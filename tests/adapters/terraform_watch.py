"""Reads the environment and the command line of everything below this process, as any process of the same user could."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil


class Watch:
    """Looks while the block runs. `found` are the canaries that showed, `programs` what was looked at, `modes` those of private files."""

    def __init__(self, folder: Path, canaries: Sequence[str]) -> None:
        self._folder = folder
        self._canaries = [canary.encode() for canary in canaries]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.found: set[str] = set()
        self.programs: set[str] = set()
        self.papers: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _look(self) -> None:
        while not self._over.wait(0.01):
            with suppress(OSError):
                self._read_papers()
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error, OSError):
                    self._read(child.pid)

    def _read(self, pid: int) -> None:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        shown = words + Path(f"/proc/{pid}/environ").read_bytes()
        if b"DRILL_MARK=" in shown:  # past the moment between fork and exec, in which it is still a copy of this process
            self.programs.add(Path(words.split(b"\0")[0].decode()).name)
            self.found |= {canary.decode() for canary in self._canaries if canary in shown}

    def _read_papers(self) -> None:
        for path in (*self._folder.rglob("*.paper"), *self._folder.rglob("drill-private.auto.tfvars")):
            with suppress(FileNotFoundError):
                self.papers[path.name] = path.stat().st_mode & 0o777


def holding(folder: Path, canaries: Sequence[str]) -> list[str]:
    """The files below a folder that hold one of these."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(canary.encode() in path.read_bytes() for canary in canaries)]
