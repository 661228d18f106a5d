"""One session with a site's database, whatever its engine: where it is, whether it takes writes, and how it refuses one."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Sequence
from typing import Final, Literal, Protocol

from drill.adapters.canary_connection import Connection, ConnectionBroken, open_any
from drill.adapters.mysql_address import of_site
from drill.adapters.mysql_connection import MysqlBroken, MysqlConnection
from drill.model.ports import DatabaseAccess, Ground

Refusal = Literal["refused", "silent", "unproved"]
"""What a write that did not go through says: it takes none, nothing at all, or something that has nothing to do with writing."""
_RIVAL_S: Final = 3.0
_SILENT: Final = "no answer in time"
_READ_ONLY: Final = "25006"
_ENDED: Final = ("57P01", "57P02")
_PROVES: Final = re.compile(
    r"connection refused|connection reset|broken pipe|server closed the connection|terminating connection|shutting down"
    r"|read-only transaction|during recovery|on socket .* no such file",
    re.IGNORECASE,
)
"""How PostgreSQL, or the place where it was, says that it takes no write. Whatever else is said (by a proxy, by TLS, about who is let in)
says nothing about the next caller's."""
_NO_WRITES: Final = frozenset({1290, 1792, 1836, 3100})
"""Errors of MySQL for servers that are read-only."""
_GONE: Final = frozenset({1053, 1927, 2006, 2013})
"""Errors of MySQL for connections that its end, or a kill, has ended."""


class Session(Protocol):
    """One open session; each answer may take as long as was given at its opening."""

    def position(self) -> str:
        """Its newest position (LSN, GTID); empty when it takes no writes. Raises: ConnectionBroken: no answer."""

    def takes_writes(self) -> bool:
        """Whether it is a primary. Raises: ConnectionBroken: no answer."""

    def write(self) -> None:
        """Write something that leaves nothing behind. Raises: ConnectionBroken: it did not go through, see `refusal`."""

    def close(self) -> None:
        """Drop it."""


def open_session(access: DatabaseAccess, *, within_s: float) -> Session:
    """A session that is open within that time; a server that refuses is not asked again.

    Raises: ConnectionBroken: none is. Fatal: the password file cannot be used (A297), or the driver is missing (A298).
    """
    until_s = time.monotonic() + within_s
    if access.engine == "mysql":
        return MysqlSession(MysqlConnection(of_site(access), until_s=until_s))
    return PostgresSession(open_any(access.conninfo(), until_s=until_s, insist=False), within_s)


def refusal(broken: ConnectionBroken) -> Refusal:
    """What it says about writes. Only an error that shows that the server takes none, or is not there, counts as refused."""
    if isinstance(broken, MysqlBroken):
        gone = broken.errno in {errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE} or broken.number in _GONE
        return "silent" if broken.silent else "refused" if gone or broken.number in _NO_WRITES else "unproved"
    if str(broken) == _SILENT:
        return "silent"
    proved = broken.sqlstate in {_READ_ONLY, *_ENDED} or _PROVES.search(str(broken))
    return "refused" if proved else "unproved"


def writable_rival(ground: Ground, rivals: Sequence[str], site: str) -> str | None:
    """The first other site whose database takes writes. One that does not answer may take them: it counts as writable."""
    return next((rival for rival in rivals if rival != site and _takes_writes(ground.database(rival))), None)


def _takes_writes(access: DatabaseAccess) -> bool:
    try:
        session = open_session(access, within_s=_RIVAL_S)
        try:
            return session.takes_writes()
        finally:
            session.close()
    except ConnectionBroken:
        return True


class PostgresSession:
    """With PostgreSQL."""

    def __init__(self, connection: Connection, patience_s: float) -> None:
        self._connection = connection
        self._patience_s = patience_s

    def position(self) -> str:
        return self._ask("select case when pg_is_in_recovery() then '' else pg_current_wal_lsn()::text end")

    def takes_writes(self) -> bool:
        return self._ask("select pg_is_in_recovery()") != "t"

    def write(self) -> None:
        self._ask("select pg_logical_emit_message(true, 'drill', 'fence')")

    def close(self) -> None:
        self._connection.close()

    def _ask(self, sql: str) -> str:
        return self._connection.query(sql, [], until_s=time.monotonic() + self._patience_s)[0][0]


class MysqlSession:
    """With MySQL or MariaDB."""

    def __init__(self, connection: MysqlConnection) -> None:
        self._connection = connection

    def position(self) -> str:
        state = self._connection.state(replication=False)
        return "" if state.read_only else "".join(state.position.split())

    def takes_writes(self) -> bool:
        return not self._connection.state(replication=False).read_only

    def write(self) -> None:
        """A commit that leaves nothing but its place in the log; a read-only server refuses it whatever the user's rights are."""
        self._connection.rows("drop table if exists mysql.drill_writable")

    def close(self) -> None:
        self._connection.close()
