"""`drill retry` and `drill skip` answer for a step that waits, and for no other."""

from __future__ import annotations

from drill.model.events import Draft, Kind
from tests.cli.conftest import Drill, journal
from tests.model.story import Story, redrafted


def waiting() -> str:
    """A drill that asks about its rebuild."""
    story = Story(every_s=0.5)
    facts = [fact for fact in story.facts() if fact.kind is not Kind.DRILL_FINISHED]
    book = journal()
    book.append(story.drill, redrafted(facts))
    last = facts[-1]
    data = {"phase": "rebuild", "step": "rebuild.capacity", "attempt": 1, "why": "it failed: no quota"}
    book.append(story.drill, [Draft(Kind.STEP_ASKED, "engine", "rebuild.capacity/1/asked", data, last.at, last.mono_s, last.epoch)])
    return story.drill


def test_a_step_that_waits_is_shown_and_takes_one_decision(drill: Drill) -> None:
    name = waiting()

    assert "rebuild.capacity waits for you: it failed: no quota" in drill("status", name).out
    assert drill("retry", name).code == 0
    assert drill("skip", name, "rebuild.capacity").code == 2
    (decided,) = journal().read(name, kinds=frozenset({Kind.OPERATOR_DECIDED}))
    assert (decided.data["verb"], decided.data["subject"]) == ("retry", "rebuild.capacity")


def test_a_step_that_does_not_wait_cannot_be_decided_about(drill: Drill) -> None:
    name = waiting()

    said = drill("skip", name, "data.fence")

    assert said.code == 2
    assert "[U022]" in said.err
    assert "rebuild.capacity" in said.err
