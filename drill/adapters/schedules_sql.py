"""Up to when each schedule is settled, in the database that all servers share."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from drill.adapters.database import create_tables
from drill.adapters.database_errors import translated

_metadata = sa.MetaData()
_marks = sa.Table(
    "schedule_mark", _metadata, sa.Column("schedule", sa.Text, primary_key=True), sa.Column("settled", sa.Float, nullable=False)
)


class SqlMarks:
    """The table `schedule_mark` (port Marks). A mark only moves forward.

    Every call raises JournalBroken when the database cannot be used; J023 may pass by itself.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        create_tables(engine, _metadata)

    def settled_until(self, schedule: str, *, first: datetime) -> datetime:
        query = sa.select(_marks.c.settled).where(_marks.c.schedule == schedule)
        with translated(), self._engine.connect() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            return first if self._begin(schedule, first) else self.settled_until(schedule, first=first)
        return datetime.fromtimestamp(float(found), UTC)

    def _begin(self, schedule: str, first: datetime) -> bool:
        """Set the first mark; whether no other server did."""
        with translated():
            try:
                with self._engine.begin() as connection:
                    connection.execute(_marks.insert().values(schedule=schedule, settled=first.timestamp()))
            except sa.exc.IntegrityError:
                return False
        return True

    def settle(self, schedule: str, until: datetime) -> None:
        mine = (_marks.c.schedule == schedule) & (_marks.c.settled < until.timestamp())
        with translated(), self._engine.begin() as connection:
            connection.execute(_marks.update().where(mine).values(settled=until.timestamp()))
