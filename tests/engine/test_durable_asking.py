"""What an engine asks the database about a drill, again and again, does not grow with the drill's plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from drill.adapters.database import sqlite_engine
from drill.engine.durable import DrillQueue, DurableEngine
from tests.model.story_plan import sandbox_plan


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sa.Engine]:
    found = sqlite_engine(tmp_path / "drill.sqlite")
    yield found
    found.dispose()


@pytest.fixture
def engine(database: sa.Engine) -> Iterator[DurableEngine]:
    """An engine that takes nothing from the queue, in which the drill `d` waits."""
    queue = DrillQueue(database)
    queue.put("d", sandbox_plan())
    found = DurableEngine(database, executor="e", crew_of=lambda _drill, _plan: None)
    found.launch()
    yield found
    found.stop()
    queue.close()


def test_asking_how_a_drill_is_never_reads_its_plan(database: sa.Engine, engine: DurableEngine) -> None:
    asked: list[str] = []
    sa.event.listen(database, "before_cursor_execute", lambda _c, _cursor, statement, *_rest: asked.append(statement))

    gave_up, over = engine.failure("d"), engine.over("d")

    assert (gave_up, over) == ("", False)
    assert [statement for statement in asked if "workflow_status" in statement]
    assert not [statement for statement in asked if "inputs" in statement]
