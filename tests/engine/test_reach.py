"""A lever of the control plane is warned of by name, also where its provider cannot be asked; on the way home it is not."""

from __future__ import annotations

from typing import Any

import pytest

from drill.engine.compile import compile_plan
from drill.engine.reach import control_plane_warnings
from drill.model.effects import Effect, Verb
from drill.model.plan import Mode, Plan
from drill.model.scenario import Scenario
from drill.steps.base import registry

NAME = "shop.example.com"
CONTROLS = {"endpoints": {"us-east-1": "https://a.example.com"}, "controls": {"primary": "arn:1", "standby": "arn:2"}}
CHECK = {"check": "c-1", "primary": "primary", "standby": "standby"}
SWITCH = {"name": NAME, "to": "standby", "ttl": "60s"}
LEVER = {"name": NAME, "to": "standby"}
WEIGHTS = {"name": NAME, "from": "primary", "to": "standby", "probe": "checkout"}


def plan(provider: str, kind: str, params: dict[str, Any], **zone: Any) -> Plan:
    extra = {"primary": "192.0.2.53"} if provider == "rfc2136" else {}
    steps = {"acknowledge": "none", "budget": "1m", "steps": {"move": {kind: params}}}
    data = {
        "scenario": "reach",
        "title": "Reach",
        "objectives": {"rto": "8m", "rpo": "30s"},
        "sites": {"primary": {"provider": "hosts", "region": "dc-1"}, "standby": {"provider": "hosts", "region": "dc-2"}},
        "probes": {"checkout": {"http": "http://shop.example.com/"}},
        "zones": {"example.com": {"provider": provider, **extra, **zone}},
        "limits": {"max_changes": 2, "allow": ["*"]},
        "phases": {"traffic": steps},
        "failback": {"phases": {"home": steps}},
    }
    return compile_plan(Scenario.model_validate(data), registry(), Mode.LIVE)


def warned(made: Plan, effects: dict[str, list[Effect]] | None = None) -> list[str]:
    return [row.partition(" by its")[0] for row in control_plane_warnings(made, registry(), effects or {})]


@pytest.mark.parametrize(("provider", "control"), [("route53", True), ("alidns", True), ("rfc2136", False)])
@pytest.mark.parametrize(("kind", "params"), [("dns.switch", SWITCH), ("dns.weights", WEIGHTS)])
def test_a_record_is_moved_where_its_zone_is_kept(provider: str, kind: str, params: dict[str, Any], *, control: bool) -> None:
    assert warned(plan(provider, kind, params)) == ([f"'traffic.move' moves '{NAME}'"] if control else [])


@pytest.mark.parametrize(("lever", "control"), [(CHECK, True), (CONTROLS, False)])
def test_a_lever_is_pulled_where_its_form_says(lever: dict[str, Any], *, control: bool) -> None:
    assert bool(warned(plan("route53", "gslb.switch", LEVER, levers={NAME: lever}))) is control
    assert bool(warned(plan("route53", "gslb.await", LEVER, levers={NAME: lever}))) is control


def test_watching_the_providers_own_checks_pulls_nothing() -> None:
    assert warned(plan("route53", "gslb.await", {**LEVER, "act": False}, levers={NAME: CHECK})) == []


def test_what_a_preview_says_counts_more_than_the_form() -> None:
    made = plan("route53", "dns.switch", SWITCH)
    lever = Effect(verb=Verb.UPDATE, target="other.example.com", marks=frozenset({"dns", "control-plane"}))

    assert warned(made, {"traffic.move": []}) == []
    assert warned(made, {"traffic.move": [lever]}) == ["'traffic.move' moves 'other.example.com'"]


def test_a_name_in_no_zone_and_a_step_that_moves_no_name_are_not_warned_of() -> None:
    assert warned(plan("route53", "dns.switch", {**SWITCH, "name": "shop.example.org"})) == []
    assert warned(plan("route53", "dns.lower_ttl", {"name": NAME, "ttl": "60s"})) == []
