"""Who is on duty: dated shifts before the week's, no gap and no overlap where shifts meet, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.rota import DAYS, Day, Rota, Shift, WeeklyShift

clock = datetime.fromisoformat
"""What the clocks of a zone show."""

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
LOCAL = st.datetimes(clock("2026-01-01T00:00"), clock("2027-12-31T00:00"))
ZONES = st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]).map(ZoneInfo)


def weekly(start: str, end: str, person: str, *days: Day) -> WeeklyShift:
    return WeeklyShift(frozenset(days or DAYS), time.fromisoformat(start), time.fromisoformat(end), person)


@given(ZONES, LOCAL, st.integers(1, 72 * 60), st.integers(1, 72 * 60), st.integers(-6 * 60, 6 * 60))
def test_where_two_shifts_meet_somebody_is_on_duty_and_only_one(
    zone: ZoneInfo, start: datetime, first: int, second: int, offset: int
) -> None:
    middle = start + timedelta(minutes=first)
    end = middle + timedelta(minutes=second)
    shifts = [Shift(start, middle, "alice"), Shift(middle, end, "bob")]
    at = middle.replace(tzinfo=zone).astimezone(UTC) + timedelta(minutes=offset)
    begins, turns, ends = (moment.replace(tzinfo=zone).astimezone(UTC) for moment in (start, middle, end))

    found = {Rota(zone, shifts).on_duty(at), Rota(zone, shifts[::-1]).on_duty(at)}

    expected = "alice" if begins <= at < turns else "bob" if turns <= at < ends else None
    assert found == {expected}


@given(ZONES, st.datetimes(clock("2026-01-01T00:00"), clock("2027-12-31T00:00"), timezones=st.just(UTC)), st.times(), st.times())
def test_a_week_cut_in_two_leaves_nobody_and_nothing_out(zone: ZoneInfo, at: datetime, first: time, second: time) -> None:
    shifts = [WeeklyShift(frozenset(DAYS), first, second, "day"), WeeklyShift(frozenset(DAYS), second, first, "night")]

    assert Rota(zone, weekly=shifts).on_duty(at) in {"day", "night"}
    assert first == second or Rota(zone, weekly=shifts[::-1]).on_duty(at) == Rota(zone, weekly=shifts).on_duty(at)


def test_a_dated_shift_comes_before_the_weeks() -> None:
    holiday = Shift(clock("2026-11-23T09:00"), clock("2026-11-24T09:00"), "bob")
    rota = Rota(SHANGHAI, [holiday], [weekly("00:00", "00:00", "alice")])

    assert rota.on_duty(datetime(2026, 11, 23, 1, 0, tzinfo=UTC)) == "bob"
    assert rota.on_duty(datetime(2026, 11, 24, 1, 0, tzinfo=UTC)) == "alice"


@pytest.mark.parametrize(
    ("at", "person"),
    [
        (clock("2026-11-23T08:59"), None),
        (clock("2026-11-23T09:00"), "alice"),
        (clock("2026-11-23T18:00"), "bob"),
        (clock("2026-11-24T08:59"), "bob"),
        (clock("2026-11-28T10:00"), None),
    ],
)
def test_hours_of_the_week_are_read_on_the_clocks_of_the_zone_and_may_end_on_the_next_day(at: datetime, person: str | None) -> None:
    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu")
    rota = Rota(SHANGHAI, weekly=[weekly("09:00", "18:00", "alice", *days), weekly("18:00", "09:00", "bob", *days)])

    assert rota.on_duty(at.replace(tzinfo=SHANGHAI).astimezone(UTC)) == person


def test_the_hour_that_clocks_show_twice_belongs_to_one_person() -> None:
    rota = Rota(
        BERLIN,
        [
            Shift(clock("2026-10-25T00:00"), clock("2026-10-25T02:30"), "alice"),
            Shift(clock("2026-10-25T02:30"), clock("2026-10-25T12:00"), "bob"),
        ],
    )

    people = [rota.on_duty(datetime(2026, 10, 25, 0, 0, tzinfo=UTC) + timedelta(minutes=minutes)) for minutes in (29, 30, 59, 60, 89, 90)]

    assert people == ["alice", "bob", "bob", "bob", "bob", "bob"]


def test_a_time_that_clocks_skip_is_the_moment_they_jump_over_it() -> None:
    rota = Rota(BERLIN, [Shift(clock("2026-03-29T00:00"), clock("2026-03-29T02:30"), "alice")])

    assert rota.on_duty(datetime(2026, 3, 29, 1, 29, tzinfo=UTC)) == "alice"
    assert rota.on_duty(datetime(2026, 3, 29, 1, 30, tzinfo=UTC)) is None
