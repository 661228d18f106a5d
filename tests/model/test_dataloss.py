"""The data loss is what was acknowledged and is gone; without every piece of evidence it is unmeasured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.model.dataloss import rpo_of
from drill.model.events import Draft, Fact, Kind
from drill.model.report import Rpo
from drill.model.timeline import Timeline
from tests.model.story import Story, redrafted, seal_all

FACTS = Story(every_s=0.2, lost_rows=2).facts()


def rpo(facts: Sequence[Fact]) -> Rpo:
    return rpo_of(Timeline(facts))


def changed(facts: Sequence[Fact], change: Callable[[Draft], Draft | None]) -> list[Fact]:
    """The chain with each draft changed, or left out."""
    drafts = [change(draft) for draft in redrafted(facts)]
    return seal_all(facts[0].drill, [draft for draft in drafts if draft is not None])


def test_rows_that_are_all_there_are_no_loss() -> None:
    found = rpo(Story().facts())

    assert (found.met, found.actual_s, found.lost_rows) == (True, 0.0, 0)


@pytest.mark.parametrize("lost", [1, 3, 7])
def test_every_missing_row_is_counted_and_the_first_sets_the_length(lost: int) -> None:
    found = rpo(Story(lost_rows=lost).facts())

    assert found.lost_rows == lost
    assert found.actual_s == pytest.approx(lost * 0.05, abs=0.05)
    assert found.met is True


def test_a_loss_longer_than_promised_is_missed() -> None:
    assert rpo(Story(lost_rows=5, rpo_s=0.1).facts()).met is False


@pytest.mark.parametrize("kind", [Kind.CANARY_FOUND, Kind.CANARY_ACKNOWLEDGED, Kind.OUTAGE_INJECTED, Kind.STEP_STARTED])
def test_without_a_piece_of_evidence_the_loss_is_unmeasured(kind: Kind) -> None:
    found = rpo(changed(FACTS, lambda draft: None if draft.kind is kind else draft))

    assert (found.met, found.actual_s, found.lost_rows) == (None, None, None)


def test_looking_at_the_lost_site_is_no_evidence() -> None:
    def elsewhere(draft: Draft) -> Draft:
        if draft.kind is not Kind.CANARY_FOUND:
            return draft
        return Draft(draft.kind, draft.by, draft.key, {**draft.data, "site": "primary"}, draft.at, draft.mono_s, draft.epoch)

    assert rpo(changed(FACTS, elsewhere)).met is None


def test_a_look_that_did_not_ask_for_every_row_is_no_evidence() -> None:
    def short(draft: Draft) -> Draft:
        if draft.kind is not Kind.CANARY_FOUND:
            return draft
        return Draft(draft.kind, draft.by, draft.key, {**draft.data, "highest_asked": 2}, draft.at, draft.mono_s, draft.epoch)

    assert rpo(changed(FACTS, short)).met is None


def test_a_canary_that_fell_silent_before_the_outage_is_no_evidence() -> None:
    outage = next(fact for fact in FACTS if fact.kind is Kind.OUTAGE_INJECTED)

    def later(draft: Draft) -> Draft:
        if draft.kind is not Kind.CANARY_ACKNOWLEDGED or draft.data["acked_s"] > outage.mono_s:
            return draft
        data = {**draft.data, "acked_s": draft.data["acked_s"] - 2.5}
        return Draft(draft.kind, draft.by, draft.key, data, draft.at, draft.mono_s, draft.epoch)

    found = rpo(changed(FACTS, later))

    assert found.met is None
    assert "nothing in the last" in found.why.en


def test_a_cut_that_takes_seconds_makes_no_silence_of_what_came_before_it() -> None:
    outage = next(fact for fact in FACTS if fact.kind is Kind.OUTAGE_INJECTED)

    def told(begun_s: float) -> list[Fact]:
        def cut(draft: Draft) -> Draft:
            if draft.kind is Kind.OUTAGE_INJECTED:
                return replace(draft, data={**draft.data, "begun_s": begun_s})
            if draft.kind is not Kind.CANARY_ACKNOWLEDGED or draft.data["acked_s"] > outage.mono_s:
                return draft
            return replace(draft, data={**draft.data, "acked_s": draft.data["acked_s"] - 2.5})

        return changed(FACTS, cut)

    assert rpo(told(outage.mono_s)).met is None
    assert rpo(told(outage.mono_s - 2.5)).actual_s == pytest.approx(0.4, abs=0.2)  # the two lost rows, not the seconds of the cut


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(list(Kind)), min_size=1))
def test_leaving_out_kinds_of_facts_never_makes_a_missed_objective_met(gone: set[Kind]) -> None:
    facts = Story(every_s=0.2, lost_rows=2, rpo_s=0.1).facts()

    less = changed(facts, lambda draft: None if draft.kind in gone - {Kind.DRILL_PLANNED} else draft)

    assert rpo(less).met is not True
