"""Figures are written the way people read them, and no text leaves with a control character."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.views.figures import difference, exact, interval, length, moment, printable, promised


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0, "0 s"),
        (0.004, "0 s"),
        (0.087, "0.09 s"),
        (0.994, "0.99 s"),
        (0.996, "1.0 s"),
        (7.449, "7.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1:00"),
        (89.6, "1:30"),
        (3599.7, "1:00:00"),
        (3723.0, "1:02:03"),
        (-52.5, "−52.5 s"),
    ],
)
def test_a_length_is_in_seconds_below_a_minute_and_on_a_clock_above(seconds: float | None, text: str) -> None:
    assert length(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(30.0, "30 s"), (7.5, "7.5 s"), (60.0, "1:00"), (108.0, "1:48"), (None, "–")])
def test_a_promise_carries_no_decimals_it_does_not_have(seconds: float | None, text: str) -> None:
    assert promised(seconds) == text


def test_a_difference_always_shows_its_direction() -> None:
    assert [difference(value) for value in (1.25, -48.0, 0.0, 66.0)] == ["+1.2 s", "−48.0 s", "0 s", "+1:06"]


def test_an_interval_needs_both_of_its_ends() -> None:
    assert interval(7.45, 7.512) == "7.45 – 7.51 s"
    assert interval(61.0, 74.26) == "1:01.0 – 1:14.3"
    assert interval(None, 7.0) == ""


def test_a_moment_is_wall_time_in_utc_whatever_the_zone_of_zero() -> None:
    assert moment("2026-11-21T10:00:00+08:00", 61.0) == "02:01:01"


@given(st.lists(st.integers(min_value=0, max_value=10_000_000), min_size=1, max_size=6))
def test_exact_figures_add_up_to_the_millisecond(parts_ms: list[int]) -> None:
    written = [exact(part / 1000) for part in parts_ms]

    total_ms = sum(round(float(text) * 1000) for text in written)

    assert total_ms == sum(parts_ms)


@given(st.text())
def test_printable_text_has_no_control_character_and_keeps_everything_else(text: str) -> None:
    shown = printable(text)

    assert len(shown) == len(text)
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in shown)
    assert printable(shown) == shown


@given(st.floats(min_value=-1e6, max_value=1e6))
def test_a_length_never_shows_sixty_seconds(seconds: float) -> None:
    text = length(seconds)

    assert "60" not in text.replace("−", "").split(":")[-1] if ":" in text else float(text.removesuffix(" s").replace("−", "-")) < 60
