"""A plan of a newer release is refused wherever it is read."""

from __future__ import annotations

import pytest

from drill.model.errors import JournalBroken
from drill.model.plan import PLAN_VERSION, Plan
from tests.model.story_plan import sandbox_plan


def test_a_plan_of_a_newer_release_is_refused_and_says_what_to_do() -> None:
    row = {**sandbox_plan().model_dump(mode="json"), "version": PLAN_VERSION + 1, "something_new": True}

    with pytest.raises(JournalBroken, match="newer release") as refused:
        Plan.model_validate(row)

    assert refused.value.code == "J007"
    assert "newer release" in refused.value.fix
