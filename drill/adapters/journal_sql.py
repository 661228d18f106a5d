"""The journal in a SQL database: append-only, gapless, chained, each fact once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from drill.adapters.database import create_tables
from drill.adapters.database_errors import riding_out, translated
from drill.adapters.journal_tokens import stale
from drill.model.errors import JournalBroken
from drill.model.events import GENESIS, Draft, Fact, Kind, canonical, fact_from_row, seal, stamp

T = TypeVar("T")
JOURNAL_VERSION = 1
_FOLLOW_POLL_S = 0.03
_metadata = sa.MetaData()
_drills = sa.Table(
    "drill_head",
    _metadata,
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("drill", sa.Text, nullable=False, unique=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("token", sa.Integer, nullable=False),
)
_facts = sa.Table(
    "fact",
    _metadata,
    sa.Column("drill", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("mono_s", sa.Float, nullable=False),
    sa.Column("epoch", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.UniqueConstraint("drill", "key"),
)
_version = sa.Table("journal_version", _metadata, sa.Column("version", sa.Integer, nullable=False))


class SqlJournal:
    """Facts in the tables `drill_head` and `fact`. Safe for many processes and threads.

    A Postgres that goes away is waited for, up to `patience_s`: every call here is safe to repeat.
    """

    def __init__(self, engine: sa.Engine, *, patience_s: float = 60.0) -> None:
        self._engine = engine
        self._patience_s = patience_s
        self._shut = threading.Event()
        with translated():
            self._prepare()

    def _persistently(self, work: Callable[[], T]) -> T:
        return riding_out(work, patience_s=self._patience_s)

    def _prepare(self) -> None:
        create_tables(self._engine, _metadata)
        with self._write() as connection:
            found = connection.execute(sa.select(_version.c.version)).scalar()
            if found is None:
                connection.execute(_version.insert().values(version=JOURNAL_VERSION))
        if found is not None and found > JOURNAL_VERSION:
            raise JournalBroken(
                f"the journal was written by a newer release (format {found}, this one reads {JOURNAL_VERSION}).",
                code="J005",
                fix="Use the newer release; nothing was changed.",
            )

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        return self._persistently(lambda: self._append(drill, drafts, token)) if drafts else []

    def shut(self) -> None:
        """Take no more facts from this process, which is about to end: whoever writes waits for that end.

        What ends its tools must not be written down as their failure, and no engine may record that it gave up.
        """
        self._shut.set()

    def _append(self, drill: str, drafts: Sequence[Draft], token: int | None) -> list[Fact]:
        while self._shut.is_set():
            time.sleep(1.0)
        with self._write() as connection:
            seq, digest = self._head(connection, drill, token)
            stored = self._stored(connection, drill, [draft.key for draft in drafts])
            out, fresh = [], []
            for draft in drafts:
                if draft.key not in stored:
                    fact = seal(drill, seq + 1, draft, digest)
                    seq, digest = fact.seq, fact.digest
                    stored[draft.key] = fact
                    fresh.append({**fact.row(), "data": canonical(fact.data)})
                out.append(stored[draft.key])
            if fresh:
                connection.execute(_facts.insert(), fresh)
                connection.execute(_drills.update().where(_drills.c.drill == drill).values(seq=seq, digest=digest))
            return out

    def _head(self, connection: sa.Connection, drill: str, token: int | None) -> tuple[int, str]:
        query = sa.select(_drills.c.seq, _drills.c.digest, _drills.c.token).where(_drills.c.drill == drill).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            connection.execute(_new_head(connection, drill))
            row = connection.execute(query).one()
        if token is not None and token < row.token:
            raise stale(drill, present=row.token, ours=token)
        return row.seq, row.digest

    @staticmethod
    def _stored(connection: sa.Connection, drill: str, keys: Sequence[str]) -> dict[str, Fact]:
        query = sa.select(_facts).where(_facts.c.drill == drill, _facts.c.key.in_(keys))
        return {row.key: _to_fact(row) for row in connection.execute(query)}

    def read(self, drill: str, *, after: int = 0, kinds: frozenset[Kind] | None = None) -> list[Fact]:
        query = sa.select(_facts).where(_facts.c.drill == drill, _facts.c.seq > after).order_by(_facts.c.seq)
        if kinds is not None:
            query = query.where(_facts.c.kind.in_(sorted(kinds)))

        def look() -> list[Fact]:
            with self._engine.connect() as connection:
                return [_to_fact(row) for row in connection.execute(query)]

        return self._persistently(look)

    def follow(self, drill: str, *, after: int, wait_s: float) -> list[Fact]:
        until = time.monotonic() + wait_s
        while not (found := self.read(drill, after=after)) and time.monotonic() < until:
            time.sleep(_FOLLOW_POLL_S)
        return found

    def find(self, drill: str, key: str) -> Fact | None:
        def look() -> Fact | None:
            with self._engine.connect() as connection:
                return self._stored(connection, drill, [key]).get(key)

        return self._persistently(look)

    def drills(self) -> list[str]:
        def look() -> list[str]:
            with self._engine.connect() as connection:
                return list(connection.execute(sa.select(_drills.c.drill).order_by(_drills.c.ordinal)).scalars())

        return self._persistently(look)

    def head(self, drill: str) -> tuple[int, str]:
        with translated(), self._engine.connect() as connection:
            row = connection.execute(sa.select(_drills.c.seq, _drills.c.digest).where(_drills.c.drill == drill)).one_or_none()
        return (row.seq, row.digest) if row is not None else (0, GENESIS)

    def take_token(self, drill: str) -> int:
        """A fencing token above every earlier one; from now on writes that carry an older token are refused."""

        def take() -> int:
            with self._write() as connection:
                self._head(connection, drill, None)
                connection.execute(_drills.update().where(_drills.c.drill == drill).values(token=_drills.c.token + 1))
                return int(connection.execute(sa.select(_drills.c.token).where(_drills.c.drill == drill)).scalar_one())

        return self._persistently(take)

    def check(self, drill: str, token: int) -> None:
        def look() -> int:
            with self._engine.connect() as connection:
                return int(connection.execute(sa.select(_drills.c.token).where(_drills.c.drill == drill)).scalar() or 0)

        present = self._persistently(look)
        if token < present:
            raise stale(drill, present=present, ours=token)


def _new_head(connection: sa.Connection, drill: str) -> sa.Insert:
    """The first row of a drill; two processes may begin it at once."""
    values = {"drill": drill, "seq": 0, "digest": GENESIS, "token": 0}
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert

        return insert(_drills).values(values).on_conflict_do_nothing()
    return _drills.insert().values(values)


def _to_fact(row: sa.Row[tuple[object, ...]]) -> Fact:
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented accessor
    at = datetime.fromisoformat(fields["at"])
    return fact_from_row({**fields, "at": stamp(at), "data": json.loads(fields["data"])})
