"""The one database: where its file lies, and what is said when it cannot lie there."""

from __future__ import annotations

from pathlib import Path

import pytest

from drill.adapters.database import database_engine, sqlite_engine
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
