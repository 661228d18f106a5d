"""The inbox in a SQL database: its own file beside a SQLite journal, or a table of the Postgres that machines share."""

from __future__ import annotations

import math
import os
import threading
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from drill.adapters.database import create_tables, seconds_now, sqlite_engine
from drill.adapters.database_errors import translated
from drill.adapters.inbox_seal import Seal
from drill.model.events import stamp
from drill.model.ports import InboundMessage, Kept

UNCLAIMED_S: Final = 600.0
"""How long what nobody wanted is kept: longer than a carrier waits before it repeats itself."""
FORGOTTEN_S: Final = 86_400.0
"""After a day without a sign of life a drill's place in the inbox is given up: without it nothing would ever be removed."""
_CHUNK: Final = 400
_ONE_AT_A_TIME: Final = 0x696E626F
"""Names the advisory lock under which Postgres stores: places must become visible in their order, or a reader would pass one unseen."""

_metadata = sa.MetaData()
_rows = sa.Table(
    "inbox",
    _metadata,
    sa.Column("place", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("world", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("alias", sa.Text, nullable=True, unique=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("stored_s", sa.Float, nullable=False),
    sa.Column("drill", sa.Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,  # a place is never used twice, also after everything was removed
)
_readers = sa.Table(
    "inbox_reader",
    _metadata,
    sa.Column("drill", sa.Text, primary_key=True),
    sa.Column("world", sa.Text, nullable=False),
    sa.Column("place", sa.BigInteger, nullable=False),
    sa.Column("beat_s", sa.Float, nullable=False),
)


def inbox_file(path: Path) -> sa.Engine:
    """A SQLite file that only its owner can read, and in which removed rows are overwritten. Raises: JournalBroken: it cannot be made."""
    engine = sqlite_engine(path)
    with translated():
        try:
            if not path.exists():  # closing one that is in use would drop SQLite's locks on it
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise sa.exc.OperationalError("open", {}, error) from error

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA secure_delete=ON")

    return engine


class SqlInbox:
    """Port Inbox for one world. Its tables are no part of the journal: they hold what people wrote, sealed, and are emptied."""

    def __init__(self, engine: sa.Engine, seal: Seal, *, world: str) -> None:
        self._engine = engine
        self._seal = seal
        self._world = world
        self._stored = threading.Event()
        create_tables(engine, _metadata)

    def store(self, messages: Sequence[InboundMessage]) -> int:
        return self.store_rows([self.row(message) for message in messages])

    def row(self, message: InboundMessage) -> dict[str, Any]:
        """A message as it is stored; costs a tenth of a millisecond, so it is done before the transaction."""
        name, alias = self._names(message)
        return {"world": self._world, "name": name, "alias": alias, "sealed": self._seal.close(message)}

    def store_rows(self, rows: Sequence[dict[str, Any]]) -> int:
        """Store what `row` has made, of any world of this database, in one transaction."""
        with translated(), self._writing() as connection:
            known = self._known(connection, [row[key] for row in rows for key in ("name", "alias") if row[key]])
            fresh = []
            for row in rows:
                own = {row["name"], row["alias"]} - {None}
                if not own & known:
                    fresh.append(row)
                    known |= own
            if fresh:
                connection.execute(_rows.insert().values(stored_s=seconds_now(self._engine)), fresh)
        if fresh:
            self._stored.set()
        return len(fresh)

    def _names(self, message: InboundMessage) -> tuple[str, str | None]:
        """What the message is called whichever way it comes: by what it says and when, and by the carrier's number of it."""
        if message.receipt:
            return self._seal.name(self._world, "receipt", message.receipt.message, message.receipt.state), None
        said = (self._world, "reply", message.address, message.text)
        alias = self._seal.name(*said, "number", number) if (number := _as_double(message.sequence)) else None
        if message.sent_at:
            return self._seal.name(*said, "at", stamp(message.sent_at)), alias
        return alias or self._seal.name(*said, "as", message.id or uuid.uuid4().hex), None

    def _known(self, connection: sa.Connection, names: Sequence[str]) -> set[str]:
        known: set[str] = set()
        left = iter(names)
        while chunk := list(islice(left, _CHUNK)):
            query = sa.select(_rows.c.name, _rows.c.alias).where(_rows.c.name.in_(chunk) | _rows.c.alias.in_(chunk))
            known |= {name for row in connection.execute(query) for name in row if name}
        return known

    def enter(self, drill: str) -> None:
        with translated(), self._writing() as connection:
            if connection.execute(sa.select(_readers.c.place).where(_readers.c.drill == drill)).one_or_none() is None:
                end = connection.execute(sa.select(sa.func.max(_rows.c.place))).scalar() or 0
                row = {"drill": drill, "world": self._world, "place": end}
                connection.execute(_readers.insert().values(**row, beat_s=seconds_now(self._engine)))

    def read(self, drill: str, limit: int) -> list[Kept]:
        with translated(), self._engine.connect() as connection:
            passed = sa.select(_readers.c.place).where(_readers.c.drill == drill).scalar_subquery()
            query = sa.select(_rows).where(_rows.c.world == self._world, _rows.c.place > passed)
            found = connection.execute(query.order_by(_rows.c.place).limit(limit)).all()
        return [Kept(row.place, _with_time(self._seal.open(row.name, row.place, row.sealed), row.stored_s)) for row in found]

    def advance(self, drill: str, place: int, mine: Collection[int]) -> None:
        with translated(), self._writing() as connection:
            here = (_readers.c.drill == drill) & (_readers.c.place < place)
            connection.execute(_readers.update().where(here).values(place=place, beat_s=seconds_now(self._engine)))
            if mine:
                connection.execute(_rows.update().where(_rows.c.place.in_(list(mine))).values(drill=drill))

    def leave(self, drill: str) -> None:
        with translated(), self._writing() as connection:
            connection.execute(_rows.delete().where(_rows.c.drill == drill))
            connection.execute(_readers.delete().where(_readers.c.drill == drill))
            alone = connection.execute(sa.select(sa.func.count()).where(_readers.c.world == self._world)).scalar() == 0
            if alone:  # nobody is left whom the rest could concern
                connection.execute(_rows.delete().where(_rows.c.world == self._world))

    def readers(self) -> list[str]:
        with translated(), self._engine.connect() as connection:
            return list(connection.execute(sa.select(_readers.c.drill).where(_readers.c.world == self._world)).scalars())

    def sweep(self) -> int:
        with translated(), self._writing() as connection:
            now = seconds_now(self._engine)
            connection.execute(_readers.delete().where(_readers.c.beat_s < now - FORGOTTEN_S))
            passed = sa.select(sa.func.min(_readers.c.place)).where(_readers.c.world == _rows.c.world).correlate(_rows).scalar_subquery()
            unwanted = (_rows.c.drill == "") & (_rows.c.stored_s < now - UNCLAIMED_S)
            orphaned = (_rows.c.drill != "") & _rows.c.drill.not_in(sa.select(_readers.c.drill))
            gone = _rows.delete().where((unwanted & (_rows.c.place <= sa.func.coalesce(passed, _rows.c.place))) | orphaned)
            return connection.execute(gone).rowcount

    def count(self) -> int:
        """How many messages the database keeps, of every world."""
        with translated(), self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(_rows)).scalar() or 0)

    def wait(self, timeout_s: float) -> bool:
        came = self._stored.wait(timeout_s)
        self._stored.clear()
        return came

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
            yield connection
            connection.commit()


def _with_time(message: InboundMessage | None, stored_s: float) -> InboundMessage | None:
    return replace(message, received_at=datetime.fromtimestamp(stored_s, UTC)) if message else None


def _as_double(sequence: str) -> str:
    """A carrier's number as the queue rounds it: over one transport it is text, over the other a double."""
    try:
        number = float(sequence)
    except ValueError:
        return sequence
    return repr(number) if math.isfinite(number) else ""
