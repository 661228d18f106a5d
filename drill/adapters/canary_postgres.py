"""The canary on PostgreSQL: rows whose acknowledgements say what the business was promised, and what a site still holds of them."""

from __future__ import annotations

import time

from drill.adapters.canary_connection import Connection, ConnectionBroken, Race, open_any
from drill.adapters.canary_rows import AGAIN_S, RowWriter, first_that_writes, read_back

_GIVE_UP_S = 3.0  # each dropped attempt stays in the queue of a frozen server, so this is not hasty
_NO_TABLE = "42P01"
_CREATE = """
create table if not exists canary (drill text, "row" bigint, at timestamptz not null default clock_timestamp(), primary key (drill, "row"))
"""
_INSERT = 'insert into canary (drill, "row", at) values ($1, $2::bigint, clock_timestamp()) on conflict do nothing'
_RANGES = """
select min("row"), max("row") from (
  select "row", "row" - row_number() over (order by "row") as island from canary where drill = $1 and "row" <= $2::bigint
) as rows group by island order by 1
"""


class PostgresCanary(RowWriter[Connection]):
    """Writes the rows of one drill. `conninfo` may name several hosts: they are tried at once, and the first that takes writes is used."""

    def __init__(self, conninfo: str, drill: str) -> None:
        super().__init__(_race(conninfo), _lacks_table)
        self._drill = drill

    def _insert(self, connection: Connection, row: int, *, until_s: float) -> None:
        connection.query(_INSERT, [self._drill, row], until_s=until_s)

    def _make_table(self, connection: Connection, *, until_s: float) -> None:
        connection.query(_CREATE, [], until_s=until_s)


def found_ranges(conninfo: str, drill: str, up_to: int, *, within_s: float = 5.0, writable: bool = False) -> list[list[int]]:
    """The canary rows of a drill that a site holds, up to the number given, as closed ranges: `[[1, 120], [125, 300]]`.

    `writable`: of several hosts the one that takes writes is asked. Raises: Retryable: the site does not answer (A163).
    """
    until_s = time.monotonic() + within_s

    def ask() -> list[list[str]]:
        connection = first_that_writes(_race(conninfo), until_s=until_s) if writable else open_any(conninfo, until_s=until_s)
        rows = connection.query(_RANGES, [drill, up_to], until_s=until_s)
        connection.close()
        return rows

    return read_back(ask, _lacks_table)


def _race(conninfo: str) -> Race:
    return Race(conninfo, session="read-write", again_s=AGAIN_S, give_up_s=_GIVE_UP_S)


def _lacks_table(broken: ConnectionBroken) -> bool:
    return broken.sqlstate == _NO_TABLE
