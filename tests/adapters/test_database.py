"""The one database: where its file lies, and what is said when it cannot lie there."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from drill.adapters.database import create_tables, database_engine, sqlite_engine
from drill.adapters.journal_sql import SqlJournal
from drill.model.errors import JournalBroken


@pytest.mark.parametrize("name", ["a b", "what?mode=memory", "50%25", "#1", "ümläut 家"])
def test_the_journal_lies_in_the_folder_that_was_named(tmp_path: Path, name: str) -> None:
    SqlJournal(database_engine(f"sqlite:///{tmp_path / name / 'drill.sqlite'}"))

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "drill.sqlite").is_file()


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(JournalBroken, match="cannot be used: File exists") as refused:
        sqlite_engine(tmp_path / "file" / "drill.sqlite")

    assert refused.value.code == "J022"


def test_any_number_of_processes_may_make_the_tables_at_once(tmp_path: Path) -> None:
    metadata = sa.MetaData()
    for number in range(20):
        sa.Table(f"table_{number}", metadata, sa.Column("id", sa.Integer, primary_key=True))
    engines = [sqlite_engine(tmp_path / "drill.sqlite") for _ in range(8)]
    ready = threading.Barrier(len(engines))

    def make(engine: sa.Engine) -> None:
        with engine.connect():
            ready.wait(20)
        create_tables(engine, metadata)

    with ThreadPoolExecutor(len(engines)) as pool:
        made = [pool.submit(make, engine) for engine in engines]

    assert [one.exception() for one in made] == [None] * len(engines)
    assert len(sa.inspect(engines[0]).get_table_names()) == 20
    for engine in engines:
        engine.dispose()
