"""One database for the journal and the durable engine: SQLite in WAL mode by default, Postgres when several machines share the work."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from drill.adapters.database_errors import translated
from drill.model.errors import JournalBroken, UsageError

_BUSY_TIMEOUT_MS = 30_000
_UNIXEPOCH_SUBSEC_SINCE = (3, 42)
_LIVELY: Final = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A connection whose other end is gone is noticed within about ten seconds, not after the two hours of a plain TCP connection."""
_TABLES_LOCK: Final = 0x6472696C
"""Names the advisory lock under which tables are made: Postgres lets two processes race on CREATE TABLE IF NOT EXISTS."""


def sqlite_engine(path: Path, *, pool: int = 20) -> sa.Engine:
    """An engine on one SQLite file: write-ahead log, every commit on disk, writers queue for 30 s.

    The durable engine asks for `unixepoch('subsec')`, which SQLite before 3.42 answers with NULL; a function of the same name fills in.
    Raises: JournalBroken: the folder of the file cannot be made (J022).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"the journal's folder {path.parent} cannot be used: {error.strerror}."
        raise JournalBroken(what, code="J022", fix="Point DRILL_HOME at a directory that you can write.") from error
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), pool_size=pool, max_overflow=0, pool_timeout=30)

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
    """An engine for `sqlite:///path` or a Postgres URL.

    Raises: UsageError: it is neither (U035). JournalBroken: the folder of the file cannot be made (J022).
    """
    if url.startswith("sqlite:///"):
        return sqlite_engine(Path(url.removeprefix("sqlite:///")))
    parsed = _postgres_url(url)
    return sa.create_engine(parsed, pool_size=8, max_overflow=12, pool_pre_ping=True, connect_args=dict(_LIVELY))


def _postgres_url(url: str) -> sa.URL:
    """The URL with our driver; what is wrong with it is said without its password."""
    fix = "Write postgresql://USER@HOST:PORT/DATABASE, or leave it unset for a file in DRILL_HOME."
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise UsageError("DRILL_DATABASE_URL is not the address of a database.", code="U035", fix=fix) from error
    if parsed.drivername not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise UsageError(f"DRILL_DATABASE_URL names {parsed.drivername}, which drill does not use.", code="U035", fix=fix)
    return parsed.set(drivername="postgresql+psycopg")


def create_tables(engine: sa.Engine, metadata: sa.MetaData) -> None:
    """Make what is missing; any number of processes may do so at once. Raises: JournalBroken: the database cannot be used."""
    with translated(), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TABLES_LOCK)))
        metadata.create_all(connection)


def seconds_now(engine: sa.Engine) -> sa.ColumnElement[float]:
    """The database's own clock as seconds since 1970: the only one that several machines share."""
    if engine.dialect.name == "postgresql":
        return sa.literal_column("extract(epoch from clock_timestamp())::float8", sa.Float)
    return sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Float)
