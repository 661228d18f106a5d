"""The resolvers of a zone are watched by every step that moves or puts back a name of it, unless that names its own."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.engine.compile import compile_plan
from drill.model.dns_spread import endpoint
from drill.model.plan import Mode, Plan
from drill.model.scenario import Scenario
from drill.steps.base import registry

HERE, THERE = "192.0.2.53", "198.51.100.53:5353"
ZONE = {"provider": "route53", "resolvers": [HERE, THERE]}
GATE: dict[str, Any] = {"acknowledge": "none", "budget": "1m"}


def plan(zones: dict[str, Any], *, name: str = "shop.example.com", **switch: Any) -> Plan:
    move = {"dns.switch": {"name": name, "to": "standby", "ttl": "60s", **switch}}
    back = {"dns.restore": {"of": "traffic.switch", "name": name}}
    data = {
        "scenario": "names",
        "title": "Names",
        "objectives": {"rto": "8m", "rpo": "30s"},
        "sites": {"primary": {"provider": "hosts", "region": "dc-1"}, "standby": {"provider": "hosts", "region": "dc-2"}},
        "zones": zones,
        "limits": {"max_changes": 2, "allow": ["*"]},
        "phases": {"traffic": {**GATE, "steps": {"switch": move}}},
        "failback": {"phases": {"home": {**GATE, "steps": {"switch": back}}}},
    }
    return compile_plan(Scenario.model_validate(data), registry(), Mode.LIVE)


def watched(made: Plan) -> list[Any]:
    return [step.params.get("resolvers") for step in made.steps()]


def test_every_resolver_of_the_zone_is_watched_on_the_way_out_and_home() -> None:
    assert watched(plan({"example.com": ZONE})) == [[HERE, THERE], [HERE, THERE]]


def test_what_a_step_names_itself_counts_and_be_it_nobody() -> None:
    assert watched(plan({"example.com": ZONE}, resolvers=["127.0.0.1"]))[0] == ["127.0.0.1"]
    assert watched(plan({"example.com": ZONE}, resolvers=[]))[0] == []


def test_the_closest_zone_of_a_name_says_who_is_watched() -> None:
    zones = {"example.com": ZONE, "shop.example.com": {"provider": "alidns", "resolvers": "127.0.0.1"}}

    assert watched(plan(zones, name="www.shop.example.com")) == [["127.0.0.1"]] * 2
    assert watched(plan(zones, name="api.example.com")) == [[HERE, THERE]] * 2
    assert watched(plan(zones, name="www.example.org")) == [None, None]


def test_one_resolver_for_the_probes_is_no_resolver_to_watch() -> None:
    made = plan({"example.com": {"provider": "route53", "resolver": HERE}})

    assert (made.zones[0].resolver, watched(made)) == (HERE, [None, None])


def test_probes_ask_the_first_of_several_unless_one_is_theirs() -> None:
    assert plan({"example.com": ZONE}).zones[0].resolver == HERE
    assert plan({"example.com": {**ZONE, "resolver": THERE}}).zones[0].resolver == THERE


def test_a_resolver_is_an_address() -> None:
    with pytest.raises(ValidationError, match="expected the address"):
        plan({"example.com": {"provider": "route53", "resolvers": ["dns.example.com"]}})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
    ],
)
def test_every_way_to_write_a_resolver_is_understood(text: str, found: tuple[str, int]) -> None:
    assert endpoint(text) == found


def test_the_region_whose_interface_moves_names_travels_in_the_plan() -> None:
    assert plan({"example.com": {"provider": "alidns", "region": "cn-shanghai"}}).zones[0].options == {"region": "cn-shanghai"}
    with pytest.raises(ValidationError, match="expected no region"):
        plan({"example.com": {"provider": "route53", "region": "us-east-1"}})
