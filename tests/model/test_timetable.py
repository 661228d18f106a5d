"""Cron lines are read by the clock of their zone, and due times never repeat or skip however the question is cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.timetable import check_cron, due_between, next_due

START = datetime(2026, 3, 1, tzinfo=UTC)


def test_three_in_the_morning_in_shanghai_is_nineteen_utc() -> None:
    assert next_due("0 3 * * *", "Asia/Shanghai", after=START) == datetime(2026, 3, 1, 19, tzinfo=UTC)


def test_a_daily_drill_keeps_its_hour_when_the_clocks_change() -> None:
    due, _ = due_between(
        "0 5 * * *", "Europe/Berlin", after=datetime(2026, 3, 27, 12, tzinfo=UTC), until=datetime(2026, 3, 30, tzinfo=UTC), limit=9
    )

    assert [at.hour for at in due] == [4, 3]


def test_six_fields_start_with_the_seconds() -> None:
    assert next_due("*/3 * * * * *", "UTC", after=START) == START + timedelta(seconds=3)


@pytest.mark.parametrize("cron", ["x y", "61 * * * *", "* * * *", "0 0 31 2 *"])
def test_a_line_that_is_never_due_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match=r"expected|cron"):
        check_cron(cron, "UTC")


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(ValueError, match="Asia/Nowhere"):
        check_cron("0 3 * * *", "Asia/Nowhere")


def test_of_a_long_gap_the_newest_are_told_one_by_one_and_the_older_ones_counted() -> None:
    due, older = due_between("* * * * *", "UTC", after=START, until=START + timedelta(hours=1), limit=50)

    assert (len(due), older) == (50, 10)
    assert due[-1] == START + timedelta(hours=1)


@given(st.lists(st.integers(0, 600), min_size=1, max_size=5))
def test_looking_in_pieces_finds_the_same_due_times_as_looking_once(cuts: list[int]) -> None:
    moments = [START, *(START + timedelta(minutes=cut) for cut in sorted(cuts))]

    pieces = [at for low, high in pairwise(moments) for at in due_between("*/7 * * * *", "UTC", after=low, until=high, limit=999)[0]]

    assert pieces == due_between("*/7 * * * *", "UTC", after=START, until=moments[-1], limit=999)[0]
