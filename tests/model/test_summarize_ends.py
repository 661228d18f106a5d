"""Ends that need their own words: with the ground gone, and who answered for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drill.model.events import Draft, Fact, Kind
from drill.model.summarize import summarize
from tests.model.story import Story, redrafted, seal_all

ABORTED = Story(every_s=0.5, ending="aborted").facts()
MET = Story(every_s=0.5).facts()


def told(drafts: list[Draft]) -> list[Fact]:
    return seal_all("d", drafts)


def answered(*, auto: bool | None, started_so: bool) -> bool:
    """Whether a report is stamped, with such answers and such an option at the start."""
    drafts = []
    for draft in redrafted(MET):
        data = {name: value for name, value in draft.data.items() if name != "auto"}
        if draft.kind is Kind.REPLY_RECEIVED and auto is not None:
            data["auto"] = auto
        if draft.kind is Kind.DRILL_PLANNED:
            data["auto_answered"] = started_so
        drafts.append(replace(draft, data=data))
    return summarize(told(drafts), version="1").auto_answered


def test_a_drill_that_ended_with_its_ground_is_not_called_undone() -> None:
    *drafts, end = redrafted(ABORTED)
    gone = replace(end, data={**end.data, "ground_gone": True})

    assert "its ground is gone" in summarize(told([*drafts, gone]), version="1").summary.en


@pytest.mark.parametrize("started_so", [True, False])
def test_a_report_is_stamped_by_who_answered_not_by_how_the_drill_was_started(*, started_so: bool) -> None:
    assert answered(auto=True, started_so=started_so)
    assert not answered(auto=False, started_so=started_so)


@pytest.mark.parametrize("started_so", [True, False])
def test_answers_of_an_older_release_that_do_not_say_are_stamped_as_the_drill_was_started(*, started_so: bool) -> None:
    assert answered(auto=None, started_so=started_so) == started_so
