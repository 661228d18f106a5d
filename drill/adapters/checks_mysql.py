"""Asks MySQL or MariaDB one read-only question at a time: the server itself refuses to write, and so do we."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from drill.adapters.mysql_address import MysqlAddress, of_site, of_text
from drill.adapters.mysql_connection import MysqlBroken, MysqlConnection
from drill.adapters.mysql_digest import columns_sql, digest_sql
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal, Retryable, StepError
from drill.model.gtid import lacking
from drill.model.mysql_state import ServerState
from drill.model.ports import Counted, DatabaseAccess, StandbyState

_MOST_ROWS: Final = 1000
_MOST_READ: Final = 5000
"""As many rows as a table may have columns, and more than a question is answered with."""
_LOOKING: Final = frozenset({"select", "with", "show", "table", "values", "explain", "describe", "desc", "checksum"})
"""How a statement begins that only looks. Others act although the transaction is read-only: SET GLOBAL, KILL, STOP REPLICA."""
_GAP: Final = r"(?:\s|/\*.*?\*/|(?:--\s|\#)[^\n]*\n)"
"""What may stand between two words."""
_FIRST: Final = re.compile(rf"(?:{_GAP}|\()*(\w*)", re.DOTALL)
_ACTING: Final = re.compile(
    rf"\b(?P<words>into{_GAP}+(?:outfile|dumpfile)|for{_GAP}+(?:update|share)|lock{_GAP}+in{_GAP}+share)\b"
    r"|\b(?P<function>get_lock|setval|nextval|sys_(?:exec|eval|set)|group_replication_\w+|asynchronous_connection_failover_\w+"
    rf"|version_tokens_\w+|keyring_\w+|audit_log_\w+|\w*firewall_\w+|spider_\w+){_GAP}*\("
    r"|(?P<comment>/\*M?!)",
    re.IGNORECASE | re.DOTALL,
)
"""What acts although the transaction is read-only: the server would do it, and would run such a comment."""
_AWAY: Final = frozenset(
    {0, 1040, 1041, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 1317, 1927, 1969, 2002, 2003, 2006, 2013, 3024}
)
"""Numbers of errors that may pass by themselves: gone, full, shutting down, locked, out of time, killed."""
_READ_ONLY: Final = 1792


class MysqlQuestions:
    """Questions to MySQL and MariaDB (port Databases)."""

    def __init__(self, values: SecretValues) -> None:
        self._values = values

    def ask(self, access: DatabaseAccess | str, sql: str, *, timeout_s: float) -> Sequence[Sequence[Any]]:
        _refuse_acts(sql)
        with self._connection(access, timeout_s) as connection:
            return connection.rows(sql)[:_MOST_ROWS]

    def count(self, access: DatabaseAccess | str, table: str, *, where: str, timeout_s: float) -> Counted:
        with self._connection(access, timeout_s) as connection:
            found, values = columns_sql(table)
            columns = [(str(name), str(kind).lower()) for name, kind in connection.rows(found, values)]
            if not columns:
                what = f"there is no table {table!r}, or the user may not see it."
                raise Fatal(what, code="A287", fix="Correct its name, or give the user the right to read it.")
            sql = digest_sql(table, columns, where)
            _refuse_acts(sql)
            rows, digested, total = connection.rows(sql)[0]
            if rows != digested:
                what = f"{rows - digested} rows of {table} are too long to be digested."
                raise Fatal(what, code="A287", fix="Raise max_allowed_packet on the server, or leave them out by 'where'.")
            return Counted(int(rows), str(int(total)), connection.flavour)

    def standby(self, access: DatabaseAccess, *, primary: DatabaseAccess | None, timeout_s: float) -> StandbyState:
        """The primary is asked first: what it had written by then must have been applied a moment later."""
        head = None
        if primary is not None:
            with self._connection(primary, timeout_s) as connection:
                head = connection.state()
        with self._connection(access, timeout_s) as connection:
            here = connection.state()
        if head is not None and head.flavour != here.flavour:
            what = f"the primary is {head.flavour} and the standby {here.flavour}: their positions cannot be compared."
            raise Fatal(what, code="A290", fix="Correct the sites' databases.")
        lag = _lacking(head, here) if head is not None else None
        behind_s = None if here.behind_s is None else float(here.behind_s)
        streams = here.io == here.sql == "Yes"
        return StandbyState(here.replica and here.read_only, streams, behind_s, lag_transactions=lag, why=here.error)

    @contextmanager
    def _connection(self, access: DatabaseAccess | str, timeout_s: float) -> Iterator[_Looking]:
        connection = None
        try:
            connection = _first(self._addresses(access), timeout_s)
            connection.begin(timeout_s)
            yield connection
        except MysqlBroken as broken:
            raise self._translated(broken) from broken
        finally:
            if connection is not None:
                connection.close()

    def _addresses(self, access: DatabaseAccess | str) -> list[MysqlAddress]:
        if isinstance(access, DatabaseAccess):
            return [of_site(access)]
        try:
            return of_text(self._values.filled(access))
        except ValueError as error:
            raise Fatal(f"the connection string cannot be read: {error}.", code="A287", fix="Correct the secret.") from None

    def _translated(self, broken: MysqlBroken) -> StepError:
        words = self._values.hidden(str(broken))
        if broken.number == _READ_ONLY:
            return Fatal(f"a check may not write: {words}.", code="A287", fix="Only look; what writes belongs in a step of its own.")
        if broken.number in _AWAY:
            return Retryable(f"the database gives no answer: {words}.", code="A181", fix="See that it is up and can be reached from here.")
        return Fatal(f"the database refuses the question: {words}.", code="A287", fix="Correct the question, or what the user may do.")


class _Looking(MysqlConnection):
    """A connection that only looks. `flavour` says which of the two the server is."""

    flavour: str

    def begin(self, timeout_s: float) -> None:
        """From here on the server refuses to write, and answers in time or not at all."""
        self.flavour = "mariadb" if "mariadb" in str(self.rows("select version()")[0][0]).lower() else "mysql"
        limits = {"mariadb": f"max_statement_time = {timeout_s:g}", "mysql": f"max_execution_time = {max(1, round(timeout_s * 1000))}"}
        self.rows(f"set session {limits[self.flavour]}, session time_zone = '+00:00', session sql_select_limit = {_MOST_READ}")
        self.rows("set session transaction read only")
        self.rows("start transaction read only")


def _first(addresses: Sequence[MysqlAddress], timeout_s: float) -> _Looking:
    """A connection to the first host that takes one, in the order they are written. Raises: MysqlBroken: what the last one said."""
    *others, last = addresses
    for address in others:
        try:
            found = _Looking(address, until_s=time.monotonic() + timeout_s / len(addresses))
        except MysqlBroken:
            continue
        found.wait(timeout_s)
        return found
    return _Looking(last, until_s=time.monotonic() + timeout_s)


def _lacking(head: ServerState, here: ServerState) -> int:
    """Transactions. Raises: Fatal: what a server calls its position is none (A287)."""
    try:
        return lacking(head.position, here.applied, here.flavour)
    except ValueError as error:
        raise Fatal(f"what it lacks cannot be counted: {error}.", code="A287", fix="Look at its GTID position.") from error


def _refuse_acts(sql: str) -> None:
    """Raises: Fatal: it is no statement that only looks (A287)."""
    first = _FIRST.match(sql)
    word = first[1].lower() if first else ""
    found = _ACTING.search(sql)
    if word in _LOOKING and found is None:
        return
    named = " ".join(found[0].rstrip("(").split()) if found else word.upper() or "an empty statement"
    raise Fatal(f"a check may not use {named}: it acts.", code="A287", fix="Only look; what acts belongs in a step of its own.")
