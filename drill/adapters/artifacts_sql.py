"""Raw tool output in the database, for drills that must not depend on one machine's disk; and the key that those machines share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import sqlalchemy as sa

from drill.adapters.database import create_tables, riding_out

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
    """Bytes in the table `artifact` (port Artifacts)."""

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
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            raise KeyError(sha256)
        return bytes(found)

    def names(self, drill: str) -> Mapping[str, str]:
        query = sa.select(_artifacts.c.sha256, _artifacts.c.name).where(_artifacts.c.drill == drill).order_by(_artifacts.c.sha256)
        with self._engine.connect() as connection:
            return {row.sha256: row.name for row in connection.execute(query)}


def shared_key(engine: sa.Engine, name: str, fresh: bytes) -> bytes:
    """The key of that name; `fresh` becomes it when there is none. Whoever is first decides, for every machine."""
    create_tables(engine, _metadata)
    try:
        with engine.begin() as connection:
            connection.execute(_keys.insert().values(name=name, value=fresh))
    except sa.exc.IntegrityError:
        with engine.connect() as connection:
            return bytes(connection.execute(sa.select(_keys.c.value).where(_keys.c.name == name)).scalar_one())
    return fresh
