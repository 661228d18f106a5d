"""Who drills on which site: one row per site, with a fencing token, a heartbeat by the database's clock, and the holder's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from drill.adapters.database import create_tables, seconds_now
from drill.adapters.database_errors import translated

_metadata = sa.MetaData()
_leases = sa.Table(
    "site_lease",
    _metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("drill", sa.Text, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("token", sa.Integer, nullable=False),
    sa.Column("beat", sa.Float, nullable=False),
)


@dataclass(frozen=True)
class Lease:
    """One site's row as it is now. `age_s` counts since the last beat; an empty `drill` means that nobody has the site."""

    site: str
    drill: str
    holder: str
    token: int
    age_s: float


class SqlLeases:
    """The table `site_lease`. Tokens only grow, also over releases, so that an old holder's never fits again.

    Every call raises JournalBroken when the database cannot be used; J023 may pass by itself.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        create_tables(engine, _metadata)

    def look(self, sites: Sequence[str]) -> list[Lease]:
        """The rows of these sites that somebody holds."""
        with translated(), self._engine.connect() as connection:
            return self._rows(connection, _leases.c.site.in_(sites))

    def of(self, drill: str) -> list[Lease]:
        """The rows that a drill holds, whichever sites they are of."""
        with translated(), self._engine.connect() as connection:
            return self._rows(connection, _leases.c.drill == drill)

    def take(self, sites: Sequence[str], *, drill: str, holder: str, over: Sequence[Lease] = ()) -> int | list[Lease]:
        """Take every site or none: the token, or who is in the way.

        A site is free when nobody has it, the same drill has it, or it still is as in `over`: the rows whose holder was judged dead.
        """
        judged = {(row.site, row.token) for row in over}
        with translated(), self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("site_lease"))))
            present = self._rows(connection, _leases.c.site.in_(sites))
            blocking = [row for row in present if row.drill != drill and (row.site, row.token) not in judged]
            if blocking:
                connection.rollback()
                return blocking
            highest = connection.execute(sa.select(sa.func.max(_leases.c.token))).scalar() or 0
            connection.execute(_leases.delete().where(_leases.c.site.in_(sites)))
            for site in sites:
                row = {"site": site, "drill": drill, "holder": holder, "token": highest + 1}
                connection.execute(_leases.insert().values(**row, beat=seconds_now(self._engine)))
            connection.commit()
            return int(highest) + 1

    def beat(self, drill: str, token: int) -> bool:
        """Renew; whether every site of the token is still the drill's."""
        with translated(), self._engine.begin() as connection:
            mine = (_leases.c.drill == drill) & (_leases.c.token == token)
            return connection.execute(_leases.update().where(mine).values(beat=seconds_now(self._engine))).rowcount > 0

    def holds(self, drill: str, token: int) -> bool:
        """Whether the drill still has what it took under the token."""
        with translated(), self._engine.connect() as connection:
            query = sa.select(sa.func.count()).where((_leases.c.drill == drill) & (_leases.c.token == token))
            return bool(connection.execute(query).scalar())

    def pulse(self, drill: str) -> float:
        """The time of the newest beat for the drill, whoever gave it; 0 when there is none."""
        with translated(), self._engine.connect() as connection:
            return float(connection.execute(sa.select(sa.func.max(_leases.c.beat)).where(_leases.c.drill == drill)).scalar() or 0.0)

    def release(self, drill: str, token: int | None = None) -> None:
        """Give up what the drill holds, under this token only when one is named; the row stays as the memory of its token."""
        mine = _leases.c.drill == drill
        if token is not None:
            mine &= _leases.c.token == token
        with translated(), self._engine.begin() as connection:
            connection.execute(_leases.update().where(mine).values(drill="", holder=""))

    def clear(self, ending: str) -> None:
        """Give up every site whose name ends so, whoever holds it: its ground is gone."""
        with translated(), self._engine.begin() as connection:
            connection.execute(_leases.update().where(_leases.c.site.endswith(ending, autoescape=True)).values(drill="", holder=""))

    def _rows(self, connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> list[Lease]:
        age = (seconds_now(self._engine) - _leases.c.beat).label("age_s")
        columns = (_leases.c.site, _leases.c.drill, _leases.c.holder, _leases.c.token, age)
        query = sa.select(*columns).where(wanted, _leases.c.drill != "").order_by(_leases.c.site)
        return [Lease(row.site, row.drill, row.holder, row.token, float(row.age_s)) for row in connection.execute(query)]
