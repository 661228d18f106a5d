"""One's own hosts are cut off for real, open connections included, and come back, by hand or by themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.ansible import AnsibleRunner
from drill.adapters.outage_hosts import HostsOutage, HostsSite
from drill.model.errors import Fatal, Retryable
from drill.model.ports import PlayResult
from tests.clouds.namespaces import Cable, cable
from tests.debian import unpacked
from tests.fakes import FakeAnsible

ROOT = Path(__file__).resolve().parents[2]
OPT_IN = {"drill": "allowed"}
Hosts = dict[str, dict[str, Any]]


class Inventory:
    """The hosts of one site (part of port Ground)."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts

    def inventory(self, site: str) -> Mapping[str, Any]:
        return {"all": {"children": {"pg_target": {"hosts": self.hosts}, "pg_peer": {"hosts": {"elsewhere": dict(OPT_IN)}}}}}


@pytest.fixture
def wire() -> Iterator[Cable]:
    with cable(str(ROOT)) as found:
        yield found


def outage_of(wire: Cable, **site: Any) -> HostsOutage:
    """An outage of the host at the server's end of the cable, by the real Ansible and the real nft."""
    packages = unpacked("nftables")
    nft = ["env", f"LD_LIBRARY_PATH={packages.environment['LD_LIBRARY_PATH']}", packages.program("nft")]
    here = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    ground: Any = Inventory({"shop": {**here, **OPT_IN, "drill_nft_argv": [*wire.inside, *nft]}, "other": here})
    row = HostsSite(**{"tags": OPT_IN, "cap": 3, **site})
    return HostsOutage({"primary": row}, AnsibleRunner(ROOT / "playbooks", "outage-hosts-test"), ground)


def until(true: Callable[[], bool], within_s: float = 30.0) -> bool:
    """Whether it becomes true in time."""
    end_s = time.monotonic() + within_s
    while not (seen := true()) and time.monotonic() < end_s:
        time.sleep(0.1)
    return seen


def test_an_open_connection_and_new_ones_are_cut_and_both_come_back_when_the_host_is_given_back(wire: Cable) -> None:
    outage = outage_of(wire)
    assert wire.asks() == ("alive", "alive")
    assert [effect.target for effect in outage.preview("primary")] == ["primary/shop"]

    snapshot = outage.snapshot("primary")
    assert outage.isolate("primary", snapshot)["cut"] == ["host shop"]

    assert wire.asks() == ("cut", "not opened")
    assert outage.isolated("primary")
    outage.restore("primary", snapshot)
    assert until(lambda: wire.asks()[1] == "alive")
    assert not outage.isolated("primary")


def test_the_host_comes_back_by_itself_when_its_time_is_over(wire: Cable) -> None:
    outage = outage_of(wire, for_s=6)

    outage.isolate("primary", outage.snapshot("primary"))

    assert wire.asks()[1] == "not opened"
    assert until(lambda: wire.asks()[1] == "alive")
    assert not outage.isolated("primary")


def test_an_address_that_is_kept_stays_connected(wire: Cable) -> None:
    outage = outage_of(wire, keep=["10.9.0.1"])

    outage.isolate("primary", outage.snapshot("primary"))

    assert outage.isolated("primary")
    assert wire.asks() == ("alive", "alive")


def faked(hosts: Hosts, result: PlayResult | None = None, cap: int = 2) -> tuple[HostsOutage, FakeAnsible]:
    ansible, ground = FakeAnsible(result or PlayResult("successful", {}, 0, ())), Inventory(hosts)
    some: Any = ground
    return HostsOutage({"primary": HostsSite(OPT_IN, cap)}, ansible, some), ansible


def test_only_hosts_that_opted_in_are_touched_and_none_of_another_site() -> None:
    outage, ansible = faked({"a": dict(OPT_IN), "b": {"drill": "never"}, "c": {}})

    outage.isolate("primary", outage.snapshot("primary"))

    assert ansible.asked[-1]["inventory"]["all"]["children"] == {"drill_hosts": {"hosts": {"a": OPT_IN}}}


def test_a_host_that_opted_out_since_stops_the_cut_before_any_host_is_touched() -> None:
    hosts: Hosts = {"a": dict(OPT_IN), "b": dict(OPT_IN)}
    outage, ansible = faked(hosts)
    snapshot = outage.snapshot("primary")
    hosts["b"] = {}

    with pytest.raises(Fatal) as refused:
        outage.isolate("primary", snapshot)

    assert refused.value.code == "A213"
    assert ansible.asked == []


def test_more_hosts_than_the_cap_are_refused() -> None:
    outage, ansible = faked({name: dict(OPT_IN) for name in "abc"})

    with pytest.raises(Fatal) as refused:
        outage.isolate("primary", outage.snapshot("primary"))

    assert refused.value.code == "A215"
    assert ansible.asked == []


def test_without_an_opted_in_host_there_is_nothing_to_cut() -> None:
    with pytest.raises(Fatal) as refused:
        faked({"a": {}})[0].snapshot("primary")

    assert refused.value.code == "A219"


def test_a_host_that_cannot_be_reached_may_be_tried_again() -> None:
    outage, _ = faked({"a": dict(OPT_IN)}, PlayResult("unreachable", {}, 0, (), "a: no route"))

    with pytest.raises(Retryable) as failed:
        outage.restore("primary", outage.snapshot("primary"))

    assert failed.value.code == "A131"
