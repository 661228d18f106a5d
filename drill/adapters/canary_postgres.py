"""The canary: numbered rows whose acknowledgements say what the business was promised, and what a site still holds of them."""

from __future__ import annotations

import time

from drill.adapters.canary_connection import Connection, ConnectionBroken, Race, open_any
from drill.model.errors import Retryable

_AGAIN_S = 0.1  # a refusing or read-only host is asked ten times a second: what a promote costs is known to that precision
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


class PostgresCanary:
    """Writes the rows of one drill into the table `canary`, made when it is missing. One statement at a time; for one thread.

    `conninfo` may name several hosts: they are tried at once, and the first that takes writes is used.
    """

    def __init__(self, conninfo: str, drill: str) -> None:
        self._drill = drill
        self._race = Race(conninfo, session="read-write", again_s=_AGAIN_S, give_up_s=_GIVE_UP_S)
        self._connection: Connection | None = None
        self.last_error = ""
        """Why the last row was not acknowledged; without secrets."""

    def write(self, row: int, *, connect_within_s: float, answer_within_s: float) -> tuple[float, float] | None:
        """Write one row; the monotonic moments of its sending and its acknowledgement, or None when it was not acknowledged.

        A row that was not acknowledged may be there all the same. Never longer than both limits together.
        """
        self._connection = self._connection or self._race.winner(until_s=time.monotonic() + connect_within_s)
        if self._connection is None:
            self.last_error = self._race.why or "no host takes writes"
            return None
        sent_s = time.monotonic()
        try:
            self._connection.query(_INSERT, [self._drill, row], until_s=sent_s + answer_within_s)
        except ConnectionBroken as broken:
            self._connection = None
            self.last_error = str(broken)
            if broken.sqlstate == _NO_TABLE:
                self._create(time.monotonic() + answer_within_s)
            return None
        return sent_s, time.monotonic()

    def close(self) -> None:
        """Drop every connection."""
        self._race.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _create(self, until_s: float) -> None:
        connection = self._race.winner(until_s=until_s)
        if connection is None:
            return
        try:
            connection.query(_CREATE, [], until_s=until_s)
        except ConnectionBroken as broken:
            self.last_error = str(broken)
            return
        self._connection = connection


def found_ranges(conninfo: str, drill: str, up_to: int, *, within_s: float = 5.0, writable: bool = False) -> list[list[int]]:
    """The canary rows of a drill that a site holds, up to the number given, as closed ranges: `[[1, 120], [125, 300]]`.

    `writable`: of several hosts the one that takes writes is asked. Raises: Retryable: the site does not answer (A163).
    """
    until_s = time.monotonic() + within_s
    try:
        connection = _of_those_that_write(conninfo, until_s) if writable else open_any(conninfo, until_s=until_s)
        rows = connection.query(_RANGES, [drill, up_to], until_s=until_s)
        connection.close()
    except ConnectionBroken as broken:
        if broken.sqlstate == _NO_TABLE:
            return []
        raise Retryable(
            f"the canary rows could not be read back: {broken}.", code="A163", fix="Check that the site's database accepts connections."
        ) from broken
    return [[int(first), int(last)] for first, last in rows]


def _of_those_that_write(conninfo: str, until_s: float) -> Connection:
    """Raises: ConnectionBroken: no host takes writes by then."""
    race = Race(conninfo, session="read-write", again_s=_AGAIN_S, give_up_s=_GIVE_UP_S)
    try:
        winner = race.winner(until_s=until_s)
        if winner is None:
            raise ConnectionBroken(race.why or "no host takes writes")
        return winner
    finally:
        race.close()
