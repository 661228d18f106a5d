"""What only Alibaba's traffic manager can do wrong: generations that look alike, pools nobody would answer from, lost answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from drill.adapters.gtm_access import GtmAccessMode, generation_of
from drill.adapters.gtm_plans import GtmRecoveryPlan
from drill.adapters.gtm_pools import GtmPools
from drill.model.errors import Fatal, InDoubt
from drill.sandbox.alidns_http import AlidnsServer, Fault
from drill.sandbox.gtm_api import GtmApi
from tests.adapters.alidns_place import calls, running_alidns

NAME = "shop.drill.test"
SITES = {"DEFAULT": "primary", "FAILOVER": "standby"}


@dataclass(frozen=True)
class Place:
    api: GtmApi
    server: AlidnsServer

    def access(self, generation: int = 2, strategy: str = "") -> GtmAccessMode:
        return GtmAccessMode(NAME, calls(self.server), strategy or f"strategy-{generation}", SITES, generation=generation)  # type: ignore[arg-type]

    def pools(self) -> GtmPools:
        return GtmPools(NAME, calls(self.server), "gtm-3", "config", {"primary": "pool-home", "standby": "pool-away"})


@pytest.fixture
def place() -> Iterator[Place]:
    api = GtmApi()
    for generation in (1, 2):
        api.add_strategy(generation, f"gtm-{generation}", f"strategy-{generation}", "pool-home", "pool-away")
    api.add_config("gtm-3", "config", "pool-home", "pool-away")
    with running_alidns({}, {}, api) as server:
        yield Place(api, server)


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_the_generation_of_an_instance_is_found(place: Place, generation: int) -> None:
    assert generation_of(calls(place.server), f"gtm-{generation}") == generation


def test_an_instance_nobody_knows_is_told(place: Place) -> None:
    with pytest.raises(Fatal) as caught:
        generation_of(calls(place.server), "gtm-9")

    assert caught.value.code == "A221"


@pytest.mark.parametrize(("generation", "strategy"), [(1, "strategy-2"), (2, "strategy-1")])
def test_a_strategy_of_another_generation_is_not_taken_for_ours(place: Place, generation: int, strategy: str) -> None:
    with pytest.raises(Fatal, match="they share no ids") as caught:
        place.access(generation, strategy).read()

    assert caught.value.code == "A221"


def test_the_third_generation_has_no_access_mode() -> None:
    with pytest.raises(Fatal) as caught:
        GtmAccessMode(NAME, None, "strategy", {}, generation=3)  # type: ignore[arg-type]

    assert caught.value.code == "A226"


@pytest.mark.parametrize("generation", [1, 2])
def test_health_checks_that_switch_by_themselves_are_seen_as_not_forced(place: Place, generation: int) -> None:
    place.api.healthy["pool-home"] = False

    seen = place.access(generation).read()

    assert (seen.site, seen.forced, dict(seen.healthy)) == ("standby", False, {"primary": False, "standby": True})


def test_traffic_is_not_forced_to_pools_that_would_not_answer(place: Place) -> None:
    place.api.healthy["pool-away"] = False
    held = place.api.snapshot()

    for lever in (place.access(1), place.access(2), place.pools()):
        with pytest.raises(Fatal) as caught:
            lever.steer(lever.read(), "standby")
        assert caught.value.code == "A226"

    assert place.api.snapshot() == held


def test_the_pool_that_takes_over_is_switched_on_before_the_other_goes_off(place: Place) -> None:
    lever = place.pools()
    before = lever.read()
    written = lever.steer(before, "standby")
    done = len(place.server.log)

    lever.steer(written, "primary")

    writes = [action for action in place.server.log[done:] if action.startswith("Update")]
    assert len(writes) == 2
    assert lever.read().raw == {"pool-home": "enable", "pool-away": "disable"}


def test_pools_that_were_half_switched_when_the_engine_died_are_gone_on_with(place: Place) -> None:
    lever = place.pools()
    place.api.call("UpdateCloudGtmAddressPoolEnableStatus", {"AddressPoolId": "pool-away", "EnableStatus": "disable"})
    before = lever.read()
    place.api.call("UpdateCloudGtmAddressPoolEnableStatus", {"AddressPoolId": "pool-away", "EnableStatus": "enable"})

    after = lever.steer(before, "standby")
    lever.restore(before, after)

    assert after.raw == {"pool-home": "disable", "pool-away": "enable"}
    assert lever.read() == before


def test_a_recovery_plan_that_would_switch_nothing_is_not_executed(place: Place) -> None:
    plan = int(place.api.call("AddGtmRecoveryPlan", {"Name": "empty", "FaultAddrPool": '["pool-elsewhere"]'})["RecoveryPlanId"])
    lever = GtmRecoveryPlan(NAME, calls(place.server), plan, primary="primary", standby="standby")

    with pytest.raises(Fatal, match="would switch nothing") as caught:
        lever.steer(lever.read(), "standby")

    assert caught.value.code == "A226"


def test_an_executed_plan_really_moves_the_strategies_of_its_pools(place: Place) -> None:
    plan = int(place.api.call("AddGtmRecoveryPlan", {"Name": "home is lost", "FaultAddrPool": '["pool-home"]'})["RecoveryPlanId"])
    lever = GtmRecoveryPlan(NAME, calls(place.server), plan, primary="primary", standby="standby")
    found = lever.read()

    written = lever.steer(found, "standby")
    moved = place.access(1).read().site
    lever.restore(found, written)

    assert (moved, place.access(1).read().site) == ("standby", "primary")


@pytest.mark.parametrize("fault", ["lost", "unavailable", "garbage"])
def test_a_switch_without_an_answer_is_settled_by_reading(place: Place, fault: Fault) -> None:
    lever = place.access()
    before = lever.read()
    if fault == "unavailable":
        before = lever.steer(before, "standby")  # what was carried out before the service failed
    place.server.order("SetDnsGtmAccessMode", fault)

    assert lever.steer(before, "standby").site == "standby"


def test_a_switch_that_cannot_be_read_back_is_in_doubt(place: Place) -> None:
    lever = place.access()
    before = lever.read()
    place.server.order("SetDnsGtmAccessMode", "lost")
    take = place.server.take

    def deaf(action: str) -> Fault | None:
        return "gone" if place.server.log[-1:] == ["SetDnsGtmAccessMode"] else take(action)

    place.server.take = deaf  # type: ignore[method-assign]
    with pytest.raises(InDoubt) as caught:
        lever.steer(before, "standby")

    assert caught.value.code == "A320"


def test_a_pool_that_is_not_there_is_told(place: Place) -> None:
    lever = GtmPools(NAME, calls(place.server), "gtm-3", "config", {"primary": "pool-home", "standby": "pool-nowhere"})

    with pytest.raises(Fatal, match="pool-nowhere") as caught:
        lever.read()

    assert caught.value.code == "A221"
