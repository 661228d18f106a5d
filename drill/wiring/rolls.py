"""The roll of engines on a shared database, and the keeper of this process's own place in it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from drill.adapters.database_errors import riding_out
from drill.adapters.roll_sql import Enrolled, SqlRoll
from drill.engine.keeper import Duties, Keeper
from drill.wiring.records import Records

SERVER = "serve"
_PATIENCE_S = 60.0
FENCED = 70
"""The exit code of an engine that ended itself because it could not know whether it had been replaced."""


def living(records: Records, *, role: str | None = None) -> list[Enrolled]:
    """The engines that are alive, those of a role only when one is named."""
    rows = riding_out(lambda: SqlRoll(records.database).everyone(), patience_s=_PATIENCE_S)
    ttl_s = records.settings.ttl_s
    return [row for row in rows if not row.gone and row.age_s <= ttl_s and role in {None, row.role} and not _died_here(row)]


def _died_here(row: Enrolled) -> bool:
    """Whether it was a process of this machine that is gone: no need to wait for its time to live."""
    host, _, pid = row.place.rpartition(":")
    return host == platform.node() and pid.isdecimal() and not psutil.pid_exists(int(pid))


def place() -> str:
    """Where this process is, for people: `host:pid`."""
    return f"{platform.node()}:{os.getpid()}"


def enroll(records: Records, executor: str, *, role: str, duties: Duties) -> Keeper:
    """Enter this engine and give it a keeper, not yet started."""
    roll = SqlRoll(records.database)
    roll.enroll(executor, role=role, place=place())
    return Keeper(executor, roll, duties, ttl_s=records.settings.ttl_s)


@contextmanager
def enrolled(records: Records, executor: str, *, role: str) -> Iterator[None]:
    """Be on the roll while inside, so that workers of a shared database leave the drill alone as long as this process lives."""
    if not records.settings.shared:
        yield
        return
    keeper = enroll(records, executor, role=role, duties=Duties(owners=list, take_over=lambda _dead: None, fence=_leave_at_once))
    keeper.start()
    try:
        yield
    finally:
        keeper.leave()


def _leave_at_once(why: str) -> None:
    os.write(2, f"error: [D910] this engine ends itself: {why}.\n".encode())
    os._exit(FENCED)
