"""The ways on from a hold: a person is never without one, and each named one is a command that is taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.progress import Progress
from drill.model.ways import short_ways, told_ways, ways_on
from drill.model.wording import VALUE_LIMIT, fit


def so_far(*, crossed: bool = False, succeeded: bool = False, failback: bool = False) -> Progress:
    progress = Progress(failback=failback, held=True)
    if crossed:
        progress.crossed["data.promote"] = {1}
        progress.step("data.promote").state = "succeeded" if succeeded else "failed"
    return progress


@pytest.mark.parametrize(
    ("progress", "verbs"),
    [
        (so_far(), ["abort", "proceed"]),
        (so_far(crossed=True, succeeded=True), ["failback", "proceed"]),
        (so_far(crossed=True), ["failback", "proceed", "not-promoted"]),
        (so_far(failback=True), ["failback", "proceed"]),
        (so_far(crossed=True, failback=True), ["failback", "proceed", "not-promoted"]),
    ],
)
def test_which_ways_there_are(progress: Progress, verbs: list[str]) -> None:
    assert [way.verb for way in ways_on(progress, "friday")] == verbs


@given(st.booleans(), st.booleans(), st.booleans())
def test_the_ways_fit_into_one_variable_of_a_text_as_they_are(crossed: bool, succeeded: bool, failback: bool) -> None:  # noqa: FBT001
    words = short_ways(ways_on(so_far(crossed=crossed, succeeded=succeeded, failback=failback), "friday"))

    assert words == fit(words)
    assert 0 < len(words) <= VALUE_LIMIT


def test_each_way_is_a_command_with_what_it_does() -> None:
    assert told_ways(ways_on(so_far(crossed=True), "friday")) == (
        "`drill failback friday` brings it home, `drill proceed friday` goes on, "
        "`drill abort friday --not-promoted --reason WHY` takes it back when you know that nothing was promoted"
    )
