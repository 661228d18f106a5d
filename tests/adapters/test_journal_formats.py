"""A journal outlives the release that wrote it: an older format is read, and migrated in one piece; nothing is ever rewritten."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from drill import __version__
from drill.adapters import journal_schema
from drill.adapters.database import database_engine, read_only_engine, sqlite_engine
from drill.adapters.journal_looking import journal_to_look_at
from drill.adapters.journal_schema import JOURNAL_VERSION, MIGRATIONS
from drill.adapters.journal_sql import SqlJournal
from drill.model.errors import JournalBroken
from drill.model.events import Draft, Kind, check_chain
from drill.model.progress import Progress
from tests.serving.place import Database, database

OF_OLD = (Path(__file__).parent / "journal_v1.sql").read_text(encoding="utf-8")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Database]:
    """One server for these tests."""
    with database() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the journal of a release of old."""
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "drill.sqlite")) as connection:
            connection.executescript(OF_OLD)
        return f"sqlite:///{tmp_path / 'drill.sqlite'}"
    postgres: Database = request.getfixturevalue("postgres")
    postgres.clear()
    postgres.sql(OF_OLD.replace("ordinal INTEGER NOT NULL PRIMARY KEY", "ordinal SERIAL PRIMARY KEY"))
    return postgres.url


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    found = database_engine(url)
    yield found
    found.dispose()


def version(engine: sa.Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text("SELECT * FROM journal_version"))]


def test_a_drill_of_an_older_release_is_read_and_goes_on(engine: sa.Engine) -> None:
    journal = SqlJournal(engine)

    journal.append("old", [Draft(Kind.STEP_INTERRUPTED, "engine", "i", {"phase": "a", "step": "a.x", "attempt": 1}, NOW, 9.0, "boot-2")])

    assert version(engine) == [(JOURNAL_VERSION, __version__)]
    assert check_chain(journal.read("old")) == journal.head("old")
    progress = Progress().apply(journal.read("old"))
    assert (progress.started, progress.step("a.x").state) == (True, "interrupted")


def test_a_look_reads_an_older_format_and_leaves_it_as_it_is(url: str, engine: sa.Engine) -> None:
    before = version(engine)

    journal = journal_to_look_at(read_only_engine(url))

    assert check_chain(journal.read("old"))[0] == 3
    assert version(engine) == before == [(1,)]


def test_nothing_can_be_written_through_a_look(url: str) -> None:
    SqlJournal(database_engine(url))
    journal = journal_to_look_at(read_only_engine(url))

    with pytest.raises(JournalBroken) as refused:
        journal.take_token("old")

    assert refused.value.code == "J021"


def test_many_who_open_an_older_journal_at_once_migrate_it_once(url: str, engine: sa.Engine) -> None:
    troubles: list[Exception] = []

    def open_it() -> None:
        try:
            SqlJournal(database_engine(url)).read("old")
        except Exception as error:  # noqa: BLE001 - told below, in the thread that asserts
            troubles.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert troubles == []
    assert version(engine) == [(JOURNAL_VERSION, __version__)]


def test_a_migration_that_breaks_off_leaves_the_journal_as_it_was(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_schema, "MIGRATIONS", {1: (*MIGRATIONS[1], "ALTER TABLE no_such_table ADD COLUMN x TEXT")})

    with pytest.raises(JournalBroken):
        SqlJournal(engine)

    assert version(engine) == [(1,)]
    monkeypatch.undo()
    assert len(SqlJournal(engine).read("old")) == 3


def test_every_older_format_has_a_way_to_the_next() -> None:
    assert sorted(MIGRATIONS) == list(range(1, JOURNAL_VERSION))


def test_a_journal_of_a_newer_release_is_refused_and_says_which(engine: sa.Engine) -> None:
    SqlJournal(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE journal_version SET version = 99, release = '9.1.0'"))

    for opening in (SqlJournal, journal_to_look_at):
        with pytest.raises(JournalBroken, match=r"9\.1\.0") as refused:
            opening(engine)
        assert refused.value.code == "J005"

    assert version(engine) == [(99, "9.1.0")]


@pytest.mark.parametrize("table", ["fact", "drill_head", "journal_version"])
def test_a_journal_that_lost_a_table_is_refused_and_gets_no_empty_one(engine: sa.Engine, table: str) -> None:
    SqlJournal(engine)
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP TABLE {table}"))

    for opening in (SqlJournal, journal_to_look_at):
        with pytest.raises(JournalBroken) as refused:
            opening(engine)
        assert refused.value.code == "J004"

    assert table not in sa.inspect(engine).get_table_names()


def test_an_emptied_file_is_refused_and_stays_empty(tmp_path: Path) -> None:
    file = tmp_path / "drill.sqlite"
    file.touch()

    for opening in (sqlite_engine, lambda path: read_only_engine(f"sqlite:///{path}")):
        with pytest.raises(JournalBroken) as refused:
            opening(file)
        assert refused.value.code == "J004"

    assert file.stat().st_size == 0


def test_where_there_is_no_journal_a_look_finds_no_drill_and_makes_none(tmp_path: Path) -> None:
    journal = journal_to_look_at(read_only_engine(f"sqlite:///{tmp_path / 'home' / 'drill.sqlite'}"))

    assert journal.drills() == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_log_is_read_byte_for_byte_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "drill.sqlite"
    SqlJournal(sqlite_engine(file)).append("d", [Draft(Kind.DRILL_STARTED, "engine", "s", {}, NOW, 1.0, "b")])
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = hashlib.sha256(file.read_bytes()).hexdigest()

    assert len(journal_to_look_at(read_only_engine(f"sqlite:///{file}")).read("d")) == 1
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
