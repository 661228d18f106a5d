"""Vantage points: the worst user's view is the recovery time, and what a point did not see is never taken for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.model.events import Fact, Kind
from drill.model.plan import VantagePoint
from drill.model.recovery import Recovery, recoveries_of, worst_of
from drill.model.report import ProbeRow, Report
from drill.model.summarize import summarize
from drill.model.timeline import Timeline
from drill.model.windows import all_series
from tests.model.story import Story, redrafted, seal_all
from tests.model.story_vantage import Seen, with_points

FRANKFURT = VantagePoint(id="frankfurt", probes=("checkout",))
SYDNEY = VantagePoint(id="sydney", probes=("checkout",), user_view=False)
STORY = Story(every_s=0.1)
FACTS = STORY.facts()
OUTAGE_S = next(fact.mono_s for fact in FACTS if fact.kind is Kind.OUTAGE_INJECTED) - 5000
PLAIN = summarize(FACTS, version="1")


def told(*seen: Seen, points: Sequence[VantagePoint] = (FRANKFURT,), facts: Sequence[Fact] = FACTS) -> Report:
    return summarize(with_points(facts, points, seen), version="1")


def row(report: Report, name: str = "checkout@frankfurt") -> ProbeRow:
    return next(probe for probe in report.probes if probe.id == name)


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


LATE = told(Seen("frankfurt", late_s=1.0))


def test_a_point_whose_clock_runs_ahead_does_not_move_the_end_of_the_drill() -> None:
    facts = with_points(FACTS, [FRANKFURT], [Seen("frankfurt", error_s=None, wall_ahead_s=3600.0)])

    assert Timeline(facts).now_ms == Timeline(FACTS).now_ms


def outside(start: float, end: float) -> Callable[[float], bool]:
    return lambda at: not start <= at < end


def test_a_point_whose_users_waited_longer_decides_the_recovery_time_and_is_named() -> None:
    report = told(Seen("frankfurt", late_s=1.0))

    assert (PLAIN.rto.actual_s or 0) + 0.9 < (report.rto.actual_s or 0) < (PLAIN.rto.actual_s or 0) + 1.2
    assert "checkout@frankfurt" in report.rto.why.en
    assert [probe.id for probe in report.probes if probe.decides] == ["checkout@frankfurt"]
    assert sum(value or 0 for value in report.clocks.model_dump().values()) == pytest.approx(report.rto.actual_s, abs=0.0005)


def test_a_point_whose_users_were_better_off_changes_nothing_and_has_a_row_of_its_own() -> None:
    report = told(Seen("frankfurt", error_s=0.0))

    assert report.rto.actual_s == PLAIN.rto.actual_s
    here, there = row(report, "checkout").rto, row(report).rto
    assert here
    assert there
    assert here.actual_s == there.actual_s
    assert (row(report).vantage, row(report).probe) == ("frankfurt", "checkout")


def test_a_point_that_takes_no_users_view_is_shown_and_does_not_count() -> None:
    report = told(Seen("sydney", late_s=3.0), points=(SYDNEY,))

    assert report.rto.actual_s == PLAIN.rto.actual_s
    assert row(report, "checkout@sydney").rto is None
    assert row(report, "checkout@sydney").samples > 50


def test_a_point_that_never_sent_a_sample_leaves_the_recovery_unmeasured_with_its_name() -> None:
    report = told()

    assert (report.rto.met, report.rto.actual_s) == (None, None)
    assert "frankfurt sent no sample of checkout" in report.rto.why.en
    assert "V126" in codes(report)
    assert row(report).samples == 0
    assert report.fixes[0].title.en == "Keep `drill probe` running at frankfurt"


def test_a_target_missed_here_stays_missed_whatever_a_silent_point_might_have_seen() -> None:
    report = told(facts=Story(every_s=0.1, rto_s=5.0).facts())

    assert report.rto.met is False


def test_an_agent_that_was_gone_in_the_outage_is_a_gap_with_its_times_and_no_failure() -> None:
    gone = (OUTAGE_S + 1, OUTAGE_S + 5)
    report = told(Seen("frankfurt", keep=outside(*gone)))

    assert report.rto.met is None
    assert "frankfurt sent nothing of checkout between 02:00:0" in report.rto.why.en
    assert "V107" in codes(report)
    gap = row(report).gaps[0]
    assert gap.end_s - gap.start_s == pytest.approx(4.0, abs=0.3)
    assert row(report).failed < row(told(Seen("frankfurt"))).failed
    assert not any(run.start_s < gap.start_s + 0.2 and run.end_s > gap.end_s - 0.2 for run in row(report).runs)


def test_an_agent_that_died_in_the_outage_and_never_came_back_is_unmeasured() -> None:
    report = told(Seen("frankfurt", keep=lambda at: at < OUTAGE_S + 1))

    assert (report.rto.met, report.rto.actual_s) == (None, None)
    assert "frankfurt sent nothing" in report.rto.why.en


def test_an_agent_that_was_gone_for_the_whole_outage_did_not_see_that_all_was_well() -> None:
    report = told(Seen("frankfurt", keep=outside(OUTAGE_S - 1, OUTAGE_S + 12)))

    assert report.rto.met is None
    assert "frankfurt sent nothing" in report.rto.why.en


def test_an_agent_that_died_after_the_target_had_passed_has_seen_it_missed() -> None:
    facts = Story(every_s=0.1, rto_s=3.0, recovers=False).facts()

    assert told(Seen("frankfurt", keep=lambda at: at < OUTAGE_S + 5), facts=facts).rto.met is False


def test_a_clock_that_was_compared_roughly_widens_the_interval_by_its_error() -> None:
    sharp, rough = told(Seen("frankfurt", error_s=0.0)), told(Seen("frankfurt", error_s=0.4))

    narrow, wide = row(sharp).rto, row(rough).rto
    assert narrow
    assert wide
    assert (wide.low_s or 0) == pytest.approx((narrow.low_s or 0) - 0.4, abs=0.001)
    assert (wide.high_s or 0) == pytest.approx((narrow.high_s or 0) + 0.4, abs=0.001)
    assert row(rough).clock_error_s == 0.4
    assert rough.rto.actual_s == wide.actual_s


def test_a_wrong_wall_clock_does_no_harm_when_the_clocks_were_compared() -> None:
    right, wrong = told(Seen("frankfurt")), told(Seen("frankfurt", wall_ahead_s=-7200.0))

    assert row(wrong) == row(right)
    assert wrong.evidence.boots == 1
    assert "V108" not in codes(wrong)


def test_samples_from_a_file_stand_by_their_wall_clock_and_the_report_says_so() -> None:
    report = told(Seen("frankfurt", late_s=1.0, error_s=None, wall_ahead_s=0.3))

    assert report.rto.met is True
    assert (report.rto.actual_s or 0) > (PLAIN.rto.actual_s or 0) + 0.9
    assert row(report).clock_error_s is None
    assert "V127" in codes(report)


def test_a_comparison_with_another_machine_than_the_drills_says_nothing_about_the_drills_clock() -> None:
    report = told(Seen("frankfurt", compared_with="w3b00t"))

    assert report.rto.met is True
    assert row(report).clock_error_s is None
    assert "V127" in codes(report)


def test_a_file_whose_wall_clock_is_hours_off_measures_nothing_and_moves_nothing() -> None:
    report = told(Seen("frankfurt", error_s=None, wall_ahead_s=7200.0))

    assert (report.rto.met, report.finished_s) == (None, PLAIN.finished_s)


def test_an_agent_on_the_drills_own_machine_shares_its_clock() -> None:
    facts = with_points(FACTS, [FRANKFURT], [Seen("frankfurt", error_s=None, boot="b00t1", wall_ahead_s=99)])
    moved = [draft for draft in redrafted(facts) if draft.data.get("vantage") != "frankfurt"]
    for draft in redrafted(facts):
        if draft.data.get("vantage") == "frankfurt":
            near = {name: draft.data[name] - 1234.5 for name in ("due_s", "sent_s", "received_s")}
            moved.append(type(draft)(draft.kind, draft.by, draft.key, {**draft.data, **near}, draft.at, near["sent_s"], draft.epoch))

    report = summarize(seal_all("d", moved), version="1")

    assert row(report).runs == row(report, "checkout").runs


SAMPLES = sum(fact.kind is Kind.PROBE_SAMPLED and fact.data["probe"] == "checkout" for fact in FACTS)
BADNESS = {False: 0, None: 1, True: 2}


@cache
def story(rto_s: float) -> list[Fact]:
    """The same drill under another promise."""
    return Story(every_s=0.1, rto_s=rto_s).facts()


def views(facts: Sequence[Fact], points: Sequence[VantagePoint], *seen: Seen) -> tuple[Recovery, dict[str, Recovery]]:
    """What counts, and what each view says."""
    timeline = Timeline(with_points(facts, points, seen))
    found = recoveries_of(timeline, all_series(timeline), {})
    return worst_of(timeline, found), found


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, SAMPLES - 1), max_size=60), st.sampled_from([5.0, 9.2, 10.5, 60.0]), st.sampled_from([0.0, 0.7, 2.0]))
def test_losing_samples_of_a_point_never_makes_the_result_better(lost: set[int], rto_s: float, late_s: float) -> None:
    place = iter(range(SAMPLES))

    whole, before = views(story(rto_s), [FRANKFURT], Seen("frankfurt", late_s=late_s))
    less, then = views(story(rto_s), [FRANKFURT], Seen("frankfurt", late_s=late_s, keep=lambda _at: next(place) not in lost))

    assert not (less.met is True and whole.met is not True)
    wide, narrow = then["checkout@frankfurt"], before["checkout@frankfurt"]
    assert wide.low_ms is None or (narrow.low_ms is not None and wide.low_ms <= narrow.low_ms)
    assert wide.high_ms is None or (narrow.high_ms is not None and wide.high_ms >= narrow.high_ms)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 4), min_size=1, max_size=3), st.sampled_from([9.2, 10.5, 12.0, 60.0]))
def test_the_result_is_that_of_the_worst_view(waits: list[float], rto_s: float) -> None:
    names = ("frankfurt", "tokyo", "lagos")[: len(waits)]
    points = [VantagePoint(id=name, probes=("checkout",)) for name in names]

    worst, found = views(story(rto_s), points, *(Seen(name, late_s=wait) for name, wait in zip(names, waits, strict=True)))

    assert len(found) == 1 + len(points)
    assert BADNESS[worst.met] == min(BADNESS[view.met] for view in found.values())
    alike = [view.actual_ms for view in found.values() if view.met == worst.met]
    assert worst.actual_ms == (None if None in alike else max(alike, key=lambda actual_ms: actual_ms or 0))


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_samples_may_come_in_any_order(shuffler: Random) -> None:
    facts = with_points(FACTS, [FRANKFURT], [Seen("frankfurt", late_s=1.0)])
    late = [draft for draft in redrafted(facts) if draft.data.get("vantage")]
    shuffler.shuffle(late)
    rest = [draft for draft in redrafted(facts) if not draft.data.get("vantage")]

    mixed = summarize(seal_all("d", [*rest[:-1], *late, rest[-1]]), version="1")

    assert mixed.rto == LATE.rto
    assert row(mixed) == row(LATE)
