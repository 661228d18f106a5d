"""Each lever a zone describes is pulled by the adapter made for it, and nothing is asked before it is."""

from __future__ import annotations

from typing import Any

import pytest

from drill.adapters.arc_controls import RoutingControls
from drill.adapters.dns_route53_health import Route53HealthCheck
from drill.adapters.gtm_access import GtmAccessMode
from drill.adapters.gtm_plans import GtmRecoveryPlan
from drill.adapters.gtm_pools import GtmPools
from drill.model.errors import Fatal, PreflightFailed
from drill.model.plan import Plan, Zone
from drill.wiring.grounds import levers_of
from tests.engine.drilling import phase_of, plan_of, step_of

ARC = {"endpoints": {"us-east-1": "https://arc.example.com"}, "controls": {"primary": "arn:1", "standby": "arn:2"}}
CHECK = {"check": "h-1", "primary": "primary", "standby": "standby"}
FORMS: list[tuple[dict[str, Any], type[object]]] = [
    ({"strategy": "s-1", "pools": {"primary": "DEFAULT", "standby": "FAILOVER"}}, GtmAccessMode),
    ({"plan": 7, "primary": "primary", "standby": "standby"}, GtmRecoveryPlan),
    ({"instance": "gtm-1", "config": "c-1", "pools": {"primary": "p-1", "standby": "p-2"}}, GtmPools),
    (ARC, RoutingControls),
    (CHECK, Route53HealthCheck),
]


def plan(lever: dict[str, Any], *, name: str = "shop.example.com") -> Plan:
    zone = Zone(id="example.com", provider="route53", options={"levers": {name: lever}})
    return plan_of(phase_of("a", step_of("a.x"))).model_copy(update={"zones": (zone,)})


@pytest.mark.parametrize(("lever", "adapter"), FORMS)
def test_each_form_has_its_adapter(lever: dict[str, Any], adapter: type[object]) -> None:
    assert type(levers_of(plan(lever)).lever("shop.example.com")) is adapter


def test_a_name_without_a_lever_is_told_which_have_one() -> None:
    with pytest.raises(Fatal, match="no global load balancer is named for www") as refused:
        levers_of(plan(CHECK)).lever("www.example.com")

    assert "shop.example.com" in refused.value.fix


def test_an_endpoint_that_may_not_be_used_stops_it_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ROUTE_53", "http://route53.example.com")

    with pytest.raises(PreflightFailed, match="in the clear"):
        levers_of(plan(CHECK))
