"""The step `terraform.destroy`."""

from __future__ import annotations

from typing import Any

import pytest

from drill.model.effects import Verb
from drill.model.errors import Fatal
from drill.model.ports import World
from drill.steps.base import registry
from drill.steps.terraform_apply import TerraformApply, TerraformApplyParams
from drill.steps.terraform_destroy import TerraformDestroy, TerraformDestroyParams
from tests.fakes import FakeAttempt, FakeClock, FakeGround, FakeTerraform, fake_world

PARAMS = TerraformDestroyParams(of="rebuild.capacity")
ADDRESSES = ("terraform_data.a", "terraform_data.b")


def a_world(**roles: Any) -> World:
    """A sandbox's standby and these roles."""
    return fake_world(ground=FakeGround({"standby": {"region": "b"}}), **roles)


def build(fake: FakeTerraform) -> None:
    attempt = FakeAttempt()
    attempt.step = PARAMS.of
    TerraformApply().run(TerraformApplyParams(module="m"), a_world(terraform=fake), attempt)


def test_it_is_found_without_any_other_file_knowing_it() -> None:
    assert isinstance(registry()["terraform.destroy"], TerraformDestroy)


def test_its_effect_is_marked_as_a_destroy_at_its_site() -> None:
    (effect,) = TerraformDestroy().preview(TerraformDestroyParams(of="rebuild.capacity", site="b"), fake_world())

    assert (effect.verb, effect.target, effect.marks) == (Verb.DELETE, "b/rebuild.capacity", frozenset({"destroy"}))


def test_it_destroys_what_the_other_step_built_and_names_it() -> None:
    fake, attempt = FakeTerraform(*ADDRESSES), FakeAttempt()
    build(fake)

    outputs = TerraformDestroy().run(PARAMS, a_world(terraform=fake), attempt)

    assert outputs == {"destroyed": list(ADDRESSES), "count": 2}
    assert fake.log[2:] == ["plan destroy rebuild.capacity", "apply rebuild.capacity"]
    assert [what for what, _ in attempt.said] == [
        "planned",
        "terraform_data.a delete started",
        "terraform_data.a delete done",
        "terraform_data.b delete started",
        "terraform_data.b delete done",
    ]


def test_run_again_or_for_what_was_never_built_it_has_nothing_to_do() -> None:
    fake = FakeTerraform(*ADDRESSES)

    outputs = TerraformDestroy().run(PARAMS, a_world(terraform=fake), FakeAttempt())

    assert outputs == {"destroyed": [], "count": 0}
    assert fake.log == []


def test_what_is_left_in_the_state_fails_the_step() -> None:
    fake = FakeTerraform(*ADDRESSES, keeps=ADDRESSES[0])
    build(fake)

    with pytest.raises(Fatal, match=r"terraform_data\.a") as caught:
        TerraformDestroy().run(PARAMS, a_world(terraform=fake), FakeAttempt())

    assert caught.value.code == "A243"


def test_what_an_interrupted_try_had_removed_already_counts_too() -> None:
    fake, attempt = FakeTerraform(*ADDRESSES), FakeAttempt()
    build(fake)
    TerraformDestroy().run(PARAMS, a_world(terraform=fake), attempt)  # its engine dies before this is written down

    outputs = TerraformDestroy().run(PARAMS, a_world(terraform=fake), attempt)

    assert outputs == {"destroyed": list(ADDRESSES), "count": 2}


def test_a_destroy_is_proved_at_the_provider_itself_which_may_lag_behind() -> None:
    fake, attempt, clock = FakeTerraform(*ADDRESSES), FakeAttempt(), FakeClock()
    build(fake)
    fake.at_provider = [["i-1", "vpc-1"], ["vpc-1"], []]

    TerraformDestroy().run(PARAMS, a_world(terraform=fake, clock=clock), attempt)

    assert attempt.said[-1] == ("the provider knows of nothing that carries the drill's tags", {"site": "standby", "looks": 3})


def test_what_the_provider_still_has_after_a_minute_fails_the_step_though_the_state_is_empty() -> None:
    fake, clock = FakeTerraform(*ADDRESSES), FakeClock()
    build(fake)
    fake.at_provider = [["vpc-1"]] * 100
    began_s = clock.mono_s()

    with pytest.raises(Fatal, match=r"standby still has vpc-1.*although its state is empty") as caught:
        TerraformDestroy().run(PARAMS, a_world(terraform=fake, clock=clock), FakeAttempt())

    assert caught.value.code == "A243"
    assert clock.mono_s() - began_s == pytest.approx(60.0)
