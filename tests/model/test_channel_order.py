"""Channels are tried as written, those that lately failed a person after the others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.channel_order import NEVER_TRIED, Outcome, ordered, outcomes
from drill.model.events import Draft, Kind, seal

CHANNELS = st.lists(st.sampled_from(["sms", "email", "chat", "hook"]), min_size=1, max_size=4, unique=True)
PAST = st.lists(
    st.builds(Outcome, st.sampled_from(["lead", "oncall"]), st.sampled_from(["sms", "email", "chat", "gone"]), reached=st.booleans()),
    max_size=20,
)


@given(CHANNELS, PAST)
def test_every_channel_stays_and_none_is_added(channels: list[str], past: list[Outcome]) -> None:
    assert sorted(ordered(channels, "lead", past)) == sorted(channels)


@given(CHANNELS, PAST)
def test_what_failed_others_changes_nothing(channels: list[str], past: list[Outcome]) -> None:
    assert ordered(channels, "lead", [row for row in past if row.contact != "lead"]) == tuple(channels)


@given(CHANNELS, PAST)
def test_a_success_puts_a_channel_back_where_it_was_written(channels: list[str], past: list[Outcome]) -> None:
    mended = [*past, *(Outcome("lead", channel, reached=True) for channel in channels)]

    assert ordered(channels, "lead", mended) == tuple(channels)


def test_two_failures_in_a_row_move_a_channel_behind_and_one_does_not() -> None:
    failed = Outcome("lead", "sms", reached=False)

    assert ordered(["sms", "email"], "lead", [failed]) == ("sms", "email")
    assert ordered(["sms", "email"], "lead", [failed, failed]) == ("email", "sms")


def test_when_every_channel_fails_the_written_order_stands() -> None:
    failed = [Outcome("lead", channel, reached=False) for channel in ("sms", "email") for _ in range(3)]

    assert ordered(["sms", "email"], "lead", failed) == ("sms", "email")


@pytest.mark.parametrize(("code", "failures"), [*((code, 0) for code in sorted(NEVER_TRIED)), ("isv.BLACK_KEY_CONTROL_LIMIT", 1)])
def test_a_refusal_of_ours_says_nothing_about_a_channel(code: str, failures: int) -> None:
    about = {"message": "m", "purpose": "gate", "gate": "go", "phase": "go", "text": "x"}
    data = {**about, "contact": "lead", "channel": "voice", "state": "rejected", "code": code}
    sent = seal("d", 1, Draft(Kind.MESSAGE_SENT, "engine", "message/m", data, datetime(2026, 3, 14, tzinfo=UTC), 0.0, "e"), "")

    assert len(outcomes([sent])) == failures
