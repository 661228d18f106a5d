"""The time a drill is on hold is a person's, and no phase answers for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.model.events import Draft, Kind
from drill.model.report import PhaseRow, Report
from drill.model.summarize import summarize
from tests.model.story import Story, redrafted, seal_all


def told(story: Story) -> Report:
    return summarize(story.facts(), version="1")


def lengths(report: Report) -> dict[str, tuple[float | None, float | None, float | None]]:
    return {row.id: (row.actual_s, row.work_s, row.over_budget_s) for row in report.phases if row.part == "drill"}


def phase(report: Report, name: str) -> PhaseRow:
    return next(row for row in report.phases if row.id == name)


def test_a_hold_that_was_lifted_leaves_every_phase_as_long_as_without_it() -> None:
    assert lengths(told(Story(every_s=0.2, hold_s=40.0))) == lengths(told(Story(every_s=0.2)))


def test_the_time_on_hold_is_the_human_clock() -> None:
    held, plain = told(Story(every_s=0.2, hold_s=40.0)), told(Story(every_s=0.2))

    assert held.clocks.human_s == pytest.approx((plain.clocks.human_s or 0) + 40.0, abs=0.001)
    assert held.clocks.machine_s == pytest.approx(plain.clocks.machine_s, abs=0.2)  # one sample: the window's end lies on a grid


def test_a_hold_tells_when_why_and_what_was_chosen() -> None:
    (row,) = told(Story(every_s=0.2, hold_s=40.0)).holds

    assert (row.part, row.reason, row.chose, row.by) == ("drill", "nobody answered traffic", "proceed", "person:operator")
    assert (row.end_s or 0) - row.start_s == pytest.approx(40.0)


def test_a_hold_nobody_has_ended_is_open() -> None:
    (row,) = told(Story(every_s=0.2, ending="held")).holds

    assert (row.end_s, row.chose, row.by) == (None, None, None)


def test_a_phase_that_was_open_when_the_drill_turned_home_ends_with_the_hold() -> None:
    report = told(Story(every_s=0.2, ending="held", hold_s=40.0, within_s=4.0))
    (hold,) = report.holds

    row = phase(report, "traffic")

    assert (row.state, row.end_s, row.held_s) == ("failed", hold.start_s, 0.0)
    assert all((one.actual_s or 0) < 15 for one in report.phases)


def test_a_phase_that_failed_before_a_hold_runs_again_when_a_person_proceeds() -> None:
    story = Story(every_s=0.2, hold_s=40.0)
    drafts = redrafted(story.facts())
    failed = [
        draft if draft.kind is not Kind.PHASE_CLOSED or draft.key != "data/closed" else _but(draft, state="failed") for draft in drafts
    ]
    decided = next(n for n, draft in enumerate(failed) if draft.kind is Kind.OPERATOR_DECIDED)

    before = summarize(seal_all(story.drill, failed[:decided]), version="1")
    after = summarize(seal_all(story.drill, failed[: decided + 2]), version="1")
    done = summarize(seal_all(story.drill, failed), version="1")

    assert [phase(one, "data").state for one in (before, after, done)] == ["failed", "running", "succeeded"]
    assert phase(done, "data").held_s == pytest.approx(40.0)


def _but(draft: Draft, **data: str) -> Draft:
    return replace(draft, data={**draft.data, **data})


def test_to_decide_at_once_is_worth_the_time_on_hold() -> None:
    best = told(Story(every_s=0.2, hold_s=40.0)).fixes[0]

    assert best.title.en == "Decide at once when the drill goes on hold"
    assert best.saves_s == pytest.approx(40.0)


def test_a_decision_about_one_step_ends_no_hold() -> None:
    story = Story(every_s=0.2, hold_s=40.0)
    drafts = [_but(draft, verb="retry") if draft.kind is Kind.OPERATOR_DECIDED else draft for draft in redrafted(story.facts())]

    report = summarize(seal_all(story.drill, drafts), version="1")

    assert report.holds[0].chose is None


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 900).map(lambda hold_s: round(hold_s, 3)), st.booleans())
def test_the_clocks_add_up_and_no_phase_grows_however_long_the_hold(hold_s: float, killed: bool) -> None:  # noqa: FBT001 - drawn
    report = told(Story(every_s=5.0, hold_s=hold_s, killed=killed))

    clocks = [part for part in report.clocks.model_dump().values() if part is not None]
    assert sum(round(part * 1000) for part in clocks) == round((report.rto.actual_s or 0) * 1000)
    assert lengths(report) == lengths(told(Story(every_s=5.0, killed=killed)))
    assert all((row.start_s or 0) + (row.actual_s or 0) + row.held_s == pytest.approx(row.end_s) for row in report.phases if row.end_s)
