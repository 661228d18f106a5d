"""One database for the journal and the durable engine: SQLite in WAL mode by default, Postgres when several machines share the work."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

_BUSY_TIMEOUT_MS = 30_000
_UNIXEPOCH_SUBSEC_SINCE = (3, 42)


def sqlite_engine(path: Path, *, pool: int = 20) -> sa.Engine:
    """An engine on one SQLite file: write-ahead log, every commit on disk, writers queue for 30 s.

    The durable engine asks for `unixepoch('subsec')`, which SQLite before 3.42 answers with NULL; a function of the same name fills in.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}", pool_size=pool, max_overflow=0, pool_timeout=30)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in (f"busy_timeout={_BUSY_TIMEOUT_MS}", "foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        if sqlite3.sqlite_version_info < _UNIXEPOCH_SUBSEC_SINCE:
            connection.create_function("unixepoch", -1, _unixepoch)

    return engine


def _unixepoch(*arguments: str) -> float:
    return time.time() if {"subsec", "subsecond"} & set(arguments) else int(time.time())


def database_engine(url: str) -> sa.Engine:
    """An engine for `sqlite:///path` or a Postgres URL."""
    if url.startswith("sqlite:///"):
        return sqlite_engine(Path(url.removeprefix("sqlite:///")))
    return sa.create_engine(url, pool_size=8, max_overflow=8, pool_pre_ping=True)
