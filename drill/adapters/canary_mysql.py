"""The canary on MySQL and MariaDB: numbered rows, whose acknowledgements say what was promised, and what a site still holds of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

from drill.adapters.canary_connection import ConnectionBroken
from drill.adapters.canary_rows import AGAIN_S, RowWriter, first_that_writes, read_back
from drill.adapters.mysql_address import MysqlAddress, of_site, of_text
from drill.adapters.mysql_connection import MysqlBroken, MysqlConnection
from drill.model.errors import PreflightFailed
from drill.model.ports import DatabaseAccess

_OPEN_S: Final = 1.0
_NO_TABLE: Final = 1146
_CREATE: Final = (
    "create table if not exists canary (drill varchar(190) character set utf8mb4 collate utf8mb4_bin not null, `row` bigint not null,"
    " at datetime(6) not null, primary key (drill, `row`))"
)
_INSERT: Final = "insert into canary (drill, `row`, at) values (%s, %s, now(6)) on duplicate key update drill = canary.drill"
_RANGES: Final = (
    "select min(`row`), max(`row`) from (select `row`, `row` - cast(row_number() over (order by `row`) as signed) as island"
    " from canary where drill = %s and `row` <= %s) as numbered group by island order by 1"
)


class MysqlCanary(RowWriter[MysqlConnection]):
    """Writes the rows of one drill. `text` may name several hosts: they are tried at once, and the first that takes writes is used."""

    def __init__(self, text: str, drill: str) -> None:
        """Raises: PreflightFailed: the connection string is none (F067)."""
        try:
            addresses = of_text(text)
        except ValueError as error:
            raise PreflightFailed(f"the canary's connection string cannot be read: {error}.", code="F067", fix="Correct it.") from None
        super().__init__(_Race(addresses), _lacks_table)
        self._drill = drill

    def _insert(self, connection: MysqlConnection, row: int, *, until_s: float) -> None:
        connection.wait(until_s - time.monotonic())
        connection.rows(_INSERT, [self._drill, row])

    def _make_table(self, connection: MysqlConnection, *, until_s: float) -> None:
        connection.wait(until_s - time.monotonic())
        connection.rows(_CREATE)


class _Race:
    """Opens connections to every host at once, each in a thread: a frozen host never holds up the one that took over."""

    def __init__(self, addresses: Sequence[MysqlAddress]) -> None:
        self._addresses = list(addresses)
        self._pool = ThreadPoolExecutor(2 * len(self._addresses), thread_name_prefix="canary")
        self._running: dict[Future[MysqlConnection], int] = {}
        self._not_before_s = dict.fromkeys(range(len(self._addresses)), 0.0)
        self.why = ""
        """What the last host to refuse said."""

    def winner(self, *, until_s: float) -> MysqlConnection | None:
        """The first connection that takes writes by the monotonic moment; the others are dropped. None yet: call again."""
        while True:
            now = time.monotonic()
            for host in {*self._not_before_s} - {*self._running.values()}:
                if now >= self._not_before_s[host]:
                    self._running[self._pool.submit(_writable, self._addresses[host])] = host
            waiting = [moment for host, moment in self._not_before_s.items() if host not in self._running.values()]
            pause_s = max(0.0, min([until_s, *waiting]) - now)
            if self._running:
                wait(self._running, timeout=pause_s, return_when=FIRST_COMPLETED)
            else:  # for nothing `wait` would not wait
                time.sleep(pause_s)
            connection = self._finished()
            if connection is not None:
                self._forget()
                return connection
            if time.monotonic() >= until_s:
                return None

    def close(self) -> None:
        """Drop what is still opening; no thread is waited for, and each ends in a second."""
        self._forget()
        self._pool.shutdown(wait=False)

    def _finished(self) -> MysqlConnection | None:
        for attempt in [attempt for attempt in self._running if attempt.done()]:
            host = self._running.pop(attempt)
            error = attempt.exception()
            if error is None:
                return attempt.result()
            if not isinstance(error, MysqlBroken):
                raise error
            self.why = str(error)
            self._not_before_s[host] = time.monotonic() + AGAIN_S
        return None

    def _forget(self) -> None:
        for attempt in self._running:
            attempt.add_done_callback(_drop)
        self._running.clear()


def _writable(address: MysqlAddress) -> MysqlConnection:
    """An open connection to a host that takes writes. Raises: MysqlBroken: it does not open, or takes none."""
    connection = MysqlConnection(address, until_s=time.monotonic() + _OPEN_S)
    if connection.state(replication=False).read_only:
        connection.close()
        raise MysqlBroken("it is read-only")
    return connection


def _drop(attempt: Future[MysqlConnection]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


def found_ranges(access: DatabaseAccess, drill: str, up_to: int, *, within_s: float = 5.0) -> list[list[int]]:
    """The canary rows of a drill that a site holds, up to the number given, as closed ranges: `[[1, 120], [125, 300]]`.

    Raises: Retryable: the site does not answer (A163). Fatal: its password file cannot be used (A297).
    """
    return _ranges(lambda: MysqlConnection(of_site(access), until_s=time.monotonic() + within_s), drill, up_to)


def found_where_written(text: str, drill: str, up_to: int, *, within_s: float = 5.0) -> list[list[int]]:
    """The same of the host that takes writes, of those that the canary's connection string names. Raises: as above."""
    return _ranges(lambda: first_that_writes(_Race(of_text(text)), until_s=time.monotonic() + within_s), drill, up_to)


def _ranges(connect: Callable[[], MysqlConnection], drill: str, up_to: int) -> list[list[int]]:
    def ask() -> Sequence[Sequence[int]]:
        connection = connect()
        rows = connection.rows(_RANGES, [drill, up_to])
        connection.close()
        return rows

    return read_back(ask, _lacks_table)


def _lacks_table(broken: ConnectionBroken) -> bool:
    return isinstance(broken, MysqlBroken) and broken.number == _NO_TABLE
