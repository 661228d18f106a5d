"""Raw tool output in the database, for drills that must not depend on one machine's disk; and the key that those machines share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

import sqlalchemy as sa

from drill.adapters.database import create_tables
from drill.adapters.database_errors import riding_out, translated

T = TypeVar("T")
_PATIENCE_S = 60.0
_metadata = sa.MetaData()
_artifacts = sa.Table(
    "artifact",
    _metadata,
    sa.Column("drill", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
_keys = sa.Table("shared_key", _metadata, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.LargeBinary, nullable=False))


class SqlArtifacts:
    """Bytes in the table `artifact` (port Artifacts). A database that is away is waited for, a minute at most."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        create_tables(engine, _metadata)

    def put(self, drill: str, name: str, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        row = {"drill": drill, "sha256": sha256, "name": name, "content": content}
        riding_out(lambda: self._keep(row), patience_s=_PATIENCE_S)
        return sha256

    def _keep(self, row: Mapping[str, object]) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(_artifacts.insert().values(row))
        except sa.exc.IntegrityError:
            return  # the same content is kept already

    def get(self, drill: str, sha256: str) -> bytes:
        query = sa.select(_artifacts.c.content).where(_artifacts.c.drill == drill, _artifacts.c.sha256 == sha256)
        found = self._look(lambda connection: connection.execute(query).scalar())
        if found is None:
            raise KeyError(sha256)
        return bytes(found)

    def names(self, drill: str) -> Mapping[str, str]:
        query = sa.select(_artifacts.c.sha256, _artifacts.c.name).where(_artifacts.c.drill == drill).order_by(_artifacts.c.sha256)
        return self._look(lambda connection: {row.sha256: row.name for row in connection.execute(query)})

    def _look(self, look: Callable[[sa.Connection], T]) -> T:
        def work() -> T:
            with self._engine.connect() as connection:
                return look(connection)

        return riding_out(work, patience_s=_PATIENCE_S)


def shared_key(engine: sa.Engine, name: str, fresh: bytes) -> bytes:
    """The key of that name; `fresh` becomes it when there is none. Whoever is first decides, for every machine.

    Raises: JournalBroken: the database cannot be used; J023 may pass by itself.
    """
    create_tables(engine, _metadata)
    with translated():
        try:
            with engine.begin() as connection:
                connection.execute(_keys.insert().values(name=name, value=fresh))
        except sa.exc.IntegrityError:
            with engine.connect() as connection:
                return bytes(connection.execute(sa.select(_keys.c.value).where(_keys.c.name == name)).scalar_one())
    return fresh
