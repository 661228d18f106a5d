"""What went wrong with the database, told as one of our errors: each cause with its code, its remedy, and whether waiting may help."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import sqlalchemy as sa

from drill.model.errors import JournalBroken

T = TypeVar("T")
_RETRY_S: Final = 0.5


@dataclass(frozen=True)
class _Cause:
    code: str
    what: str
    fix: str


_DAMAGED = _Cause("J004", "it is damaged, or no database of ours", "Restore it from a copy; nothing was overwritten.")
_FULL = _Cause("J020", "the disk is full", "Free space, then `drill resume`: what was written is safe.")
_READ_ONLY = _Cause("J021", "the database is read-only", "Make it writable for this user, then `drill resume`.")
_CLOSED = _Cause("J022", "the file cannot be opened", "Check that DRILL_HOME exists and is readable and writable by this user.")
_AWAY = _Cause("J023", "the database is away or locked", "Wait until it is back, or end what locks it; then `drill resume`.")
_REFUSED = _Cause("J024", "the database refuses us", "Check DRILL_DATABASE_URL: user, password, database name, and what the user may do.")
_DISK = _Cause("J025", "the disk fails", "See the system's log; move DRILL_HOME to a sound disk, then `drill resume`.")
_ODD = _Cause("J026", "the database does not answer as it should", "Check its release and its log, then `drill resume`.")

_OF_SQLITE: Final = (
    ("SQLITE_FULL", _FULL),
    ("SQLITE_IOERR_SHMSIZE", _FULL),  # the shared index beside the file could not grow
    ("SQLITE_IOERR", _DISK),
    ("SQLITE_READONLY", _READ_ONLY),
    ("SQLITE_CORRUPT", _DAMAGED),
    ("SQLITE_NOTADB", _DAMAGED),
    ("SQLITE_CANTOPEN", _CLOSED),
    ("SQLITE_PERM", _CLOSED),
    ("SQLITE_AUTH", _CLOSED),
    ("SQLITE_BUSY", _AWAY),
    ("SQLITE_LOCKED", _AWAY),
)
"""By the start of SQLite's own name for an error; the first that fits decides."""

_OF_POSTGRES: Final = (
    ("53100", _FULL),
    ("25006", _READ_ONLY),
    ("58030", _DISK),
    ("XX001", _DAMAGED),
    ("XX002", _DAMAGED),
    ("42P01", _DAMAGED),
    ("42703", _DAMAGED),
    ("28", _REFUSED),
    ("3D", _REFUSED),
    ("3F", _REFUSED),
    ("42501", _REFUSED),
    ("08", _AWAY),
    ("57P", _AWAY),
    ("53", _AWAY),
    ("40", _AWAY),
    ("55P03", _AWAY),
    ("57014", _AWAY),
)
"""By the start of the SQLSTATE."""

_BY_WORDS: Final = (
    ("No space left", _FULL),
    ("no such table", _DAMAGED),
    ("no such column", _DAMAGED),
    ("readonly", _READ_ONLY),
    ("read-only", _READ_ONLY),
    ("authentication failed", _REFUSED),
    ("no pg_hba.conf entry", _REFUSED),
    ("no password supplied", _REFUSED),
)
"""What has no code of its own: generic SQL errors of SQLite, and what a server says before a session begins."""
_GONE: Final = ("08", "57P01", "57P02", "57P03", "53300")


def is_gone(error: sa.exc.DBAPIError) -> bool:
    """Whether the server could not be reached or went away: the same again may succeed once it is back. Never on SQLite."""
    orig = error.orig
    if isinstance(orig, sqlite3.Error) or _worded(str(orig)) is _REFUSED:
        return False
    state = getattr(orig, "sqlstate", None)
    return error.connection_invalidated or (isinstance(error, sa.exc.OperationalError) and (state is None or str(state).startswith(_GONE)))


def broken(error: sa.exc.SQLAlchemyError) -> JournalBroken:
    """The error as ours; the vendor's is for its `__cause__`."""
    orig = getattr(error, "orig", None) or error
    text = str(orig).strip().partition("\n")[0]
    cause = _cause(error, text)
    return JournalBroken(f"the journal cannot be used: {cause.what} ({text}).", code=cause.code, fix=cause.fix)


def _cause(error: sa.exc.SQLAlchemyError, text: str) -> _Cause:
    if isinstance(error, sa.exc.TimeoutError):
        return _AWAY
    orig = getattr(error, "orig", None)
    name, state = str(getattr(orig, "sqlite_errorname", "")), str(getattr(orig, "sqlstate", None) or "")
    table, found = (_OF_SQLITE, name) if name else (_OF_POSTGRES, state)
    known = next((cause for start, cause in table if found.startswith(start)), None) or _worded(text)
    if known is None and isinstance(error, sa.exc.DBAPIError) and is_gone(error):
        return _AWAY
    return known or _ODD


def _worded(text: str) -> _Cause | None:
    found = next((cause for sign, cause in _BY_WORDS if sign in text), None)
    if found is None and "FATAL:" in text and "does not exist" in text:
        return _REFUSED
    return found


@contextmanager
def translated() -> Iterator[None]:
    """Let no vendor's error out. Raises: JournalBroken: what `broken` makes of it; J023 may pass by itself, the others do not."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise broken(error) from error


def riding_out(work: Callable[[], T], *, patience_s: float) -> T:
    """Do idempotent work, again while the database is away, for `patience_s` at most.

    Raises: JournalBroken: it is away for longer (J023), or something that no waiting mends.
    """
    until_s = time.monotonic() + patience_s
    while True:
        try:
            with translated():
                return work()
        except JournalBroken as error:
            if not error.transient or time.monotonic() >= until_s:
                raise
        time.sleep(_RETRY_S)
