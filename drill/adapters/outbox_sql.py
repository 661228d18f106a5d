"""Letters that wait to be sent, in the database: they outlive the engine, and senders on other hosts can take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import sqlalchemy as sa

from drill.adapters.database import create_tables, seconds_now
from drill.adapters.database_errors import riding_out
from drill.model.letters import Fate, Letter

T = TypeVar("T")
_PATIENCE_S: Final = 60.0
SENDER: Final = "sender/"
"""How the names of owners begin whose letters another sender may take when they are silent."""
_metadata = sa.MetaData()
_letters = sa.Table(
    "outbox_letter",
    _metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("drill", sa.Text, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("fate", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("beat", sa.Float, nullable=False),
    sa.Column("put_at", sa.Float, nullable=False),
)
_begun = sa.Table(
    "outbox_begun",
    _metadata,
    sa.Column("message", sa.Text, primary_key=True),
    sa.Column("drill", sa.Text, nullable=False, index=True),
)


class SqlLetters:
    """The tables `outbox_letter` and `outbox_begun` (port Letters). A database that is away is waited for, a minute at most."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        create_tables(engine, _metadata)

    def put(self, letter: Letter, *, owner: str) -> Fate:
        now = seconds_now(self._engine)
        row = {"id": letter.id, "drill": letter.drill, "body": letter.text(), "fate": "queued", "owner": owner}

        def work() -> Fate:
            try:
                with self._engine.begin() as connection:
                    connection.execute(_letters.insert().values(**row, beat=now, put_at=now))
            except sa.exc.IntegrityError:
                return self.fate(letter.id)
            return "queued"

        return riding_out(work, patience_s=_PATIENCE_S)

    def begun(self, message: str) -> bool:
        query = sa.select(_begun.c.message).where(_begun.c.message == message)
        return self._do(lambda connection: connection.execute(query).first() is not None)

    def begin(self, letter: str, message: str) -> bool:
        drill = sa.select(sa.func.coalesce(sa.func.max(_letters.c.drill), "")).where(_letters.c.id == letter).scalar_subquery()

        def work() -> bool:
            try:
                with self._engine.begin() as connection:
                    connection.execute(_begun.insert().values(message=message, drill=drill))
            except sa.exc.IntegrityError:
                return False
            return True

        return riding_out(work, patience_s=_PATIENCE_S)

    def settle(self, letter: str, fate: Fate) -> None:
        self._do(lambda connection: connection.execute(_letters.update().where(_letters.c.id == letter).values(fate=fate)))

    def requeue(self, letter: str, *, owner: str) -> Letter | None:
        change = _letters.update().where(_letters.c.id == letter).values(fate="queued", owner=owner, beat=seconds_now(self._engine))
        body = self._do(lambda connection: connection.execute(change.returning(_letters.c.body)).scalar())
        return Letter.parse(body) if body is not None else None

    def fate(self, letter: str) -> Fate:
        query = sa.select(_letters.c.fate).where(_letters.c.id == letter)
        found: Fate | None = self._do(lambda connection: connection.execute(query).scalar())
        return found or "queued"

    def claim(self, owner: str, *, drill: str = "", limit: int, stale_s: float = 0.0) -> list[Letter]:
        now = seconds_now(self._engine)
        if drill:
            free = (_letters.c.drill == drill) & (_letters.c.owner != owner)
        else:
            free = (_letters.c.owner == "") | (_letters.c.owner.startswith(SENDER, autoescape=True) & (_letters.c.beat < now - stale_s))
        free &= _letters.c.fate == "queued"
        chosen = sa.select(_letters.c.id).where(free).order_by(_letters.c.put_at, _letters.c.id).limit(limit)
        change = _letters.update().where(_letters.c.id.in_(chosen.scalar_subquery()), free).values(owner=owner, beat=now)
        rows = self._do(lambda connection: list(connection.execute(change.returning(_letters.c.put_at, _letters.c.body))))
        return [Letter.parse(row.body) for row in sorted(rows, key=lambda row: float(row.put_at))]

    def beat(self, owner: str) -> None:
        mine = (_letters.c.owner == owner) & (_letters.c.fate == "queued")
        self._do(lambda connection: connection.execute(_letters.update().where(mine).values(beat=seconds_now(self._engine))))

    def holds(self, letter: str, owner: str) -> bool:
        query = sa.select(_letters.c.id).where(_letters.c.id == letter, _letters.c.owner == owner)
        return self._do(lambda connection: connection.execute(query).first() is not None)

    def let_go(self, owner: str, drill: str) -> None:
        """Give the letters of a drill back, for another sender; they wait as long as a dead one's would."""
        mine = (_letters.c.owner == owner) & (_letters.c.drill == drill) & (_letters.c.fate == "queued")
        change = _letters.update().where(mine).values(owner=f"{SENDER}nobody")
        self._do(lambda connection: connection.execute(change))

    def left_to_senders(self) -> list[str]:
        """The drills whose engines leave letters to senders, by name."""
        theirs = (_letters.c.owner == "") | _letters.c.owner.startswith(SENDER, autoescape=True)
        query = sa.select(_letters.c.drill).where(theirs).distinct().order_by(_letters.c.drill)
        return self._do(lambda connection: list(connection.execute(query).scalars()))

    def waiting(self, drill: str) -> int:
        query = sa.select(sa.func.count()).select_from(_letters).where(_letters.c.drill == drill, _letters.c.fate == "queued")
        return self._do(lambda connection: int(connection.execute(query).scalar_one()))

    def forget(self, drill: str) -> None:
        def work(connection: sa.Connection) -> None:
            for table in (_letters, _begun):
                connection.execute(table.delete().where(table.c.drill == drill))

        self._do(work)

    def _do(self, work: Callable[[sa.Connection], T]) -> T:
        def run() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return riding_out(run, patience_s=_PATIENCE_S)
