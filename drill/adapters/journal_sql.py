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

from drill.adapters.database_errors import riding_out, translated
from drill.adapters.journal_schema import drills, facts, prepare
from drill.adapters.journal_tokens import stale
from drill.model.events import GENESIS, Draft, Fact, Kind, canonical, fact_from_row, seal, stamp

T = TypeVar("T")
_FOLLOW_POLL_S = 0.03


class SqlJournal:
    """Facts in the tables `drill_head` and `fact`. Safe for many processes and threads.

    A Postgres that goes away is waited for, up to `patience_s`: every call here is safe to repeat.
    """

    def __init__(self, engine: sa.Engine, *, patience_s: float = 60.0, to_look: bool = False) -> None:
        """`to_look`: the tables are there already, and stay as they are."""
        self._engine = engine
        self._patience_s = patience_s
        self._shut = threading.Event()
        if not to_look:
            with translated():
                prepare(engine)

    def _persistently(self, work: Callable[[], T]) -> T:
        return riding_out(work, patience_s=self._patience_s)

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        stored: list[Fact] | None = self._persistently(lambda: self._append(drill, drafts, token)) if drafts else []
        return stored or []

    def append_unless(self, drill: str, drafts: Sequence[Draft], *, over: frozenset[Kind]) -> list[Fact] | None:
        """As `append`; nothing is stored, and None returned, when the drill holds a fact of these kinds by then."""
        return self._persistently(lambda: self._append(drill, drafts, None, over)) if drafts else []

    def shut(self) -> None:
        """Take no more facts from this process, which is about to end: whoever writes waits for that end.

        What ends its tools must not be written down as their failure, and no engine may record that it gave up.
        """
        self._shut.set()

    def _append(self, drill: str, drafts: Sequence[Draft], token: int | None, over: frozenset[Kind] = frozenset()) -> list[Fact] | None:
        while self._shut.is_set():
            time.sleep(1.0)
        with self._write() as connection:
            seq, digest = self._head(connection, drill, token)
            if over and self._holds(connection, drill, over):
                return None
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
                connection.execute(facts.insert(), fresh)
                connection.execute(drills.update().where(drills.c.drill == drill).values(seq=seq, digest=digest))
            return out

    def _head(self, connection: sa.Connection, drill: str, token: int | None) -> tuple[int, str]:
        query = sa.select(drills.c.seq, drills.c.digest, drills.c.token).where(drills.c.drill == drill).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            connection.execute(_new_head(connection, drill))
            row = connection.execute(query).one()
        if token is not None and token < row.token:
            raise stale(drill, present=row.token, ours=token)
        return row.seq, row.digest

    @staticmethod
    def _holds(connection: sa.Connection, drill: str, kinds: frozenset[Kind]) -> bool:
        query = sa.select(facts.c.seq).where(facts.c.drill == drill, facts.c.kind.in_(sorted(kinds))).limit(1)
        return connection.execute(query).first() is not None

    @staticmethod
    def _stored(connection: sa.Connection, drill: str, keys: Sequence[str]) -> dict[str, Fact]:
        query = sa.select(facts).where(facts.c.drill == drill, facts.c.key.in_(keys))
        return {row.key: _to_fact(row) for row in connection.execute(query)}

    def read(self, drill: str, *, after: int = 0, kinds: frozenset[Kind] | None = None) -> list[Fact]:
        query = sa.select(facts).where(facts.c.drill == drill, facts.c.seq > after).order_by(facts.c.seq)
        if kinds is not None:
            query = query.where(facts.c.kind.in_(sorted(kinds)))

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
                return list(connection.execute(sa.select(drills.c.drill).order_by(drills.c.ordinal)).scalars())

        return self._persistently(look)

    def head(self, drill: str) -> tuple[int, str]:
        def look() -> tuple[int, str]:
            with self._engine.connect() as connection:
                row = connection.execute(sa.select(drills.c.seq, drills.c.digest).where(drills.c.drill == drill)).one_or_none()
            return (row.seq, row.digest) if row is not None else (0, GENESIS)

        return self._persistently(look)

    def take_token(self, drill: str) -> int:
        """A fencing token above every earlier one; from now on writes that carry an older token are refused."""

        def take() -> int:
            with self._write() as connection:
                self._head(connection, drill, None)
                connection.execute(drills.update().where(drills.c.drill == drill).values(token=drills.c.token + 1))
                return int(connection.execute(sa.select(drills.c.token).where(drills.c.drill == drill)).scalar_one())

        return self._persistently(take)

    def check(self, drill: str, token: int) -> None:
        def look() -> int:
            with self._engine.connect() as connection:
                return int(connection.execute(sa.select(drills.c.token).where(drills.c.drill == drill)).scalar() or 0)

        present = self._persistently(look)
        if token < present:
            raise stale(drill, present=present, ours=token)


def _new_head(connection: sa.Connection, drill: str) -> sa.Insert:
    """The first row of a drill; two processes may begin it at once."""
    values = {"drill": drill, "seq": 0, "digest": GENESIS, "token": 0}
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert

        return insert(drills).values(values).on_conflict_do_nothing()
    return drills.insert().values(values)


def _to_fact(row: sa.Row[tuple[object, ...]]) -> Fact:
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented accessor
    at = datetime.fromisoformat(fields["at"])
    return fact_from_row({**fields, "at": stamp(at), "data": json.loads(fields["data"])})
