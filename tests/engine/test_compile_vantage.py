"""Vantage points in a scenario: what may be written, what is refused, and what becomes of them in the plan."""

from __future__ import annotations

from typing import Any

import pytest

from drill.engine.compile import compile_plan
from drill.engine.compile_checks import scenario_problems
from drill.model.plan import Mode, Plan, VantagePoint
from drill.steps.base import registry
from tests.scenarios import KINDS, scenario, sound

PROBES = {
    "checkout": {"http": "http://shop.drill.test/checkout", "user_view": True},
    "search": {"http": "http://shop.drill.test/search", "user_view": True},
    "sticky": {"http": "http://shop.drill.test/checkout", "connection": "kept"},
}


def _plan(points: Any) -> Plan:
    return compile_plan(scenario(probes=PROBES, vantage_points=points), KINDS, Mode.SANDBOX)


def _said(points: Any, **probes: Any) -> list[tuple[str, str, str]]:
    return [(row.code, row.what, row.fix) for row in scenario_problems(sound(probes=probes or PROBES, vantage_points=points), KINDS)]


def test_a_point_asks_every_users_view_and_every_kept_probe_unless_it_says_what_it_asks() -> None:
    points = {
        "frankfurt": {"key": "secret:VANTAGE_FRANKFURT"},
        "tokyo": {"probes": ["sticky"], "user_view": False},
        "lagos": {"probes": "search"},
    }

    assert _plan(points).vantage_points == (
        VantagePoint(id="frankfurt", probes=("checkout", "search", "sticky"), user_view=True, key="secret:VANTAGE_FRANKFURT"),
        VantagePoint(id="tokyo", probes=("sticky",), user_view=False, key=""),
        VantagePoint(id="lagos", probes=("search",), user_view=True, key=""),
    )


def test_a_plan_without_points_is_written_as_older_releases_wrote_it() -> None:
    assert "vantage_points" not in _plan({}).model_dump(mode="json")
    assert Plan.model_validate(_plan({"frankfurt": {}}).model_dump(mode="json")) == _plan({"frankfurt": {}})


@pytest.mark.parametrize("written", [["serch"], "serch"], ids=["list", "one"])
def test_an_unknown_probe_is_answered_with_the_nearest_one(written: Any) -> None:
    assert _said({"frankfurt": {"probes": written}}) == [("S025", "there is no probe 'serch'.", "Did you mean 'search'?")]


def test_a_point_with_nothing_to_ask_is_refused() -> None:
    said = _said({"frankfurt": {}}, checkout={"http": "http://shop.drill.test/"})

    assert [(code, what) for code, what, _ in said] == [("S048", "'frankfurt' has nothing to ask: no probe takes the user's view.")]


def test_a_key_is_a_reference_and_never_the_key_itself() -> None:
    with pytest.raises(ValueError, match="secret:NAME"):
        scenario(probes=PROBES, vantage_points={"frankfurt": {"key": "hunter2"}})


def test_a_probe_that_never_resolves_again_cannot_prove_a_switch() -> None:
    phases = {"traffic": {"steps": {"proof": {"probe.until": {"probe": "sticky"}}, "sound": {"probe.until": {"probe": "search"}}}}}

    (found,) = scenario_problems(sound(probes=PROBES, phases=phases, failback={}), registry())

    assert (found.code, found.at) == ("S049", ("phases", "traffic", "steps", "proof", "probe.until", "probe"))
