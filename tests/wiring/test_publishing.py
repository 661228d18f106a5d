"""A report that cannot be written is said in the record, and the drill goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from drill.model.events import Kind
from drill.settings import Settings
from drill.wiring.publishing import published
from drill.wiring.records import Records
from tests.cli.conftest import tell


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    monkeypatch.setenv("DRILL_HOME", str(tmp_path / "home"))
    return Records(Settings.load())


def test_a_report_that_cannot_be_written_is_one_finding_and_the_result_is_still_told(records: Records, tmp_path: Path) -> None:
    drill = tell()
    (tmp_path / "file").touch()
    recorder = records.recorder(drill)

    first, second = (published(records, recorder, tmp_path / "file" / drill) for _ in range(2))

    found = [fact.data for fact in records.journal.read(drill, kinds=frozenset({Kind.FINDING_RAISED})) if fact.key == "finding/report/D030"]
    assert (first.drill, second.rto) == (drill, first.rto)
    assert len(found) == 1
    assert "cannot be written" in found[0]["what"]


def test_a_report_that_can_be_written_is_no_finding(records: Records, tmp_path: Path) -> None:
    drill = tell()
    before = len(records.journal.read(drill))

    published(records, records.recorder(drill), tmp_path / "reports")

    assert (tmp_path / "reports" / "index.html").is_file()
    assert len(records.journal.read(drill)) == before
