"""One engine per database file: a lock that its holder's death releases, and that says who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from drill.model.errors import PreflightFailed
from drill.settings import Settings

_A_GLANCE_S = 0.2


@dataclass(frozen=True)
class Holder:
    """The live engine."""

    pid: int
    drill: str


def engine_holder(settings: Settings) -> Holder | None:
    """Who runs an engine on this home now, or nobody."""
    path = settings.home / "engine.lock"
    try:
        with path.open("r", encoding="utf-8") as file:  # a look needs no right to write
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                row = json.loads(file.read() or "{}")
                return Holder(int(row.get("pid", 0)), str(row.get("drill", "?")))
    except FileNotFoundError:
        pass
    return None


@contextmanager
def engine_lock(settings: Settings, drill: str) -> Iterator[None]:
    """Hold the engine's lock. Raises: PreflightFailed: a live engine holds it (F050, names drill and pid)."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "engine.lock").open("a+", encoding="utf-8") as file:
        if not _taken(file):
            file.seek(0)
            row = json.loads(file.read() or "{}")
            raise _held(Holder(int(row.get("pid", 0)), str(row.get("drill", "?"))))
        file.seek(0)
        file.truncate()
        file.write(json.dumps({"pid": os.getpid(), "drill": drill}))
        file.flush()
        yield


def _taken(file: TextIO) -> bool:
    """Take the lock; patient for a moment, because whoever asks for the holder holds it for that long."""
    until_s = time.monotonic() + _A_GLANCE_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until_s:
                return False
            time.sleep(_A_GLANCE_S / 20)
        else:
            return True


def refuse_if_held(settings: Settings) -> None:
    """Raises: PreflightFailed: a live engine runs on this home (F050, names drill and pid)."""
    holder = engine_holder(settings)
    if holder is not None:
        raise _held(holder)


def _held(holder: Holder) -> PreflightFailed:
    return PreflightFailed(
        f"the drill {holder.drill} is running here (pid {holder.pid}).",
        code="F050",
        fix="Wait for it, look with `drill watch`, or stop it with `drill abort`.",
    )
