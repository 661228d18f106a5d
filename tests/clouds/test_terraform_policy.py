"""The policy between a real plan and its apply."""

from __future__ import annotations

from pathlib import Path

import pytest

from drill.model.errors import Fatal
from drill.steps.terraform_apply import TerraformApply, TerraformApplyParams
from tests.adapters.terraform_place import Place
from tests.fakes import FakeAttempt, FakeGround, fake_world

ADOPTING = """
import {
  to = terraform_data.app
  id = "somebody-s"
}
resource "terraform_data" "app" {}
"""


def test_a_real_plan_that_adopts_something_is_not_applied_and_names_where_and_why(tmp_path: Path) -> None:
    place, attempt = Place(tmp_path), FakeAttempt()
    world = fake_world(terraform=place.cli, ground=FakeGround({"standby": {"region": "b"}}))
    params = TerraformApplyParams(module=place.module(ADOPTING))

    with pytest.raises(Fatal, match=r"terraform_data\.app: it would take over.*\[own\]") as caught:
        TerraformApply().run(params, world, attempt)

    assert caught.value.code == "A246"
    assert TerraformApply().leftovers(params, world, attempt.drill, attempt.step) == []
    assert [what for what, _ in attempt.said] == []


def test_a_plan_that_keeps_the_rules_says_so_in_its_preview_and_its_facts(tmp_path: Path) -> None:
    place, attempt = Place(tmp_path), FakeAttempt()
    world = fake_world(terraform=place.cli, ground=FakeGround({"standby": {"region": "b"}}))
    params = TerraformApplyParams(module=place.module('resource "terraform_data" "app" {}'))

    *_, held = TerraformApply().preview(params, world)
    TerraformApply().run(params, world, attempt)

    assert (held.target, held.count, held.detail) == ("standby/policy", 0, "the plan keeps every rule: tags, own, place, doors")
    assert attempt.said[0][1]["policy"] == ["tags", "own", "place", "doors"]
