"""What only looks works in a home that cannot be written, and names a drill that only another release can go on with."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from drill.adapters.database import database_engine
from drill.engine import durable
from drill.engine.durable import DrillQueue
from drill.settings import Settings
from drill.wiring.records import Records
from tests.cli.conftest import Drill, journal, tell
from tests.e2e.place import PROJECT
from tests.model.story import Story

_OBEY = "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
"""Drops the right to override modes (PR_CAPBSET_DROP, CAP_DAC_OVERRIDE) for what follows; nothing changes for who never had it."""
LOOKS = (["list"], ["status"], ["show"], ["logs"], ["report", "--format", "json"], ["watch"])


@pytest.fixture
def sealed(home: Path) -> Iterator[Path]:
    """A home with a whole drill, whose folder and files nobody can write."""
    tell()
    with closing(sqlite3.connect(home / "drill.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for beside in home.glob("drill.sqlite-*"):
        beside.unlink()
    (home / "engine.lock").touch()
    for path in home.iterdir():
        path.chmod(0o444)
    home.chmod(0o555)
    yield home
    home.chmod(0o755)


def held_to_its_modes(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as a user for whom the modes of files count: root is made to obey them."""
    environment = {**os.environ, "DRILL_HOME": str(home), "DRILL_REPORTS": str(home / "reports")}
    argv = [sys.executable, "-c", _OBEY, sys.executable, "-m", "drill.cli.main", *words]
    return subprocess.run(argv, cwd=PROJECT, env=environment, text=True, capture_output=True, check=False, timeout=120)


@pytest.mark.parametrize("words", LOOKS, ids=lambda words: words[0])
def test_a_read_only_home_can_be_looked_at(sealed: Path, words: list[str]) -> None:
    before = sorted(path.name for path in sealed.iterdir())

    said = held_to_its_modes(sealed, *words)

    assert (said.returncode, bool(said.stdout)) == (0, True), said
    assert sorted(path.name for path in sealed.iterdir()) == before


def test_a_drill_in_a_read_only_home_is_refused_before_anything_is_touched(sealed: Path) -> None:
    said = held_to_its_modes(sealed, "run", str(PROJECT / "scenarios/sandbox-region-outage.yaml"))

    assert said.returncode == 3, said
    assert f"error: [F080] {sealed} cannot be written" in said.stderr
    assert "Point DRILL_HOME at" in said.stderr
    assert "Traceback" not in said.stderr


# ---------------------------------------------------------------- a drill of another release


@pytest.fixture
def stranded(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A drill in the middle, begun by an engine of another version; its home has no engine now."""
    assert not home.exists()
    told = tell(Story(every_s=0.5, ending="running"))
    with monkeypatch.context() as of_old:
        of_old.setattr(durable, "APPLICATION_VERSION", "drill-engine-0")
        queue = DrillQueue(database_engine(Settings.load().database_url))
        queue.put(told, Records(Settings.load()).plan(told))
        queue.close()
    return told


def test_a_drill_of_another_engine_version_is_named_by_list_and_status(drill: Drill, stranded: str) -> None:
    listed, status = drill("list", "--json").json(), drill("status", stranded, "--json").json()

    assert [row["needs_engine"] for row in listed] == ["drill-engine-0"]
    assert status["needs_engine"] == "drill-engine-0"
    for said in (drill("list"), drill("status")):
        assert "it waits for an engine of version drill-engine-0" in said.out


@pytest.mark.parametrize("verb", ["resume", "abort", "hold"])
def test_a_drill_of_another_engine_version_is_refused_at_once_and_left_as_it_is(drill: Drill, stranded: str, verb: str) -> None:
    before = journal().head(stranded)

    said = drill(verb, stranded)

    assert (said.code, "[J013]" in said.err, "drill-engine-0" in said.err) == (6, True, True), said
    assert journal().head(stranded) == before
