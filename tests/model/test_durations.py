"""Durations: what people write is read exactly, and what we write reads back the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from drill.model.durations import Duration, format_duration, parse_duration_s


class _Row(BaseModel):
    within: Duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("30s", 30.0),
        ("8m", 480.0),
        ("1m48s", 108.0),
        ("1h30m", 5400.0),
        ("2d", 172800.0),
        ("1.5s", 1.5),
        ("1m500ms", 60.5),
        (" 5s ", 5.0),
        ("0s", 0.0),
    ],
)
def test_a_written_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", " ", "5", "s", "5 s", "-5s", "5s1m", "1m48", "1e3s", "5S", "5sec", "1.5m", "٣s"])
def test_a_text_that_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 250ms, 30s, 8m or 1m48s"):
        parse_duration_s(text)


@given(st.integers(min_value=0, max_value=10 * 86_400_000))
def test_a_duration_reads_back_to_the_millisecond(milliseconds: int) -> None:
    seconds = milliseconds / 1000

    assert parse_duration_s(format_duration(seconds)) == seconds


@given(st.integers(min_value=0, max_value=10 * 86_400_000))
def test_the_shortest_writing_of_a_duration_is_written(milliseconds: int) -> None:
    text = format_duration(milliseconds / 1000)

    assert format_duration(parse_duration_s(text)) == text
    assert "." not in text


@given(st.one_of(st.integers(), st.booleans(), st.none(), st.lists(st.integers())))
def test_a_value_that_is_not_written_as_a_duration_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        _Row.model_validate({"within": value})


def test_a_duration_of_a_plan_reads_back_from_its_json() -> None:
    row = _Row.model_validate({"within": "1m48s"})

    assert _Row.model_validate(row.model_dump(mode="json")) == row


@pytest.mark.parametrize("text", ["32d", "3650d", "1000h", "9" * 400 + "s"])
def test_a_length_no_drill_could_have_is_refused_with_the_longest_one(text: str) -> None:
    with pytest.raises(ValidationError, match="expected at most 31d, got"):
        _Row(within=text)


def test_the_longest_length_is_one() -> None:
    assert _Row(within="31d").within == 31 * 86_400
