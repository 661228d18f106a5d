"""What a vantage point sends is held to the plan and to the clock, whoever sends it, and stored once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drill.adapters.journal_memory import MemoryJournal
from drill.engine.vantage_intake import Moment, Sieved, sieve, store
from drill.model.errors import PreflightFailed
from drill.model.events import Draft, Kind
from drill.model.vantage_wire import MOST_SAMPLES, Batch, Compared, Sampled, ServerClock
from tests.engine.vantage_samples import AT, sampled, vantage_plan

NOW = AT + timedelta(seconds=30)
HERE = Moment(NOW, 1000.0, "here")


def sieved(*samples: Sampled, vantage: str = "frankfurt") -> Sieved:
    return sieve(vantage_plan(), vantage, samples, planned_at=AT, moment=HERE)


def test_a_sound_sample_is_a_fact_that_names_its_probe_and_its_place() -> None:
    (draft,) = sieved(sampled(7)).drafts

    assert (draft.kind, draft.by, draft.key) == (Kind.PROBE_SAMPLED, "probe:checkout@frankfurt", "probe/checkout@frankfurt/f00d-12-34/7")
    assert (draft.data["vantage"], draft.data["probe"], draft.data["user_view"]) == ("frankfurt", "checkout", True)
    assert (draft.data["clock_offset_s"], draft.data["clock_error_s"], draft.data["clock_boot"]) == (3.25, 0.002, "b00t")
    assert (draft.mono_s, draft.at) == (draft.data["sent_s"], sampled(7).at)


def test_whether_its_users_count_is_the_plans_to_say() -> None:
    here, there = sieved(sampled(), vantage="frankfurt").drafts[0], sieved(sampled(), vantage="tokyo").drafts[0]
    beat = sieved(sampled(probe="heartbeat"), vantage="tokyo").drafts[0]

    assert (here.data["user_view"], there.data["user_view"], beat.data["user_view"]) == (True, False, False)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"probe": "heartbeat"}, "does not ask 'heartbeat'"),
        ({"probe": "nobody"}, "does not ask 'nobody'"),
        ({"at": NOW + timedelta(seconds=3)}, "in the future"),
        ({"at": NOW + timedelta(seconds=6), "clock_error_s": None}, "in the future"),
        ({"sent_s": 99.0}, "before it was due"),
        ({"received_s": 99.5}, "before its question"),
        ({"received_s": 200.0, "ok": False}, "long after its time-out"),
        ({"received_s": None}, "has no answer"),
        ({"error": "reset"}, "or an error"),
        ({"clock_boot": ""}, "not with which"),
    ],
)
def test_what_cannot_be_true_is_refused_with_its_reason(changed: dict[str, Any], why: str) -> None:
    found = sieved(sampled(1), sampled(2, **changed))

    assert len(found.drafts) == 1
    assert why in found.wrong[0]


def test_a_clock_may_be_ahead_by_its_own_error_and_one_that_nobody_compared_by_five_seconds() -> None:
    rough = sampled(1, at=NOW + timedelta(seconds=9), clock_error_s=8.0)
    unknown = sampled(2, at=NOW + timedelta(seconds=4), clock_error_s=None, clock_offset_s=None, clock_boot="")

    assert len(sieved(rough, unknown).drafts) == 2


def test_a_comparison_with_this_machine_has_to_fit_its_clocks() -> None:
    fits = {"clock_boot": "here", "at": NOW - timedelta(seconds=20), "clock_offset_s": 1000.0 - 20 - sampled(1).sent_s}

    assert len(sieved(sampled(1, **fits)).drafts) == 1
    assert "different times" in sieved(sampled(1, **{**fits, "clock_offset_s": 1e6})).wrong[0]


def test_samples_from_long_before_the_drill_are_left_out_and_counted() -> None:
    found = sieved(sampled(1, at=AT - timedelta(minutes=6)), sampled(2, at=AT - timedelta(minutes=4)))

    assert (len(found.drafts), found.outside, found.wrong) == (1, 1, ())


def test_a_point_that_the_plan_does_not_name_is_refused() -> None:
    with pytest.raises(PreflightFailed, match=r"lagos.*\n?") as refused:
        sieved(sampled(), vantage="lagos")

    assert (refused.value.code, refused.value.fix) == ("F072", "Its vantage points: frankfurt, tokyo.")


def test_the_same_sample_twice_is_stored_once_and_nothing_follows_the_end() -> None:
    journal = MemoryJournal()
    drafts = sieved(sampled(1), sampled(2)).drafts

    assert store(journal, "d", drafts)
    assert store(journal, "d", drafts)
    assert len(journal.read("d")) == 2
    end = {"outcome": "finished", "exit_code": 0, "left": []}
    journal.append("d", [Draft(Kind.DRILL_FINISHED, "engine", "finished", end, AT, 1.0, "b-1-1")])
    assert not store(journal, "d", sieved(sampled(3)).drafts)
    assert len(journal.read("d")) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"sent_s": float("nan")},
        {"sent_s": float("inf")},
        {"k": -1},
        {"k": 1.5},
        {"epoch": "x/../y"},
        {"epoch": ""},
        {"probe": "x" * 81},
        {"at": "2027-03-01T02:00:00"},
        {"clock_error_s": 31},
        {"clock_error_s": -1},
        {"surprise": 1},
    ],
)
def test_a_sample_of_another_shape_does_not_get_in(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        sampled(**changed)


def test_a_batch_holds_no_more_than_a_request_may_weigh() -> None:
    with pytest.raises(ValidationError):
        Batch(drill="d", samples=(sampled(),) * (MOST_SAMPLES + 1))
    assert len(Batch(drill="d", samples=(sampled(),) * MOST_SAMPLES).model_dump_json()) < 256 * 1024


@given(offset_s=st.floats(-1e6, 1e6), there_s=st.floats(0, 3), work_s=st.floats(0, 2), back_s=st.floats(0, 3), asked_s=st.floats(0, 1e6))
def test_a_comparison_of_clocks_is_never_off_by_more_than_it_says(
    offset_s: float, there_s: float, work_s: float, back_s: float, asked_s: float
) -> None:
    came_s = asked_s + there_s + offset_s
    left_s, heard_s = came_s + work_s, asked_s + there_s + work_s + back_s

    found = Compared.by(ServerClock("b00t", came_s, left_s, AT), asked_s=asked_s, heard_s=heard_s)

    assert abs(found.offset_s - offset_s) <= found.error_s + 1e-6
    assert found.error_s <= (there_s + back_s) / 2 + 1e-6
    assert heard_s + found.wall_offset_s == pytest.approx(AT.timestamp() + (heard_s + found.offset_s - left_s), abs=1e-3)


def test_a_younger_comparison_wins_once_the_older_one_may_have_drifted_further() -> None:
    sharp, rough = Compared("b", 0.0, 0.001, 100.0, 0.0), Compared("b", 0.0, 0.005, 200.0, 0.0)

    assert not rough.better(sharp, 110.0)
    assert rough.better(sharp, 200.0)
    assert Compared("other", 0.0, 9.0, 100.0, 0.0).better(sharp, 100.0)


def test_a_clock_survives_its_header_and_garbage_is_none() -> None:
    clock = ServerClock("b00t", 1.25, 1.5, AT)

    assert ServerClock.read(clock.header()) == clock
    assert [ServerClock.read(text) for text in ("", "a b c", "b 1 2 yesterday", "b 2 1 2027-03-01T02:00:00+00:00", "b 1 nan x")] == [
        None
    ] * 5
