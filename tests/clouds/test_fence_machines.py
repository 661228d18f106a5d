"""A fence stops the machines of a database and proves it; it opens only while that cannot make two primaries."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from drill.adapters.fence_machines import ROLE, FencedSite, MachineFence
from drill.adapters.outage_aliyun_machines import RUNNING, STOPPED, Machines
from drill.adapters.outage_parts import FENCED
from drill.model.errors import Fatal
from drill.model.ports import DatabaseAccess
from tests.adapters.pg_pair import Pair, Server, binaries, copy_pair, free_port, make_template
from tests.clouds.outage_aliyun_site import Aliyun
from tests.clouds.outage_calls import OPT_IN, EngineDied


class Databases:
    """Where the database of each site answers (part of port Ground)."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.ports = ports

    def database(self, site: str) -> DatabaseAccess:
        return DatabaseAccess("127.0.0.1", self.ports[site], "drill", "postgres", binaries()[-1])


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    template = make_template(binaries()[-1])
    servers = copy_pair(template, binaries()[-1])
    shutil.rmtree(template)
    try:
        servers.start()
        yield servers
    finally:
        servers.end()


@pytest.fixture
def cloud() -> Iterator[Aliyun]:
    """A site with two machines of its database, and others."""
    made = Aliyun("stop")
    for machine in made.machines[:2]:
        made.ecs.machines[machine].tags.update(ROLE)
    made.server.start()
    try:
        yield made
    finally:
        made.server.end()


def fence_of(cloud: Aliyun, *, primary: int = 0, standby: Server | None = None, starts_at_boot: bool = True) -> MachineFence:
    """A fence as a freshly started engine makes it; without `primary` nothing answers for its database."""
    ports = {"primary": primary or free_port(), "standby": standby.port if standby else free_port()}
    machines = Machines(cloud.calls_of(cloud.region), {**OPT_IN, **ROLE})
    site = FencedSite(machines, STOPPED, RUNNING, starts_at_boot)
    ground: Any = Databases(ports)
    return MachineFence({"primary": site}, ground, ["primary", "standby"], poll_s=0.01)


def test_the_databases_machines_are_stopped_and_no_others_and_the_proof_says_how_a_write_is_refused(cloud: Aliyun) -> None:
    fence = fence_of(cloud)
    announced = {effect.target for effect in fence.preview("primary")}

    proof = fence.fence("primary")

    assert announced == {f"primary/{machine}" for machine in cloud.machines[:2]}
    assert proof["stopped"] == cloud.machines[:2]
    assert "refused" in proof["write"]
    states = {name: machine.status for name, machine in cloud.ecs.machines.items()}
    assert [states.pop(machine) for machine in cloud.machines[:2]] == ["Stopped", "Stopped"]
    assert set(states.values()) == {"Running"}
    assert fence.preview("primary") == []
    assert fence.fence("primary")["already"] == 2


def test_a_fence_is_not_proved_while_something_answers_for_the_database(cloud: Aliyun, pair: Pair) -> None:
    with pytest.raises(Fatal) as refused:
        fence_of(cloud, primary=pair.a.port).fence("primary")

    assert refused.value.code == "A210"
    assert str(pair.a.port) in refused.value.what


def test_a_site_without_a_tagged_database_machine_cannot_be_fenced(cloud: Aliyun) -> None:
    for machine in cloud.machines[:2]:
        del cloud.ecs.machines[machine].tags["drill-role"]

    with pytest.raises(Fatal) as refused:
        fence_of(cloud).fence("primary")

    assert refused.value.code == "A210"


def test_while_the_other_site_only_follows_a_fence_is_taken_back_exactly(cloud: Aliyun, pair: Pair) -> None:
    before = cloud.state()
    fence_of(cloud).fence("primary")

    fence_of(cloud, standby=pair.b).release("primary")

    assert cloud.state() == before


@pytest.mark.parametrize("reachable", [True, False])
def test_a_fence_stays_shut_while_the_other_site_takes_writes_or_cannot_be_asked(cloud: Aliyun, pair: Pair, *, reachable: bool) -> None:
    fence_of(cloud).fence("primary")

    with pytest.raises(Fatal) as refused:
        fence_of(cloud, standby=pair.a if reachable else None).release("primary")

    assert refused.value.code == "A211"
    assert cloud.ecs.machines[cloud.machines[0]].status == "Stopped"


def test_a_database_that_does_not_start_at_boot_may_be_released_to_rejoin(cloud: Aliyun, pair: Pair) -> None:
    fence_of(cloud).fence("primary")

    fence_of(cloud, standby=pair.a, starts_at_boot=False).release("primary")

    assert cloud.ecs.machines[cloud.machines[0]].status == "Running"
    assert FENCED not in cloud.ecs.machines[cloud.machines[0]].tags


def test_an_outage_that_is_taken_back_starts_no_fenced_machine(cloud: Aliyun) -> None:
    outage = cloud.outage()
    snapshot = outage.snapshot("primary")
    outage.isolate("primary", snapshot)
    fence_of(cloud).fence("primary")

    outage.restore("primary", snapshot)

    assert [cloud.ecs.machines[machine].status for machine in cloud.machines] == ["Stopped", "Stopped", "Running"]
    assert not outage.isolated("primary")


def test_after_a_crash_at_any_call_the_fence_is_finished_or_taken_back(cloud: Aliyun) -> None:
    before = cloud.state()
    for at in range(4):
        cloud.calls.made.clear()
        cloud.calls.die_after = at
        with pytest.raises(EngineDied):
            fence_of(cloud).fence("primary")
        cloud.calls.die_after = None

        if at % 2:
            assert fence_of(cloud).fence("primary")["stopped"] == cloud.machines[:2]
        fence_of(cloud, starts_at_boot=False).release("primary")

        assert cloud.state() == before, f"after call {at}"
