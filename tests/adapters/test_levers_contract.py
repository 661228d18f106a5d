"""What every lever promises: the same cases on the fake, three generations of GTM, routing controls and Route 53 health checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from drill.adapters.arc_controls import RoutingControls
from drill.adapters.dns_route53_client import Route53Account
from drill.adapters.dns_route53_health import Route53HealthCheck
from drill.adapters.gtm_access import GtmAccessMode
from drill.adapters.gtm_plans import GtmRecoveryPlan
from drill.adapters.gtm_pools import GtmPools
from drill.model.errors import Fatal
from drill.model.ports import Lever, Steering
from drill.sandbox.arc_http import ArcCluster
from drill.sandbox.gtm_api import GtmApi
from tests.adapters.alidns_place import calls, running_alidns
from tests.lever_fakes import FakeLever
from tests.sandbox.dns_process import DnsProcess, running_dns

NAME = "shop.drill.test"
HOME, AWAY = "arn:aws:route53-recovery-control::1:controlpanel/p/routingcontrol/home", "arn:aws:r::1:controlpanel/p/routingcontrol/away"
KINDS = ["fake", "gtm 1.0", "gtm 2.0", "gtm plan", "gtm 3.0", "routing controls", "health check"]


@dataclass(frozen=True)
class Pulled:
    """A lever, and everything its provider holds as text."""

    lever: Lever
    held: Callable[[], str]


@pytest.fixture(scope="module")
def dns_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DnsProcess]:
    directory: Path = tmp_path_factory.mktemp("dns")
    with running_dns(directory) as process:
        yield process


@pytest.fixture(params=KINDS)
def pulled(request: pytest.FixtureRequest) -> Iterator[Pulled]:
    if request.param == "fake":
        fake = FakeLever()
        yield Pulled(fake, lambda: fake.mode)
    elif request.param == "routing controls":
        cluster = ArcCluster({HOME: "On", AWAY: "Off"})
        cluster.start()
        controls = {"primary": HOME, "standby": AWAY}
        lever = RoutingControls(NAME, cluster.endpoints, controls, access_key="key", secret_key="secret")
        yield Pulled(lever, lambda: json.dumps(cluster.states, sort_keys=True))
        cluster.end()
    elif request.param == "health check":
        yield health_check(request.getfixturevalue("dns_process"))
    else:
        api = GtmApi()
        with running_alidns({}, {}, api) as server:
            yield Pulled(_gtm(request.param, api, server), api.snapshot)


def _gtm(kind: str, api: GtmApi, server: Any) -> Lever:
    sites: Any = {"DEFAULT": "primary", "FAILOVER": "standby"}
    if kind == "gtm 3.0":
        api.add_config("gtm-cn-3", "config", "pool-home", "pool-away")
        return GtmPools(NAME, calls(server), "gtm-cn-3", "config", {"primary": "pool-home", "standby": "pool-away"})
    generation = 2 if kind == "gtm 2.0" else 1
    api.add_strategy(generation, f"gtm-cn-{generation}", "strategy", "pool-home", "pool-away")
    if kind == "gtm plan":
        plan = int(api.call("AddGtmRecoveryPlan", {"Name": "home is lost", "FaultAddrPool": '["pool-home"]'})["RecoveryPlanId"])
        return GtmRecoveryPlan(NAME, calls(server), plan, primary="primary", standby="standby")
    return GtmAccessMode(NAME, calls(server), "strategy", sites, generation=generation)


def health_check(process: DnsProcess) -> Pulled:
    vendor = boto3.client("route53", region_name="us-east-1", endpoint_url=process.api, aws_access_key_id="k", aws_secret_access_key="s")
    config = {"Type": "RECOVERY_CONTROL", "RequestInterval": 10, "FailureThreshold": 3}
    check = vendor.create_health_check(CallerReference=str(id(config)), HealthCheckConfig=config)["HealthCheck"]["Id"]
    account = Route53Account(process.api, "us-east-1", "key", "secret")

    def held() -> str:
        row = vendor.get_health_check(HealthCheckId=check)["HealthCheck"]["HealthCheckConfig"]
        return json.dumps(row, sort_keys=True)

    return Pulled(Route53HealthCheck(NAME, account, check, primary="primary", standby="standby"), held)


def test_reading_says_which_site_has_the_traffic(pulled: Pulled) -> None:
    found = pulled.lever.read()

    assert (found.name, found.site) == (NAME, "primary")
    assert found.detail
    assert json.loads(json.dumps(found.raw)) == found.raw


def test_steering_moves_the_traffic_and_says_it_was_forced(pulled: Pulled) -> None:
    after = pulled.lever.steer(pulled.lever.read(), "standby")

    assert (after.site, after.forced) == ("standby", True)
    assert pulled.lever.read() == after


def test_steering_to_where_it_was_forced_already_succeeds(pulled: Pulled) -> None:
    before = pulled.lever.read()
    after = pulled.lever.steer(before, "standby")
    held = pulled.held()

    assert pulled.lever.steer(before, "standby") == after
    assert pulled.held() == held


def test_the_way_back_restores_every_setting_and_may_be_repeated(pulled: Pulled) -> None:
    held, found = pulled.held(), pulled.lever.read()
    written = pulled.lever.steer(found, "standby")

    for _ in range(2):
        pulled.lever.restore(json_of(found), json_of(written))

    assert pulled.lever.read() == found
    assert pulled.held() == held


def test_what_somebody_else_switched_meanwhile_is_left_alone(pulled: Pulled) -> None:
    before = pulled.lever.read()
    stale = Steering(before.name, before.site, before.forced, before.healthy, before.detail, dict.fromkeys(before.raw, "another state"))
    held = pulled.held()

    with pytest.raises(Fatal) as steered:
        pulled.lever.steer(stale, "standby")
    with pytest.raises(Fatal) as restored:
        pulled.lever.restore(stale, Steering(NAME, "standby", forced=True, raw=dict.fromkeys(before.raw, "what was written")))

    assert (steered.value.code, restored.value.code) == ("A220", "A220")
    assert pulled.held() == held


def test_a_site_the_lever_does_not_know_is_refused(pulled: Pulled) -> None:
    held = pulled.held()

    with pytest.raises(Fatal) as caught:
        pulled.lever.steer(pulled.lever.read(), "elsewhere")

    assert caught.value.code == "A226"
    assert pulled.held() == held


def test_a_lever_says_what_it_is(pulled: Pulled) -> None:
    facts = pulled.lever.facts

    assert facts.provider
    assert facts.reach in {"control-plane", "data-plane"}


def json_of(steering: Steering) -> Steering:
    """As an undo keeps it."""
    return Steering(steering.name, steering.site, steering.forced, raw=json.loads(json.dumps(steering.raw)))
