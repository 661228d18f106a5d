"""Which adapter is asked follows from the site's provider, or from the zone a name lies in; nothing reaches anybody else's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal
from drill.model.plan import Plan, Zone
from drill.model.ports import Dns, Ground, Outage, RecordSet
from drill.wiring.routed import Absent, RoutedDns, RoutedGround, RoutedOutage, address_of
from tests.engine.drilling import phase_of, plan_of, step_of
from tests.fakes import FakeDns


class Noted:
    """An outage that says who was asked (port Outage)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[tuple[str, str]] = []

    def preview(self, site: str) -> list[Effect]:
        self.asked.append(("preview", site))
        return [Effect(verb=Verb.STOP, target=f"{site}/{self.name}")]

    def snapshot(self, site: str) -> Mapping[str, Any]:
        return {}

    def isolate(self, site: str, snapshot: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        self.asked.append(("isolate", site))
        return {"by": self.name}

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        self.asked.append(("restore", site))

    def isolated(self, site: str) -> bool:
        self.asked.append(("isolated", site))
        return False


def plan(*zones: str) -> Plan:
    made = tuple(Zone(id=name, provider="route53") for name in zones)
    return plan_of(phase_of("a", step_of("a.x"))).model_copy(update={"zones": made})


def test_each_site_is_cut_off_by_its_own_adapter() -> None:
    aliyun, aws = Noted("aliyun"), Noted("aws")
    outage: Outage = RoutedOutage({"primary": aliyun, "standby": aws})

    assert outage.isolate("primary") == {"by": "aliyun"}
    assert not outage.isolated("standby")
    outage.restore("primary", {})

    assert aliyun.asked == [("isolate", "primary"), ("restore", "primary")]
    assert aws.asked == [("isolated", "standby")]


def test_a_site_nobody_wrote_down_is_refused_by_name() -> None:
    with pytest.raises(Fatal, match="no site 'third'") as refused:
        RoutedOutage({"primary": Noted("aws")}).preview("third")

    assert refused.value.code == "A250"


def test_a_name_is_moved_where_its_closest_zone_is_answered() -> None:
    outer, inner = FakeDns({"www.example.com": (60, ["192.0.2.1"])}), FakeDns({"shop.eu.example.com": (5, ["192.0.2.2"])})
    dns: Dns = RoutedDns(plan("example.com", "eu.example.com"), {"example.com": outer, "eu.example.com": inner})

    found = dns.read("shop.eu.example.com")
    dns.swap(found, RecordSet(found.name, "A", 5, ("192.0.2.9",)))

    assert inner.read("shop.eu.example.com").values == ("192.0.2.9",)
    assert dns.read("www.example.com").values == ("192.0.2.1",)


def test_a_name_in_no_zone_of_the_plan_is_nobodys() -> None:
    with pytest.raises(Fatal, match=r"no zone for www\.example\.org") as refused:
        RoutedDns(plan("example.com"), {"example.com": FakeDns({})}).read("www.example.org")

    assert refused.value.code == "A221"


def test_a_zones_own_servers_are_asked_when_it_names_them() -> None:
    zone = Zone(id="example.com", provider="rfc2136", servers=("192.0.2.53:5353", "192.0.2.54"))
    made = plan().model_copy(update={"zones": (zone,)})

    assert RoutedDns(made, {"example.com": FakeDns({})}).servers("www.example.com") == [("192.0.2.53", 5353), ("192.0.2.54", 53)]


def test_a_role_that_nobody_plays_says_so_before_anything_is_touched() -> None:
    missing: Any = Absent("no adapter for this.", "Use another.")

    with pytest.raises(Fatal, match="no adapter") as refused:
        missing.isolate("primary")

    assert (refused.value.code, refused.value.untouched) == ("F040", True)


@given(st.ip_addresses(), st.integers(1, 65535))
def test_an_address_with_a_port_is_read_back_as_it_was_written(address: Any, port: int) -> None:
    written = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"

    assert address_of(written) == (str(address), port)
    assert address_of(str(address)) == (str(address), 53)


class OneHost:
    """A ground with one host a site (port Ground, as far as inventories go)."""

    def __init__(self, lsn: str = "") -> None:
        self.lsn = lsn

    def inventory(self, site: str) -> Mapping[str, Any]:
        target = {"pg_target": {"hosts": {f"db-{site}": {"pg_data": "/own"}}}, "pg_peer": {"hosts": {}}}
        return {"all": {"vars": {"ansible_connection": "local", "pg_data": "/all"}, "children": target}}

    def last_primary_lsn(self) -> str:
        return self.lsn


def test_a_site_described_by_one_adapter_has_its_peers_in_the_others() -> None:
    one, other = cast("Ground", OneHost()), cast("Ground", OneHost("0/2"))
    ground = RoutedGround({"primary": one, "standby": other})

    groups = ground.inventory("standby")["all"]["children"]

    assert groups["pg_target"]["hosts"] == {"db-standby": {"ansible_connection": "local", "pg_data": "/own"}}
    assert list(groups["pg_peer"]["hosts"]) == ["db-primary"]
    assert ground.last_primary_lsn() == "0/2"
