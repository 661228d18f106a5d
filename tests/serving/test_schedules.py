"""Three servers and one schedule: every due time becomes one drill, also when a server is killed half-way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from drill.adapters.database import database_engine
from drill.adapters.journal_sql import SqlJournal
from drill.engine.durable import DrillQueue
from drill.model.events import Kind
from tests.e2e.place import PROJECT, SCENARIO, eventually
from tests.serving.place import Database

pytestmark = pytest.mark.real


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """The sandbox scenario, due every three seconds."""
    text = (PROJECT / SCENARIO).read_text(encoding="utf-8")
    file = tmp_path / "often.yaml"
    file.write_text(f'{text}\nschedules:\n  often: {{cron: "*/3 * * * * *"}}\n', encoding="utf-8")
    return file


@pytest.fixture
def servers(shared: Database, scenario: Path, tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Three clerks of one database."""
    environment = {**os.environ, "DRILL_HOME": str(tmp_path / "home"), "DRILL_DATABASE_URL": shared.url}
    argv = [sys.executable, "-m", "tests.serving.clock_server", str(scenario)]
    DrillQueue(database_engine(shared.url)).close()
    started = [subprocess.Popen([*argv, name], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) for name in "abc"]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def test_five_due_times_are_five_drills_although_a_server_is_killed(shared: Database, servers: list[subprocess.Popen[str]]) -> None:
    journal = SqlJournal(database_engine(shared.url))

    assert eventually(lambda: len(journal.drills()) >= 2, within_s=20)
    servers[0].kill()
    assert eventually(lambda: len(journal.drills()) >= 6, within_s=30)  # the sixth may be cut down half-way
    for server in servers:
        server.kill()
        server.wait()

    drills = journal.drills()[:5]
    planned = [journal.read(drill, kinds=frozenset({Kind.DRILL_PLANNED})) for drill in drills]
    due = sorted(rows[0].data["schedule"]["due"] for rows in planned)
    assert [len(rows) for rows in planned] == [1] * len(drills)
    assert len(set(due)) == len(drills)
    assert _gaps_s(due) == {3.0}
    missed = {drill for drill in drills if journal.find(drill, "finished")}
    assert missed == set(drills) - _queued(shared)
    assert len(drills) - len(missed) == 1, "the first one is never played here, so that the others are missed, not lost"


def _gaps_s(due: list[str]) -> set[float]:
    moments = [time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) for text in due]
    return {later - earlier for earlier, later in pairwise(moments)}


def _queued(shared: Database) -> set[str]:
    return {str(row[0]) for row in shared.sql("select workflow_uuid from dbos.workflow_status")}
