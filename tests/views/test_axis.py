"""Positions stay on the axis, ticks are round and marks do not touch."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from drill.views.axis import axis_over, place_marks
from drill.views.charts import line_path, nice_above
from drill.views.words import both

_TIMES = st.floats(min_value=-1000, max_value=100_000, allow_nan=False)


@given(_TIMES, _TIMES, _TIMES)
def test_every_position_lies_between_zero_and_a_hundred_per_cent(low_s: float, end_s: float, at_s: float) -> None:
    axis = axis_over(low_s, end_s)

    assert 0.0 <= float(axis.x(at_s).removesuffix("%")) <= 100.0


@given(_TIMES, st.floats(min_value=0.1, max_value=100_000))
def test_an_axis_has_at_most_eleven_ticks_and_all_in_order(low_s: float, length_s: float) -> None:
    ticks = axis_over(low_s, low_s + length_s).ticks()

    positions = [float(tick.x.removesuffix("%")) for tick in ticks]
    assert len(ticks) <= 11
    assert positions == sorted(positions)


def test_ticks_count_from_the_origin_and_never_outside_the_axis() -> None:
    axis = axis_over(48.3, 58.2, origin_s=0.0)

    assert [tick.text for tick in axis.ticks()][:2] == ["50 s", "52 s"]


@given(st.lists(st.floats(min_value=0, max_value=100), max_size=12))
def test_marks_in_one_lane_keep_their_distance(times: list[float]) -> None:
    marks = place_marks(axis_over(0, 100), [(at_s, "", both("x", "x")) for at_s in times])

    for lane in {mark.lane for mark in marks}:
        shares = [mark.at_s for mark in marks if mark.lane == lane]
        assert all(later - earlier >= 2.39 for earlier, later in pairwise(shares))


def test_a_moment_off_the_axis_or_unknown_gets_no_mark() -> None:
    marks = place_marks(axis_over(0, 10), [(None, "", both("a", "a")), (11.0, "", both("b", "b")), (5.0, "", both("c", "c"))])

    assert [mark.title.en for mark in marks] == ["c"]


def test_a_missing_sample_breaks_the_line_instead_of_bridging_the_outage() -> None:
    assert line_path([(0, 1), (1, 2), (2, None), (3, 4), (4, 5)]) == "M0.0 1.0L1.0 2.0M3.0 4.0L4.0 5.0"


@given(st.floats(min_value=0.001, max_value=1e6))
def test_a_nice_top_is_at_or_above_the_value_and_not_far(value: float) -> None:
    assume(value > 0)

    top = nice_above(value)

    assert value <= top <= value * 2.6
