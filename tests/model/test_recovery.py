"""The recovery time is what users had, as an interval; missing samples can only make it less certain."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.model.events import Fact, Kind
from drill.model.questions import questions
from drill.model.recovery import Recovery, recovery_of
from drill.model.summarize import summarize
from drill.model.timeline import Timeline
from drill.model.windows import Shot, all_series, windows
from tests.model.story import Story, redrafted, seal_all

QUICK = Story(every_s=0.1)
QUICK_FACTS = QUICK.facts()
QUICK_MISSED = Story(every_s=0.1, rto_s=8.0).facts()


def shots(pattern: str, *, every_ms: int = 100) -> list[Shot]:
    """`+` a good sample, `-` a failed one, `.` none."""
    return [
        Shot(place * every_ms, place * every_ms, place * every_ms + 10, mark == "+", "a", 0)
        for place, mark in enumerate(pattern)
        if mark != "."
    ]


def recovery(facts: Sequence[Fact]) -> Recovery:
    timeline = Timeline(facts)
    return recovery_of(timeline, all_series(timeline), questions(timeline))


def keeping(facts: Sequence[Fact], keep: Sequence[bool]) -> list[Fact]:
    """The chain with only some of its user-view samples."""
    marks = iter(keep)
    left = [fact for fact in facts if not (fact.kind is Kind.PROBE_SAMPLED and fact.data["user_view"]) or next(marks, True)]
    return seal_all(facts[0].drill, redrafted(left))


def user_samples(facts: Sequence[Fact]) -> int:
    return sum(fact.kind is Kind.PROBE_SAMPLED and fact.data["user_view"] for fact in facts)


def test_one_failed_sample_alone_is_no_loss() -> None:
    assert windows(shots("+++-+++++"), need=3, every_ms=100) == []


def test_a_loss_ends_with_the_first_of_the_good_samples_in_a_row() -> None:
    (found,) = windows(shots("+++----+-++++"), need=3, every_ms=100)

    assert (found.last_good, found.first_bad, found.last_bad, found.first_good) == (2, 3, 8, 9)


def test_a_missing_sample_breaks_a_row_of_good_ones() -> None:
    taken = shots("++---++.+++")

    (found,) = windows(taken, need=3, every_ms=100)

    assert taken[found.first_good or 0].due == 800


def test_the_recovery_lies_between_what_failed_and_what_was_good() -> None:
    row = recovery(Story().facts())

    assert row.met is True
    assert row.low_ms is not None
    assert row.actual_ms == row.high_ms
    assert 0 <= (row.high_ms or 0) - row.low_ms <= 2 * 50 + 12


def test_the_number_of_good_samples_comes_from_the_plans_own_proof() -> None:
    assert "first of 20 good ones" in recovery(Story().facts()).why.en


def test_a_target_inside_the_interval_leaves_the_recovery_unmeasured() -> None:
    row = recovery(Story(rto_s=9.15).facts())

    assert row.met is None
    assert (row.low_ms or 0) <= 9150 < (row.high_ms or 0)
    assert "9.2 s" in row.why.en


def test_a_target_below_the_interval_is_missed() -> None:
    assert recovery(Story(rto_s=9.0).facts()).met is False


@pytest.mark.parametrize("gap", [(0.0, 3.0), (5.0, 7.5), (9.0, 11.5)])
def test_a_gap_of_more_than_two_seconds_leaves_the_recovery_unmeasured(gap: tuple[float, float]) -> None:
    row = recovery(Story(gap=gap).facts())

    assert row.met is None
    assert row.actual_ms is None


def test_a_short_gap_at_the_edge_widens_the_interval() -> None:
    plain, holed = recovery(Story().facts()), recovery(Story(gap=(1.0, 2.0)).facts())

    assert holed.met is True
    assert (holed.high_ms or 0) > (plain.high_ms or 0)
    assert (holed.low_ms or 0) < (plain.low_ms or 0)


def test_without_a_good_sample_before_the_loss_nothing_is_measured() -> None:
    row = recovery(Story(gap=(0.0, 1.7)).facts())

    assert row.met is None
    assert "before the loss" in row.why.en


def test_a_service_that_never_came_back_has_missed_once_the_target_has_certainly_passed() -> None:
    row = recovery(Story(recovers=False, rto_s=5.0).facts())

    assert (row.met, row.actual_ms) == (False, None)


def test_a_service_that_is_still_down_before_the_target_is_not_judged() -> None:
    row = recovery(Story(recovers=False, ending="running").facts())

    assert (row.met, row.actual_ms) == (None, None)


def test_the_recovery_ends_with_the_last_loss_before_the_verdict() -> None:
    plain, twice = recovery(Story().facts()), recovery(Story(second_dip=(12.0, 12.4)).facts())

    assert len(twice.lost) == 2
    assert (twice.actual_ms or 0) > (plain.actual_ms or 0) + 1000


def test_the_dips_of_the_failback_do_not_count() -> None:
    assert len(recovery(Story().facts()).lost) == 1


def test_a_service_that_came_back_because_the_outage_was_lifted_did_not_recover() -> None:
    row = recovery(Story(ending="aborted").facts())

    assert (row.met, row.actual_ms) == (None, None)


def test_a_probe_slower_than_the_gate_may_finish_its_proof_in_the_failback() -> None:
    assert recovery(Story(every_s=0.2).facts()).met is True


def test_without_an_outage_there_is_no_recovery() -> None:
    left = [fact for fact in QUICK_FACTS if fact.kind is not Kind.OUTAGE_INJECTED]

    assert recovery(seal_all("d", redrafted(left))).met is None


def test_of_several_user_view_probes_the_worst_counts() -> None:
    facts = Story(rto_s=9.25).facts()
    drafts = redrafted(facts)
    later = [draft for draft in drafts if draft.kind is Kind.PROBE_SAMPLED and draft.data["probe"] == "checkout"]
    for draft in later:
        down_longer = draft.data["site"] == "standby" and draft.data["sent_s"] < 5000 + 11.4
        data = {**draft.data, "probe": "search", "ok": draft.data["ok"] and not down_longer}
        drafts.append(type(draft)(draft.kind, "probe:search", draft.key + "s", data, draft.at, draft.mono_s, draft.epoch))

    row = recovery(seal_all("d", drafts))

    assert recovery(facts).met is True
    assert (row.probe, row.met) == ("search", False)


def test_an_accepted_recovery_ends_with_the_answer_of_the_last_gate() -> None:
    user, accepted = recovery(Story().facts()), recovery(Story(rto_binds="accepted").facts())

    assert accepted.met is True
    assert (accepted.actual_ms or 0) > (user.actual_ms or 0) + 3000


def test_a_recovery_nobody_accepted_is_unmeasured() -> None:
    row = recovery(Story(rto_binds="accepted", ending="held").facts())

    assert (row.met, row.actual_ms) == (None, None)


def test_a_reboot_ties_its_facts_on_by_wall_time_and_says_so() -> None:
    facts = Story(killed=True, rebooted=True).facts()

    report = summarize(facts, version="1")

    assert report.evidence.boots == 2
    assert "V108" in {row.code for row in report.findings}
    assert report.finished_s == pytest.approx((facts[-1].at - Timeline(facts).zero.at).total_seconds(), abs=0.01)


def contains(outer: Recovery, inner: Recovery) -> bool:
    """Whether the outer interval leaves at least as much open."""
    low = outer.low_ms is None or (inner.low_ms is not None and outer.low_ms <= inner.low_ms)
    return low and (outer.high_ms is None or (inner.high_ms is not None and outer.high_ms >= inner.high_ms))


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 14), st.floats(0, 3), st.floats(0, 2), st.floats(0, 2))
def test_widening_a_gap_never_narrows_the_interval(start: float, length: float, before: float, after: float) -> None:
    narrow = recovery(Story(every_s=0.1, gap=(start, start + length)).facts())
    wide = recovery(Story(every_s=0.1, gap=(start - before, start + length + after)).facts())

    assert contains(wide, narrow)
    assert not (wide.met is not None and narrow.met is None)


@settings(max_examples=80, deadline=None)
@given(st.sets(st.integers(0, user_samples(QUICK_FACTS) - 1), max_size=30))
def test_losing_samples_never_turns_a_missed_target_into_a_met_one(lost: set[int]) -> None:
    keep = [place not in lost for place in range(user_samples(QUICK_FACTS))]

    less = recovery(keeping(QUICK_FACTS, keep))

    assert contains(less, recovery(QUICK_FACTS))
    assert recovery(keeping(QUICK_MISSED, keep)).met is not True
