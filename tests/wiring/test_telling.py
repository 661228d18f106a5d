"""A drill whose engine died before it told anybody of its end is not over for `drill resume`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drill.adapters.journal_memory import MemoryJournal
from drill.model.events import Kind
from drill.settings import Settings
from drill.wiring.records import Records
from drill.wiring.telling import told
from tests.model.story import Story, redrafted


def records_until(kind: Kind | None, tmp_path: Path) -> tuple[Records, str]:
    """The record of a drill up to the first fact of a kind, or whole."""
    story = Story(every_s=0.5)
    facts = story.facts()
    end = next((place for place, fact in enumerate(facts, 1) if fact.kind is kind), len(facts))
    journal = MemoryJournal()
    journal.append(story.drill, redrafted(facts[:end]))
    settings = Settings(tmp_path, tmp_path, tmp_path, f"sqlite:///{tmp_path / 'drill.sqlite'}", None)
    return Records(settings, journal), story.drill


def test_a_drill_that_ended_and_told_nobody_is_untold(tmp_path: Path) -> None:
    assert not told(*records_until(Kind.DRILL_FINISHED, tmp_path))


@pytest.mark.parametrize("kind", [Kind.DRILL_PLANNED, Kind.FAILBACK_STARTED])
def test_a_drill_on_its_way_has_nothing_to_tell(kind: Kind, tmp_path: Path) -> None:
    assert told(*records_until(kind, tmp_path))


def test_a_drill_is_told_once_everyone_was_texted_its_result(tmp_path: Path) -> None:
    records, drill = records_until(Kind.DRILL_FINISHED, tmp_path)
    for person in records.plan(drill).contacts:
        about: dict[str, Any] = {"purpose": "result", "gate": None, "phase": None, "contact": person.id, "channel": "sms", "text": "done"}
        records.recorder(drill).say(Kind.MESSAGE_SENT, f"message/{person.id}", message=person.id, state="accepted", code="OK", **about)

    assert told(records, drill)


def test_of_a_drill_that_was_stopped_before_it_began_nobody_needs_to_know(tmp_path: Path) -> None:
    records, drill = records_until(Kind.DRILL_PLANNED, tmp_path)
    records.recorder(drill).say(Kind.DRILL_FINISHED, "finished", outcome="aborted", exit_code=4, left=[], reason="stopped")

    assert told(records, drill)
