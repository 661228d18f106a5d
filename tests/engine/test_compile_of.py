"""A step that takes something back names the step that made it, and one of the right kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from drill.engine.compile_checks import scenario_problems
from drill.model.problem import Problem
from drill.steps.base import registry
from tests.scenarios import sound

_DRILL: Mapping[str, Any] = {
    "outage": {"steps": {"blackhole": {"outage.isolate": {"site": "primary"}}}},
    "rebuild": {"after": ["outage"], "steps": {"capacity": {"terraform.apply": {"module": "terraform/sites/sandbox", "site": "standby"}}}},
}


def problems(step: Mapping[str, Any], *, phases: Mapping[str, Any] = _DRILL) -> list[Problem]:
    return scenario_problems(sound(phases=phases, failback={"phases": {"home": {"steps": {"back": step}}}}), registry())


@pytest.mark.parametrize(
    ("step", "what", "fix"),
    [
        (
            {"terraform.destroy": {"of": "outage.blackhole"}},
            "'outage.blackhole' is 'outage.isolate', but 'terraform.apply' is needed here.",
            "Name rebuild.capacity.",
        ),
        (
            {"outage.restore": {"of": "rebuild.capacity", "site": "primary"}},
            "'rebuild.capacity' ('terraform.apply') makes no outage.",
            "Name outage.blackhole.",
        ),
    ],
)
def test_what_takes_back_must_name_what_made_it(step: Mapping[str, Any], what: str, fix: str) -> None:
    (found,) = problems(step)

    assert (found.code, found.what, found.fix) == ("S046", what, fix)
    assert found.at[-1] == "of"


@pytest.mark.parametrize(
    "step", [{"terraform.destroy": {"of": "rebuild.capacity"}}, {"outage.restore": {"of": "outage.blackhole", "site": "primary"}}]
)
def test_what_takes_back_what_made_it_is_sound(step: Mapping[str, Any]) -> None:
    assert problems(step) == []


def test_a_step_that_is_not_there_is_one_mistake_with_the_nearest_name() -> None:
    (found,) = problems({"terraform.destroy": {"of": "rebuild.capacty"}})

    assert (found.code, "rebuild.capacity" in found.fix) == ("S026", True)


def test_without_anything_to_remove_the_step_has_no_place() -> None:
    (found,) = problems({"terraform.destroy": {"of": "outage.blackhole"}}, phases={"outage": _DRILL["outage"]})

    assert found.fix == "No step of this scenario is one: add it, or drop this step."
