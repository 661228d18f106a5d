"""The queue takes each drill once, gives a drill that a bug ended another life, and names what only another version can finish."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from drill.adapters.database import sqlite_engine
from drill.engine.durable import APPLICATION_VERSION, QUEUE, DrillQueue
from tests.model.story_plan import sandbox_plan

PLAN = sandbox_plan()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sa.Engine]:
    found = sqlite_engine(tmp_path / "drill.sqlite")
    yield found
    found.dispose()


@pytest.fixture
def queue(database: sa.Engine) -> Iterator[DrillQueue]:
    found = DrillQueue(database)
    yield found
    found.close()


def rows(database: sa.Engine) -> list[tuple[str, str, str, str]]:
    """Id, state, queue and version of every workflow."""
    query = sa.text("select workflow_uuid, status, queue_name, application_version from workflow_status order by workflow_uuid")
    with database.connect() as connection:
        return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]


def change(database: sa.Engine, column: str, value: str) -> None:
    """Set a column of every workflow."""
    with database.begin() as connection:
        connection.execute(sa.table("workflow_status", sa.column(column)).update().values({column: value}))


def test_a_drill_queued_twice_waits_once(database: sa.Engine, queue: DrillQueue) -> None:
    queue.put("d", PLAN)
    queue.put("d", PLAN)

    assert rows(database) == [("d", "ENQUEUED", QUEUE, APPLICATION_VERSION)]


def test_a_drill_that_a_bug_ended_gets_another_life(database: sa.Engine, queue: DrillQueue) -> None:
    queue.put("d", PLAN)
    change(database, "status", "ERROR")

    queue.put("d", PLAN)

    assert [(name, state) for name, state, _, _ in rows(database)] == [("d", "ERROR"), ("d~2", "ENQUEUED")]


def test_a_drill_that_has_ended_is_not_queued_again(database: sa.Engine, queue: DrillQueue) -> None:
    queue.put("d", PLAN)
    change(database, "status", "SUCCESS")

    queue.put("d", PLAN)

    assert [(name, state) for name, state, _, _ in rows(database)] == [("d", "SUCCESS")]


def test_a_drill_whose_name_begins_like_another_is_a_drill_of_its_own(database: sa.Engine, queue: DrillQueue) -> None:
    queue.put("drill-2", PLAN)
    change(database, "status", "ERROR")

    queue.put("drill", PLAN)

    assert [name for name, _, _, _ in rows(database)] == ["drill", "drill-2"]


def test_a_drill_of_another_engine_version_is_named_with_that_version(database: sa.Engine, queue: DrillQueue) -> None:
    queue.put("d", PLAN)
    assert queue.stranded() == {}

    change(database, "application_version", "drill-engine-0")

    assert queue.stranded() == {"d": "drill-engine-0"}


@pytest.mark.parametrize("state", ["ENQUEUED", "PENDING"])
def test_a_drill_that_is_forgotten_is_up_for_nobodys_claim_and_its_namesakes_stay(
    database: sa.Engine, queue: DrillQueue, state: str
) -> None:
    for drill in ("d", "d-2"):
        queue.put(drill, PLAN)
    change(database, "status", state)

    queue.forget("d")

    assert {name: found for name, found, _, _ in rows(database)} == {"d": "CANCELLED", "d-2": state}
    assert queue.owner("d") == ""


def test_in_a_database_without_a_queue_there_is_nothing_to_forget(database: sa.Engine) -> None:
    looking = DrillQueue(database, to_look=True)

    looking.forget("d")

    looking.close()
    assert not sa.inspect(database).has_table("workflow_status")
