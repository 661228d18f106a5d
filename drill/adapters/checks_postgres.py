"""Asks PostgreSQL one read-only question at a time: the server itself refuses to write, and so do we."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal, Retryable, StepError
from drill.model.ports import DatabaseAccess

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


class PostgresQuestions:
    """Questions to PostgreSQL (port Databases)."""

    def __init__(self, values: SecretValues) -> None:
        self._values = values

    def ask(self, access: DatabaseAccess | str, sql: str, *, timeout_s: float) -> Sequence[Sequence[Any]] | None:
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
    with psycopg.connect(conninfo, options=options, connect_timeout=connect_s, autocommit=False) as connection:
        connection.read_only = True
        rows = connection.execute(sql.encode(), prepare=True).fetchmany(_MOST_ROWS)
        connection.rollback()
        return rows
