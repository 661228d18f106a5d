"""Where a plan promotes nothing, the data loss is what the database itself lacks after the outage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.model.dataloss import rpo_of
from drill.model.events import Draft, Fact, Kind
from drill.model.report import Rpo
from drill.model.timeline import Timeline
from tests.model.story import Story, redrafted, seal_all


def unpromoted(story: Story, *, site: str = "") -> list[Fact]:
    """The story of a plan that promotes nothing, with the look at the canary at its own database."""
    facts = story.facts()

    def without(draft: Draft) -> Draft:
        if draft.kind is Kind.DRILL_PLANNED:
            return replace(draft, data={**draft.data, "plan": _harmless(draft.data["plan"])})
        if draft.kind is Kind.STEP_STARTED:
            return replace(draft, data={**draft.data, "no_return": False})
        return replace(draft, data={**draft.data, "site": site}) if draft.kind is Kind.CANARY_FOUND else draft

    return seal_all(facts[0].drill, [without(draft) for draft in redrafted(facts)])


def _harmless(plan: Mapping[str, Any]) -> dict[str, Any]:
    phases = [{**phase, "steps": [{**step, "no_return": False} for step in phase["steps"]]} for phase in plan["phases"]]
    return {**plan, "phases": phases}


def rpo(facts: Sequence[Fact]) -> Rpo:
    return rpo_of(Timeline(facts))


def test_rows_that_are_all_in_the_database_are_no_loss() -> None:
    found = rpo(unpromoted(Story()))

    assert (found.met, found.actual_s, found.lost_rows) == (True, 0.0, 0)
    assert "acknowledged rows are on the database; " in found.why.en


@pytest.mark.parametrize("lost", [1, 3, 7])
def test_rows_that_it_lacks_are_counted(lost: int) -> None:
    found = rpo(unpromoted(Story(lost_rows=lost)))

    assert found.lost_rows == lost
    assert found.actual_s == pytest.approx(lost * 0.05, abs=0.05)


def test_a_look_at_some_site_is_no_look_at_the_database() -> None:
    assert rpo(unpromoted(Story(), site="standby")).met is None


def test_without_a_look_the_loss_is_unmeasured() -> None:
    found = rpo(unpromoted(Story(found=False)))

    assert (found.met, found.why.en) == (None, "The canary was not read back after the loss.")


def test_a_plan_that_should_have_promoted_is_not_measured_by_its_own_database() -> None:
    facts = Story().facts()
    drafts = [row for row in redrafted(facts) if row.kind is not Kind.STEP_STARTED]

    assert rpo(seal_all(facts[0].drill, drafts)).why.en == "No database was promoted."


MISSED = unpromoted(Story(every_s=0.2, lost_rows=5, rpo_s=0.1))


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from(list(Kind)), max_size=4))
def test_leaving_out_kinds_of_facts_never_makes_a_missed_objective_met(gone: set[Kind]) -> None:
    kept = [draft for draft in redrafted(MISSED) if draft.kind not in gone or draft.kind is Kind.DRILL_PLANNED]

    assert rpo(MISSED).met is False
    assert rpo(seal_all(MISSED[0].drill, kept)).met is not True
