"""Guards in a scenario: what may be written, what is refused, and what becomes of them in the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drill.engine.compile import compile_plan
from drill.engine.compile_checks import scenario_problems
from drill.model.errors import ScenarioInvalid
from drill.model.plan import Guard, Mode, Plan
from drill.wiring.scenarios import open_scenario
from tests.scenarios import KINDS, scenario, sound

SHIPPED = Path(__file__).parents[2] / "scenarios" / "sandbox-region-outage.yaml"
NEIGHBOUR = {"http": "http://neighbour.drill.test/health"}
PROBES = {"neighbour": NEIGHBOUR, "checkout": {"http": "http://shop.drill.test/checkout", "user_view": True}}


def _plan(guards: Any) -> Plan:
    return compile_plan(scenario(probes=PROBES, guards=guards), KINDS, Mode.SANDBOX)


def _said(guards: Any) -> list[tuple[str, str]]:
    return [(row.what, row.fix) for row in scenario_problems(sound(probes=PROBES, guards=guards), KINDS)]


def test_a_list_of_probes_guards_each_under_its_own_name() -> None:
    assert _plan(["neighbour"]).guards == (Guard(id="neighbour", asks="probe", probe="neighbour", misses=3),)


def test_each_source_becomes_a_guard_of_the_plan() -> None:
    guards = {
        "shop": {"probe": "neighbour", "misses": 5},
        "errors": {"prometheus": {"url": "http://prometheus:9090", "query": "sum(rate(errors[1m])) < 2", "for": "10s", "every": "1s"}},
        "pager": {"alertmanager": {"url": "http://alerts:9093", "alert": "NeighbourDown"}},
    }

    assert _plan(guards).guards == (
        Guard(id="shop", asks="probe", probe="neighbour", misses=5),
        Guard(id="errors", asks="prometheus", url="http://prometheus:9090", query="sum(rate(errors[1m])) < 2", for_s=10.0, every_s=1.0),
        Guard(id="pager", asks="alertmanager", url="http://alerts:9093", alert="NeighbourDown", for_s=5.0, every_s=2.0),
    )


def test_a_plan_without_guards_has_none_and_a_plan_from_before_guards_still_loads() -> None:
    plan = compile_plan(scenario(), KINDS, Mode.SANDBOX)
    older = plan.model_dump(mode="json")
    del older["guards"]

    assert plan.guards == ()
    assert Plan.model_validate(older) == plan


@pytest.mark.parametrize("guards", [["neighbor"], {"shop": {"probe": "neighbor"}}], ids=["list", "mapping"])
def test_an_unknown_probe_is_answered_with_the_nearest_one(guards: Any) -> None:
    assert _said(guards) == [("there is no probe 'neighbor'.", "Did you mean 'neighbour'?")]


def test_the_users_view_is_no_guard_because_every_drill_breaks_it() -> None:
    assert _said(["checkout"]) == [
        ("the drill itself makes 'checkout' fail: as a guard it would end every drill.", "Guard a service that the drill must not harm.")
    ]


def test_addresses_may_look_up_sites_but_no_steps() -> None:
    def guard(url: str) -> dict[str, Any]:
        return {"pager": {"alertmanager": {"url": url, "alert": "Down"}}}

    assert _said(guard("http://{{ sites.standby.host }}:9093")) == []
    assert [what for what, _ in _said(guard("http://{{ sites.nowhere.host }}:9093"))] == ["there is no site 'nowhere'."]
    assert [what for what, _ in _said(guard("http://{{ steps.lose.outputs.host }}:9093"))] == [
        "probes and guards are asked all the time: they cannot use the outputs of steps."
    ]


_WRONG = [
    ("shop: {}", "exactly one of probe, prometheus and alertmanager"),
    ("shop: {probe: heartbeat, alertmanager: {url: 'http://a', alert: A}}", "exactly one of probe, prometheus and alertmanager"),
    ("shop: {misses: 3, alertmanager: {url: 'http://a', alert: A}}", "'misses' beside a probe only"),
    ("shop: {probe: other, misses: 1}", "greater than or equal to 2"),
    ("shop: {alertmanager: {url: 'alerts:9093', alert: A}}", "expected an address such as"),
    ("shop: {alertmanager: {url: 'http://me:secret@alerts', alert: A}}", "without a user and password"),
    ("shop: {prometheus: {url: 'http://p/?query=up', query: up == 1}}", "without a query"),
    ("shop: {prometheus: {url: 'http://p', query: 'up{job!=\"x\"}'}}", "it must compare"),
    ("shop: {prometheus: {url: 'http://p', query: up == bool 1}}", "without 'bool'"),
    ("shop: {prometheus: {url: 'http://p', query: up == 1, fore: 3s}}", "Did you mean 'for'?"),
    ("shop: {prometheus: {url: 'http://p', query: up == 1, for: 0s}}", "above zero"),
]


@pytest.mark.parametrize(("line", "said"), _WRONG, ids=[said for _, said in _WRONG])
def test_a_wrong_guard_is_refused_at_its_line_with_what_is_expected(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "scenario.yaml"
    shipped = SHIPPED.read_text(encoding="utf-8").rstrip()
    path.write_text(f"{shipped}\n\nguards:\n  {line}\n", encoding="utf-8")

    with pytest.raises(ScenarioInvalid) as refused:
        open_scenario(path)

    findings = refused.value.findings
    assert any(said in str(row) for row in findings)
    assert {row.line for row in findings} == {len(shipped.splitlines()) + 3}


def test_the_detector_of_the_shipped_scenario_is_no_guard(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(SHIPPED.read_text(encoding="utf-8") + "\nguards: [heartbeat]\n", encoding="utf-8")

    with pytest.raises(ScenarioInvalid) as refused:
        open_scenario(path)

    assert [row.code for row in refused.value.findings] == ["S037"]
