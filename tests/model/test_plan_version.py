"""A plan of a newer release is refused wherever it is read, one of an older release is read as it was written."""

from __future__ import annotations

import pytest

from drill.model.errors import JournalBroken
from drill.model.events import Draft
from drill.model.plan import PLAN_VERSION, Plan, plan_digest
from drill.model.summarize import summarize
from tests.model.story import Story, redrafted, seal_all
from tests.model.story_plan import sandbox_plan


def test_a_plan_of_a_newer_release_is_refused_and_says_what_to_do() -> None:
    row = {**sandbox_plan().model_dump(mode="json"), "version": PLAN_VERSION + 1, "something_new": True}

    with pytest.raises(JournalBroken, match="newer release") as refused:
        Plan.model_validate(row)

    assert refused.value.code == "J007"
    assert "newer release" in refused.value.fix


def test_a_plan_written_by_an_older_release_that_knew_fewer_fields_is_the_one_that_was_approved() -> None:
    drafts = redrafted(Story().facts())
    first = drafts[0]
    newer = next(name for name, field in Plan.model_fields.items() if not field.is_required())
    older = {name: value for name, value in first.data["plan"].items() if name != newer}
    data = {**first.data, "plan": older, "plan_digest": plan_digest(older)}
    drafts[0] = Draft(first.kind, first.by, first.key, data, first.at, first.mono_s, first.epoch)

    assert "V113" not in {row.code for row in summarize(seal_all("d", drafts), version="1").findings}
