"""Which questions are one: as the facts tell, whatever the order they are looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.joint_questions import earlier_questions, named_together
from drill.model.progress_rows import GateProgress
from drill.model.wording import VALUE_LIMIT

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def row(ago_s: float, **fields: object) -> GateProgress:
    """A gate that was put to the lead so long ago."""
    asked_at = NOW - timedelta(seconds=ago_s)
    made = GateProgress(state="open", asked=("lead",), deadline=asked_at + timedelta(seconds=60), asked_at={"lead": asked_at})
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def earlier(gate_id: str = "b", /, **others: GateProgress) -> tuple[str, ...]:
    return earlier_questions({**others, gate_id: GateProgress(state="open")}, gate_id, "lead", NOW)


@pytest.mark.parametrize(("ago_s", "found"), [(0.0, ("a",)), (9.999, ("a",)), (10.0, ()), (-3.0, ("a",)), (-10.0, ())])
def test_ten_seconds_are_counted_by_the_facts_whichever_clock_reading_came_first(ago_s: float, found: tuple[str, ...]) -> None:
    assert earlier(a=row(ago_s)) == found


@pytest.mark.parametrize(
    "fields",
    [{"state": "acknowledged"}, {"state": "declined"}, {"by": "receipt"}, {"confirmed": ("lead",)}, {"deadline": NOW}],
)
def test_a_question_that_this_person_need_not_answer_is_left_out(fields: dict[str, object]) -> None:
    assert earlier(a=row(3.0, **fields)) == ()


def test_a_step_to_do_by_hand_is_asked_about_alone() -> None:
    by_hand = {"a.pull": row(3.0)}

    assert earlier("b", **by_hand) == ()
    assert earlier("b.pull", a=row(3.0)) == ()


def test_the_newest_are_named_when_there_are_too_many() -> None:
    assert earlier(a=row(6.0), c=row(2.0), d=row(4.0)) == ("d", "c")


def test_titles_that_are_too_long_together_each_lose_their_end() -> None:
    assert named_together(["Rebuild", "Switch the traffic of all customers"], "en") == "Rebuild and Switch the traffic of a"
    assert named_together(["重建", "切换"], "zh") == "重建与切换"


@given(st.lists(st.text("abc", min_size=1, max_size=60), min_size=1, max_size=5))
def test_every_title_has_its_place_in_the_variable_of_a_text(titles: list[str]) -> None:
    named = named_together(titles, "en").split(" and ")

    assert len(" and ".join(named)) <= VALUE_LIMIT
    assert len(named) == len(titles)
    assert all(title.startswith(part) and part for part, title in zip(named, titles, strict=True))
