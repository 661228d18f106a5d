"""A fix is worth what the schedule gains when it is run again with one thing shorter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.model.attempts import works
from drill.model.courses import courses
from drill.model.events import Kind
from drill.model.questions import questions
from drill.model.recovery import recovery_of
from drill.model.report import FixRow, Report
from drill.model.schedule import Clip, Schedule
from drill.model.summarize import summarize
from drill.model.timeline import Timeline
from drill.model.windows import all_series
from tests.model.story import Story


def schedule(story: Story) -> Schedule:
    timeline = Timeline(story.facts())
    tasks, asked = works(timeline), questions(timeline)
    window = recovery_of(timeline, all_series(timeline), asked).window
    assert window is not None
    return Schedule(courses(timeline, tasks, asked), tasks, asked, window)


def best(report: Report) -> FixRow:
    return report.fixes[0]


def test_a_late_answer_is_the_first_thing_to_fix_and_says_what_it_would_have_given() -> None:
    report = summarize(Story(every_s=0.2, rto_s=15.0, within_s=4.0, recover_wait_s=12.0).facts(), version="1")

    fix = best(report)

    assert fix.title.en == "Answer “Rebuild + Data” within 4.0 s"
    assert fix.saves_s == 8.0
    assert fix.rto_would_be_s == pytest.approx((report.rto.actual_s or 0) - 8.0)
    assert (report.rto.met, fix.would_meet) == (False, True)
    assert fix.title.en in report.summary.en


def test_what_is_off_the_critical_path_saves_nothing() -> None:
    assert schedule(Story(every_s=0.2)).saved_ms(Clip(steps={"data.promote": 2000})) == 0


def test_a_parallel_branch_limits_what_a_shorter_step_saves() -> None:
    saved = schedule(Story(every_s=0.2)).saved_ms(Clip(steps={"rebuild.capacity": 5000}))

    assert 2000 < saved < 3000


def test_what_came_before_the_outage_saves_nothing() -> None:
    assert schedule(Story(every_s=0.2)).saved_ms(Clip(gates={"go": 1000})) == 0


def test_what_came_after_the_recovery_saves_nothing() -> None:
    assert schedule(Story(every_s=0.2)).saved_ms(Clip(gates={"traffic": 1000})) == 0


def test_a_retry_is_worth_the_tries_before_the_last() -> None:
    report = summarize(Story(every_s=0.2, retried=True).facts(), version="1")

    assert best(report).title.en == "Make “Build capacity” succeed at the first try"
    assert best(report).saves_s == pytest.approx(2.1)


def test_without_a_measured_recovery_the_fixes_say_what_is_in_the_way() -> None:
    report = summarize(Story(every_s=0.2, gap=(5.0, 9.0)).facts(), version="1")

    assert [(row.title.en, row.saves_s) for row in report.fixes] == [("Keep the observer sampling", None)]


def test_there_are_at_most_three_and_the_best_comes_first() -> None:
    report = summarize(Story(every_s=0.2, killed=True, retried=True, recover_wait_s=9.0).facts(), version="1")

    saved = [row.saves_s or 0 for row in report.fixes]

    assert len(saved) == 3
    assert saved == sorted(saved, reverse=True)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["rebuild.capacity", "data.promote", "traffic.switch", "detect.heartbeat"]), st.integers(0, 9000)),
    st.dictionaries(st.sampled_from(["go", "recover", "traffic", "outage"]), st.integers(0, 1300)),
)
def test_a_change_never_saves_more_than_it_takes_off(steps: dict[str, int], gates: dict[str, int]) -> None:
    saved = SCHEDULE.saved_ms(Clip(steps=steps, gates=gates))

    assert 0 <= saved <= sum(steps.values()) + sum(gates.values())


SCHEDULE = schedule(Story(every_s=0.2))


def test_a_clip_of_nothing_saves_nothing() -> None:
    for story in (Story(every_s=0.2), Story(every_s=0.2, killed=True), Story(every_s=0.2, rto_binds="accepted")):
        assert schedule(story).saved_ms(Clip()) == 0


def test_a_declined_drill_names_the_answer_to_settle() -> None:
    facts = Story(ending="declined").facts()

    report = summarize(facts, version="1")

    assert Kind.DECLINED in {fact.kind for fact in facts}
    assert best(report).title.en == "Settle why “Go or no-go” was declined"
