"""The tables of the journal, their format's number, and the way from each older format to the present one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from drill import __version__
from drill.adapters.database import TABLES_LOCK
from drill.model.errors import JournalBroken

JOURNAL_VERSION: Final = 2
"""The format this release writes. A newer one is refused, an older one migrated by whoever writes first."""

MIGRATIONS: Final[Mapping[int, Sequence[str]]] = {
    1: ("ALTER TABLE journal_version ADD COLUMN release TEXT NOT NULL DEFAULT ''",),
}
"""What turns format n into n + 1, on SQLite and Postgres alike. It only ever adds: facts are never rewritten, their digests would not hold,
and an engine of the release before, which may still run on the same database, goes on writing."""

metadata: Final = sa.MetaData()
drills: Final = sa.Table(
    "drill_head",
    metadata,
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("drill", sa.Text, nullable=False, unique=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("token", sa.Integer, nullable=False),
)
facts: Final = sa.Table(
    "fact",
    metadata,
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
_versions: Final = sa.Table(
    "journal_version",
    metadata,
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("release", sa.Text, nullable=False),
)


def prepare(engine: sa.Engine) -> None:
    """Make the tables, or bring an older journal to the present format, in one transaction; any number of processes may do so at once.

    Raises: JournalBroken: a newer release wrote the journal (J005), or tables are missing (J004). Nothing is changed then.
    """
    with engine.connect() as connection:
        if written_version(connection) == JOURNAL_VERSION:
            return
    with engine.connect() as connection:
        _alone(connection)
        found = written_version(connection)
        if found is None:
            metadata.create_all(connection)
        for version in range(found or JOURNAL_VERSION, JOURNAL_VERSION):
            for statement in MIGRATIONS[version]:
                connection.exec_driver_sql(statement)
        connection.execute(_versions.delete())
        connection.execute(_versions.insert().values(version=JOURNAL_VERSION, release=__version__))
        connection.commit()


def _alone(connection: sa.Connection) -> None:
    """Let nobody else write tables before this transaction has ended."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(TABLES_LOCK)))


def written_version(connection: sa.Connection) -> int | None:
    """The format of the journal in this database; nothing when there is none yet.

    Raises: JournalBroken: a newer release wrote it (J005), or tables of it are missing (J004).
    """
    names = set(sa.inspect(connection).get_table_names())
    present = names & {table.name for table in metadata.sorted_tables}
    if not present:
        return None
    missing = sorted({table.name for table in metadata.sorted_tables} - present)
    if missing:
        what = f"the journal lacks its table {missing[0]}: somebody removed it."
        raise JournalBroken(what, code="J004", fix="Restore it from a copy; nothing was overwritten.")
    found = int(connection.execute(sa.select(sa.func.max(_versions.c.version))).scalar() or 1)
    if found > JOURNAL_VERSION:
        release = connection.execute(sa.select(sa.func.max(_versions.c.release))).scalar()
        raise JournalBroken(
            f"the journal was written by a newer release (format {found}, this one reads {JOURNAL_VERSION}).",
            code="J005",
            fix=f"Use release {release} or a newer one; nothing was changed.",
        )
    return found
