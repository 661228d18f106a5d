"""Asks PostgreSQL one read-only question at a time: the server itself refuses to write, and so do we."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal, Retryable, StepError
from drill.model.ports import Counted, DatabaseAccess, StandbyState

if TYPE_CHECKING:
    import psycopg

_MOST_ROWS: Final = 1000
_FUNCTIONS: Final = re.compile(
    r"\b(pg_promote|pg_terminate_backend|pg_cancel_backend|pg_reload_conf|pg_rotate_logfile|pg_switch_wal|pg_wal_replay_\w+"
    r"|pg_create_\w+|pg_drop_\w+|pg_replication_\w*advance\w*|lo_\w+|dblink\w*|set_config)\s*\(",
    re.IGNORECASE,
)
"""Functions that act although the transaction is read-only: the server would run them."""
_AWAY: Final = ("08", "57P", "53", "57014", "55P03", "40")
"""Starts of SQLSTATEs that may pass by themselves: gone, starting, full, cancelled in time, conflicting with replay."""


_SUM: Final = "coalesce(sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint), 0)::text"
"""A sum does not depend on the order of rows, and needs no memory."""
_PRIMARY: Final = "select pg_current_wal_lsn()::text"
_STANDBY: Final = """
select pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn()::text, ''),
  exists(select from pg_stat_wal_receiver),
  case when pg_last_wal_receive_lsn() is not distinct from pg_last_wal_replay_lsn() then 0
       else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end::float8
"""


class PostgresQuestions:
    """Questions to PostgreSQL (port Databases)."""

    def __init__(self, values: SecretValues) -> None:
        self._values = values

    def ask(self, access: DatabaseAccess | str, sql: str, *, timeout_s: float) -> Sequence[Sequence[Any]]:
        acts = _FUNCTIONS.search(sql)
        if acts:
            raise Fatal(
                f"a check may not call {acts[1]}(): it acts.", code="A287", fix="Only look; what acts belongs in a step of its own."
            )
        import psycopg

        conninfo = self._values.filled(access) if isinstance(access, str) else access.conninfo()
        try:
            return _asked(conninfo, sql, timeout_s)
        except psycopg.Error as error:
            raise self._translated(error) from error

    def count(self, access: DatabaseAccess | str, table: str, *, where: str, timeout_s: float) -> Counted:
        place = ".".join(f'"{part}"' for part in table.split("."))
        sql = f"select count(*), {_SUM} from {place} as t" + (f" where {where}" if where else "")  # noqa: S608 - names are checked
        rows, total = self.ask(access, sql, timeout_s=timeout_s)[0]
        return Counted(int(rows), str(total), "postgresql")

    def standby(self, access: DatabaseAccess, *, primary: DatabaseAccess | None, timeout_s: float) -> StandbyState:
        """The primary is asked first: what it had written by then must have been replayed a moment later."""
        head = self.ask(primary, _PRIMARY, timeout_s=timeout_s)[0][0] if primary is not None else ""
        recovers, replayed, streams, behind_s = self.ask(access, _STANDBY, timeout_s=timeout_s)[0]
        lag_bytes = max(0, _position(str(head)) - _position(replayed)) if head and replayed else None
        return StandbyState(recovers, streams, None if behind_s is None else max(0.0, float(behind_s)), lag_bytes)

    def _translated(self, error: psycopg.Error) -> StepError:
        import psycopg

        said = error.diag.message_primary or str(error).strip().partition("\n")[0]
        words, state = self._values.hidden(said), error.sqlstate or ""
        if state == "25006":
            return Fatal(f"a check may not write: {words}.", code="A287", fix="Only look; what writes belongs in a step of its own.")
        if state.startswith(_AWAY) or (not state and isinstance(error, psycopg.OperationalError)):
            return Retryable(f"the database gives no answer: {words}.", code="A181", fix="See that it is up and can be reached from here.")
        return Fatal(f"the database refuses the question: {words}.", code="A287", fix="Correct the question, or what the user may do.")


def _asked(conninfo: str, sql: str, timeout_s: float) -> list[tuple[Any, ...]]:
    """The first rows. One statement only: the extended protocol takes no second one that could end the read-only transaction."""
    import psycopg

    limit_ms = max(1, round(timeout_s * 1000))
    options = f"-c default_transaction_read_only=on -c statement_timeout={limit_ms} -c TimeZone=UTC"
    connect_s = max(2, round(timeout_s))  # libpq counts whole seconds, from two on
    with psycopg.connect(_that_lets_us_read(conninfo), options=options, connect_timeout=connect_s, autocommit=False) as connection:
        connection.read_only = True
        rows = connection.execute(sql.encode(), prepare=True).fetchmany(_MOST_ROWS)
        connection.rollback()
        return rows


def _that_lets_us_read(conninfo: str) -> str:
    """A connection string of several hosts may ask for the one that takes writes; our session is read-only and would never be that."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    if conninfo_to_dict(conninfo).get("target_session_attrs") != "read-write":
        return conninfo
    return make_conninfo(conninfo, target_session_attrs="primary")


def _position(lsn: str) -> int:
    """Bytes since the beginning, of a position such as 16/B374D848."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)
