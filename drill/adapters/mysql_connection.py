"""MySQL and MariaDB connections that wait no longer than they are told, also for a frozen server."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from drill.adapters.canary_connection import ConnectionBroken
from drill.adapters.mysql_address import MysqlAddress
from drill.model.errors import Fatal
from drill.model.mysql_state import STATE_SQL, ServerState, server_state

if TYPE_CHECKING:
    import pymysql

_LEAST_S: Final = 0.05


class MysqlBroken(ConnectionBroken):
    """The server is gone, refuses, or has not answered in time.

    `number` is its error's, or 0; `errno` the system's where a socket failed; `silent` when it said nothing at all.
    """

    def __init__(self, what: str, number: int = 0, *, silent: bool = False, errno: int = 0) -> None:
        super().__init__(what)
        self.number = number
        self.silent = silent
        self.errno = errno


class MysqlConnection:
    """One open connection, each statement its own transaction."""

    def __init__(self, address: MysqlAddress, *, until_s: float) -> None:
        """Open it. `until_s` is a monotonic moment; each later answer may take as long as was left now.

        Raises: MysqlBroken: it does not open by then. Fatal: the driver is missing (A298).
        """
        within_s = max(_LEAST_S, until_s - time.monotonic())
        self._driver = _opened(address, within_s)

    def rows(self, sql: str, values: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        Raises: MysqlBroken: an error, or no answer in time; the effect is unknown unless `number` says that it was refused.
        """
        return self._run(sql, values)[1]

    def state(self, *, replication: bool = True) -> ServerState:
        """What the server says of itself. Without `replication`, which needs a right of its own, nothing of what it follows is known.

        Raises: MysqlBroken: as `rows`, also when it says something else.
        """
        of_server, of_replica = STATE_SQL
        values = {str(name): str(value) for name, value in self.rows(of_server)}
        names, rows = self._run(of_replica, ()) if replication else ([], [])
        said = [dict(zip(names, ("" if value is None else str(value) for value in row), strict=True)) for row in rows]
        try:
            return server_state(values, next(iter(said), {}))
        except ValueError as error:
            raise MysqlBroken(f"it does not speak as MySQL does: {error}") from error

    def wait(self, within_s: float) -> None:
        """From here on each answer may take that long."""
        self._driver._read_timeout = self._driver._write_timeout = max(_LEAST_S, within_s)  # noqa: SLF001 - no other way once it is open

    def close(self) -> None:
        """Drop the connection at once, answered or not."""
        self._driver._force_close()  # noqa: SLF001 - `close` would first say goodbye to a server that may be frozen

    def _run(self, sql: str, values: Sequence[str | int]) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:
            with self._driver.cursor() as cursor:
                cursor.execute(sql, tuple(values) or None)
                return [str(column[0]) for column in cursor.description or ()], list(cursor.fetchall())
        except Exception as error:
            self.close()
            raise _translated(error) from error


def _opened(address: MysqlAddress, within_s: float) -> pymysql.Connection:
    try:
        import pymysql
    except ImportError as error:
        fix = "Install it: pip install 'dr-drill[mysql]'."
        raise Fatal("there is no driver for MySQL here.", code="A298", fix=fix) from error
    try:
        return pymysql.Connection(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password.encode(),
            database=address.dbname or None,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=within_s,
            read_timeout=within_s,
            write_timeout=within_s,
            program_name="drill",
            **_tls(address),
        )
    except Exception as error:
        raise _translated(error) from error


def _tls(address: MysqlAddress) -> Mapping[str, Any]:
    """How the driver is told the mode; with a context it insists on TLS, without any word it takes what it gets."""
    if address.sslmode == "disable":
        return {"ssl_disabled": True}
    if address.sslmode in {"", "prefer"} and not address.ca:
        return {}
    context = ssl.create_default_context(cafile=address.ca or None)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the certificates that MySQL makes for itself do not pass it
    context.check_hostname = address.sslmode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if address.sslmode.startswith("verify") else ssl.CERT_NONE
    return {"ssl": context}


def _translated(error: Exception) -> MysqlBroken:
    """Whatever the driver raises, also when it is no error of its own: a server that is none makes it stumble."""
    import pymysql

    if not isinstance(error, pymysql.MySQLError):
        return MysqlBroken(f"it does not speak as MySQL does, or this side cannot: {type(error).__name__}: {error}")
    number, words = (*error.args, "", "")[:2] if error.args else (0, "")
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLError):
        return MysqlBroken(f"TLS is refused: {cause}", pymysql.constants.CR.CR_SSL_CONNECTION_ERROR)
    said = str(words or number)
    failed = cause.errno or 0 if isinstance(cause, OSError) else 0
    return MysqlBroken(said, number if isinstance(number, int) else 0, silent="timed out" in said, errno=failed)
