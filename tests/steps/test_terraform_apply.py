"""The step `terraform.apply`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.effects import Verb
from drill.model.errors import Fatal, Retryable
from drill.model.ports import TerraformEvent, Workspace, World
from drill.steps.base import registry
from drill.steps.terraform_apply import TerraformApply, TerraformApplyParams, note
from tests.fakes import FakeAttempt, FakeGround, FakeTerraform, fake_world

ADDRESSES = ('terraform_data.app["b1"]', 'terraform_data.app["b2"]')
OURS = {"drill": "allowed", "drill-id": "d1"}
PARAMS = TerraformApplyParams(module="terraform/sites/sandbox", site="standby", variables={"addresses": ["127.0.2.1", "127.0.2.2"]})


def a_world(**roles: Any) -> World:
    """A sandbox's standby and these roles."""
    return fake_world(ground=FakeGround({"standby": {"region": "b"}}), **roles)


def terraform(**more: Any) -> FakeTerraform:
    return FakeTerraform(*ADDRESSES, outputs={"addresses": ["127.0.2.1", "127.0.2.2"]}, **more)


def test_it_is_found_without_any_other_file_knowing_it() -> None:
    assert isinstance(registry()["terraform.apply"], TerraformApply)


def test_each_resource_is_an_effect_at_its_site_that_is_taken_back_by_itself() -> None:
    fake = terraform()

    effects = TerraformApply().preview(PARAMS, a_world(terraform=fake))

    assert [(effect.verb, effect.target, effect.undo, effect.count) for effect in effects] == [
        *((Verb.CREATE, f"standby/{address}", "automatic", 1) for address in ADDRESSES),
        (Verb.READ, "standby/policy", "none", 0),
    ]
    assert fake.previewed == [(PARAMS.module, PARAMS.variables)]
    assert fake.log == []


@pytest.mark.parametrize(
    ("after", "tags"),
    [
        ({"tags": OURS}, OURS),
        ({"tags_all": {**OURS, "team": "sre"}, "tags": {}}, {**OURS, "team": "sre"}),
        ({"labels": {"size": 2}}, {"size": "2"}),
        ({}, {}),
    ],
)
def test_an_effect_carries_the_tags_its_resource_will_have_and_no_others(after: dict[str, Any], tags: dict[str, str]) -> None:
    fake = terraform()
    fake.after = after

    assert TerraformApply().preview(PARAMS, a_world(terraform=fake))[0].tags == tags


def test_its_outputs_are_foreseen_by_the_preview() -> None:
    fake = terraform()
    world = a_world(terraform=fake)

    foreseen = TerraformApply().foresee(PARAMS, world)

    assert foreseen == TerraformApply().run(PARAMS, world, FakeAttempt())


def test_the_undo_is_written_before_anything_is_planned() -> None:
    fake = terraform()

    class Attempt(FakeAttempt):
        def register_undo(self, undo: Any) -> None:
            fake.log.append(f"undo {undo['undo']}")
            super().register_undo(undo)

    TerraformApply().run(PARAMS, a_world(terraform=fake), Attempt())

    assert [line.partition(" ")[0] for line in fake.log] == ["undo", "plan", "apply"]


def test_it_hands_on_what_the_module_puts_out_and_what_was_built() -> None:
    outputs = TerraformApply().run(PARAMS, a_world(terraform=terraform()), FakeAttempt())

    assert outputs == {"addresses": ["127.0.2.1", "127.0.2.2"], "created": list(ADDRESSES), "count": 2}


def test_every_resource_becomes_a_fact_when_it_begins_and_when_it_is_done() -> None:
    attempt = FakeAttempt()

    TerraformApply().run(PARAMS, a_world(terraform=terraform()), attempt)

    (planned, said), first = attempt.said[0], attempt.said[1:3]
    assert (planned, said["changes"], len(said["plan_sha256"])) == ("planned", 2, 64)
    assert first == [
        (f"{ADDRESSES[0]} create started", {"address": ADDRESSES[0], "action": "create"}),
        (f"{ADDRESSES[0]} create done", {"address": ADDRESSES[0], "action": "create", "took_s": 0.25}),
    ]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("apply_errored", "a.b create failed"), ("resource_drift", "a.b drifted: create"), ("provision_complete", None)],
)
def test_failures_and_drift_are_facts_and_chatter_is_none(kind: str, words: str | None) -> None:
    attempt = FakeAttempt()

    note(attempt, TerraformEvent(kind, "a.b", "create", 1.5, "…"))

    assert [what for what, _ in attempt.said] == ([words] if words else [])


def test_a_try_that_failed_half_way_is_finished_by_the_next_one() -> None:
    fake = terraform()
    fake.failure = Retryable("no room", code="A141")
    world = a_world(terraform=fake)
    with pytest.raises(Retryable, match="no room"):
        TerraformApply().run(PARAMS, world, FakeAttempt())

    attempt = FakeAttempt(number=2)
    outputs = TerraformApply().run(PARAMS, world, attempt)

    assert outputs["created"] == list(ADDRESSES)
    assert attempt.said[0][1]["changes"] == 1


def test_the_undo_destroys_what_there_is_and_may_be_run_again() -> None:
    fake, attempt = terraform(), FakeAttempt()
    world = a_world(terraform=fake)
    TerraformApply().run(PARAMS, world, attempt)
    assert attempt.undo is not None

    for _ in range(2):
        TerraformApply().undo(PARAMS, world, attempt, attempt.undo)

    assert fake.resources(Workspace(attempt.drill, attempt.step, "", {})) == []
    assert [line.partition(" ")[0] for line in fake.log] == ["plan", "apply", "plan", "apply"]


def test_an_undo_that_leaves_something_says_what() -> None:
    fake, attempt = terraform(keeps=ADDRESSES[1]), FakeAttempt()
    world = a_world(terraform=fake)
    TerraformApply().run(PARAMS, world, attempt)

    with pytest.raises(Fatal, match="b2") as caught:
        TerraformApply().undo(PARAMS, world, attempt, {"undo": "destroy"})

    assert caught.value.code == "A243"


def test_a_second_look_names_what_still_exists() -> None:
    fake, attempt = terraform(), FakeAttempt()
    world = a_world(terraform=fake)
    before = TerraformApply().leftovers(PARAMS, world, attempt.drill, attempt.step)

    TerraformApply().run(PARAMS, world, attempt)

    assert before == []
    assert TerraformApply().leftovers(PARAMS, world, attempt.drill, attempt.step) == [
        f"{address} of {attempt.step} still exists" for address in ADDRESSES
    ]


@pytest.mark.parametrize("variables", [{"password": "secret:DB"}, {"users": [{"password": "secret:DB"}]}])
def test_a_secret_cannot_be_a_variable(variables: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"secret:DB.*TF_VAR_name"):
        TerraformApplyParams(module="m", variables=variables)


def test_a_plan_that_breaks_the_policy_is_refused_in_its_preview_and_never_applied() -> None:
    fake = terraform()
    fake.after = {"tags": None}
    world = a_world(terraform=fake)

    for act in (lambda: TerraformApply().preview(PARAMS, world), lambda: TerraformApply().run(PARAMS, world, FakeAttempt())):
        with pytest.raises(Fatal, match=r"b1.*opt-in tag drill = 'allowed'.*b2") as caught:
            act()
        assert caught.value.code == "A246"

    assert fake.log == ["plan phase.step"]
    assert fake.resources(Workspace("d1", "phase.step", "", {})) == []


def test_what_was_built_is_counted_by_its_type_and_no_price_is_invented() -> None:
    fake = FakeTerraform("aws_vpc.site", "aws_instance.app[0]", 'module.a["x.y"].aws_instance.app["b.1"]')
    attempt = FakeAttempt()

    TerraformApply().run(PARAMS, a_world(terraform=fake), attempt)

    assert attempt.said[-1] == ("built 2 aws_instance, 1 aws_vpc; charged until it is destroyed", {"count": 3})


def test_terraform_s_own_resources_cost_nothing() -> None:
    attempt = FakeAttempt()

    TerraformApply().run(PARAMS, a_world(terraform=terraform()), attempt)

    assert attempt.said[-1] == ("built 2 terraform_data", {"count": 2})


def test_a_second_look_asks_the_provider_too_when_the_state_is_empty() -> None:
    fake = terraform()
    fake.at_provider = [["i-1"]]

    left = TerraformApply().leftovers(PARAMS, a_world(terraform=fake), "d1", "phase.step")

    assert left == ["i-1 at standby carries the tags of phase.step"]


def test_what_changed_outside_of_terraform_is_told_before_the_plan_is_judged() -> None:
    fake, attempt = terraform(), FakeAttempt()
    fake.drift = (("aws_instance.app", "update"),)
    fake.after = {"tags": None}

    with pytest.raises(Fatal, match="A246"):
        TerraformApply().run(PARAMS, a_world(terraform=fake), attempt)

    assert attempt.said == [("aws_instance.app drifted: update", {"address": "aws_instance.app", "action": "update"})]
