"""The roll of engines that share one database: who lives, by the database's clock, and whose drills nobody works on any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from drill.adapters.database import create_tables, seconds_now
from drill.adapters.database_errors import translated

_metadata = sa.MetaData()
_workers = sa.Table(
    "drill_worker",
    _metadata,
    sa.Column("executor", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("gone", sa.Boolean, nullable=False),
    sa.Column("beat", sa.Float, nullable=False),
)


@dataclass(frozen=True)
class Enrolled:
    """One engine: `executor` is unique per life of a process, `place` is `host:pid`, `age_s` counts since its last beat."""

    executor: str
    role: str
    place: str
    gone: bool
    age_s: float


class SqlRoll:
    """The table `drill_worker` (port Roll). A row that was marked gone never lives again: a new life takes a new name.

    Every call raises JournalBroken when the database cannot be used; J023 may pass by itself.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        create_tables(engine, _metadata)

    def enroll(self, executor: str, *, role: str, place: str) -> None:
        """Come to life under a name that was dead or never used."""
        row = {"executor": executor, "role": role, "place": place, "gone": False}
        with translated(), self._engine.begin() as connection:
            connection.execute(_workers.delete().where(_workers.c.executor == executor))
            connection.execute(_workers.insert().values(**row, beat=seconds_now(self._engine)))

    def beat(self, executor: str) -> bool:
        with translated(), self._engine.begin() as connection:
            alive = (_workers.c.executor == executor) & ~_workers.c.gone
            return connection.execute(_workers.update().where(alive).values(beat=seconds_now(self._engine))).rowcount > 0

    def mark_gone(self, executors: Sequence[str]) -> None:
        with translated(), self._engine.begin() as connection:
            connection.execute(_workers.update().where(_workers.c.executor.in_(executors)).values(gone=True))

    def cut_off(self, executors: Sequence[str]) -> None:
        """End what the dead still hold in the database: a connection cut by the network keeps its locks for hours."""
        if self._engine.dialect.name != "postgresql":
            return
        ending = sa.text("select pg_terminate_backend(pid) from pg_stat_activity where application_name = any(:names)")
        with translated(), self._engine.connect() as connection:
            connection.execute(ending, {"names": list(executors)})

    def dead_among(self, executors: Sequence[str], *, ttl_s: float) -> list[str]:
        """Those of them that are not enrolled, are marked gone, or have not beaten for `ttl_s`."""
        living = {row.executor for row in self.everyone() if not row.gone and row.age_s <= ttl_s}
        return [executor for executor in executors if executor not in living]

    def everyone(self) -> list[Enrolled]:
        """The whole roll, oldest beat first."""
        age = (seconds_now(self._engine) - _workers.c.beat).label("age_s")
        query = sa.select(_workers.c.executor, _workers.c.role, _workers.c.place, _workers.c.gone, age).order_by(_workers.c.beat)
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [Enrolled(row.executor, row.role, row.place, bool(row.gone), float(row.age_s)) for row in rows]
