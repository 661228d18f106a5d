"""How many texts each number was sent, in the database: survives restarts, and is shared by every engine of it. Holds no number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from drill.adapters.database import create_tables
from drill.adapters.database_errors import riding_out
from drill.model.ports_people import Limit

_PATIENCE_S: Final = 60.0
_KEPT_S: Final = 2 * 86_400.0
"""Longer than any carrier counts back."""
_metadata = sa.MetaData()
_counts = sa.Table(
    "text_count",
    _metadata,
    sa.Column("who", sa.Text, primary_key=True),
    sa.Column("message", sa.Text, primary_key=True),
    sa.Column("at_s", sa.Float, nullable=False),
)
_blocks = sa.Table("text_block", _metadata, sa.Column("who", sa.Text, primary_key=True), sa.Column("until_s", sa.Float, nullable=False))


class SqlLedger:
    """The tables `text_count` and `text_block` (port Ledger). A database that is away is waited for, a minute at most."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        create_tables(engine, _metadata)

    def reserve(self, message: str, who: Sequence[tuple[str, Limit]], *, at_s: float) -> float:
        if not who:
            return 0.0

        def work() -> float:
            with self._engine.connect() as connection:
                self._lock(connection)
                wait_s = max(self._wait_s(connection, message, mark, limit, at_s) for mark, limit in who)
                if wait_s <= 0:
                    self._count(connection, message, {mark for mark, _ in who}, at_s)
                connection.commit()
                return max(0.0, wait_s)

        return riding_out(work, patience_s=_PATIENCE_S)

    def _lock(self, connection: sa.Connection) -> None:
        """One at a time: two engines that look at once would both find room for the last text."""
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("text_count"))))

    @staticmethod
    def _wait_s(connection: sa.Connection, message: str, mark: str, limit: Limit, at_s: float) -> float:
        blocked = connection.execute(sa.select(_blocks.c.until_s).where(_blocks.c.who == mark)).scalar()
        recent = (_counts.c.who == mark) & (_counts.c.message != message) & (_counts.c.at_s > at_s - limit.window_s)
        query = sa.select(_counts.c.at_s).where(recent).order_by(_counts.c.at_s.desc()).limit(1).offset(limit.count - 1)
        oldest = connection.execute(query).scalar()
        return max(float(blocked) - at_s if blocked else 0.0, oldest + limit.window_s - at_s if oldest is not None else 0.0)

    @staticmethod
    def _count(connection: sa.Connection, message: str, marks: set[str], at_s: float) -> None:
        known = set(connection.execute(sa.select(_counts.c.who).where(_counts.c.message == message)).scalars())
        rows = [{"who": mark, "message": message, "at_s": at_s} for mark in sorted(marks - known)]
        if rows:
            connection.execute(_counts.insert(), rows)
        connection.execute(_counts.delete().where(_counts.c.at_s < at_s - _KEPT_S))

    def release(self, message: str) -> None:
        self._write(_counts.delete().where(_counts.c.message == message))

    def block(self, who: str, *, until_s: float) -> None:
        def work() -> None:
            with self._engine.begin() as connection:
                known = sa.case((_blocks.c.until_s > until_s, _blocks.c.until_s), else_=until_s)
                later = _blocks.update().where(_blocks.c.who == who).values(until_s=known)
                if not connection.execute(later).rowcount:
                    connection.execute(_blocks.insert().values(who=who, until_s=until_s))

        riding_out(work, patience_s=_PATIENCE_S)

    def used(self, who: str, *, since_s: float) -> int:
        query = sa.select(sa.func.count()).select_from(_counts).where(_counts.c.who == who, _counts.c.at_s > since_s)

        def work() -> int:
            with self._engine.connect() as connection:
                return int(connection.execute(query).scalar_one())

        return riding_out(work, patience_s=_PATIENCE_S)

    def _write(self, change: sa.Delete) -> None:
        def work() -> None:
            with self._engine.begin() as connection:
                connection.execute(change)

        riding_out(work, patience_s=_PATIENCE_S)
