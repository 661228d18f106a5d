"""One database for the journal and the durable engine: SQLite in WAL mode by default, Postgres when several machines share the work."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa

from drill.adapters.database_errors import translated
from drill.model.errors import JournalBroken, UsageError

_BUSY_TIMEOUT_MS = 30_000
_BEING_MADE_S: Final = 1.0
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
TABLES_LOCK: Final = 0x6472696C
"""Names the advisory lock under which tables are made: Postgres lets two processes race on CREATE TABLE IF NOT EXISTS."""


def sqlite_engine(path: Path, *, pool: int = 20) -> sa.Engine:
    """An engine on one SQLite file: write-ahead log, every commit on disk, writers queue for 30 s.

    The durable engine asks for `unixepoch('subsec')`, which SQLite before 3.42 answers with NULL; a function of the same name fills in.
    Raises: JournalBroken: the folder of the file cannot be made (J022), or the file was emptied (J004).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_emptied(path)
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


def _refuse_emptied(path: Path) -> None:
    """SQLite would take a file of no bytes for a new database; any other that was cut off it notices by itself.

    One that is being made is that short for an instant only. Its size is asked for, never read by opening it: closing a file that SQLite
    has open in this process would drop SQLite's locks.
    """
    until_s = time.monotonic() + _BEING_MADE_S
    while path.exists() and path.stat().st_size == 0:
        if time.monotonic() > until_s:
            raise JournalBroken(
                f"the journal {path} is empty.", code="J004", fix="Restore it from a copy; when there never was a drill, delete it."
            )
        time.sleep(_BEING_MADE_S / 20)


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


def read_only_engine(url: str) -> sa.Engine | None:
    """As `database_engine`, but nothing can be written through it, and the folder of a SQLite file need not be writable.

    Nothing when the file does not exist. Raises: as `database_engine`.
    """
    if not url.startswith("sqlite:///"):
        return database_engine(url).execution_options(postgresql_readonly=True)
    path = Path(url.removeprefix("sqlite:///"))
    if not _exists(path):
        return None
    _refuse_emptied(path)
    address = f"file:{quote(str(path))}?mode=ro" + ("" if _opens(path) else "&immutable=1")

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        return connection

    return sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.QueuePool)


def _exists(path: Path) -> bool:
    try:
        return path.stat().st_size >= 0
    except FileNotFoundError:
        return False
    except OSError as error:
        raise JournalBroken(
            f"the journal {path} cannot be used: {error.strerror}.", code="J022", fix="Point DRILL_HOME at a directory that you can read."
        ) from error


def _opens(path: Path) -> bool:
    """Whether SQLite can read the file beside its log; without a log to read, a folder where none can be made is no reason not to."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return True
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return False
    except sqlite3.DatabaseError:
        return True  # damaged: whoever reads it says so
    return True


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
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(TABLES_LOCK)))
        elif not metadata.tables.keys() <= set(sa.inspect(connection).get_table_names()):
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # its driver begins no transaction for a CREATE: two would both find it missing
        metadata.create_all(connection)


def seconds_now(engine: sa.Engine) -> sa.ColumnElement[float]:
    """The database's own clock as seconds since 1970: the only one that several machines share."""
    if engine.dialect.name == "postgresql":
        return sa.literal_column("extract(epoch from clock_timestamp())::float8", sa.Float)
    return sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Float)
