"""What a fence that stops machines has of its own, on both clouds: which machines, which outage leaves it, when a start is safe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drill.adapters.fence_machines import ROLE
from drill.model.errors import Fatal
from tests.adapters.pg_pair import Servers
from tests.clouds.fence_grounds import MACHINES, Machines, machines

pytestmark = pytest.mark.xdist_group("moto")


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    made = Servers()
    yield made
    made.end()


@pytest.fixture(params=MACHINES)
def ground(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Machines]:
    with machines(request.param, servers) as found:
        yield found


def test_the_databases_machines_are_stopped_and_no_others_and_the_proof_says_how_a_write_is_refused(ground: Machines) -> None:
    database, others = ground.cloud.machines[:1], ground.cloud.machines[1:]
    ground.cloud.tag(others, dict.fromkeys(ROLE, ""))
    announced = {effect.target for effect in ground.fence().preview("primary")}

    proof = ground.fence().fence("primary")

    assert announced == {f"primary/{machine}" for machine in database}
    assert proof["stopped"] == database
    assert "refused" in proof["write"]
    assert ground.cloud.status() == ["stopped", *["running"] * len(others)]


def test_a_site_without_a_tagged_database_machine_cannot_be_fenced(ground: Machines) -> None:
    ground.cloud.tag(ground.cloud.machines, dict.fromkeys(ROLE, ""))

    with pytest.raises(Fatal) as refused:
        ground.fence().fence("primary")

    assert refused.value.code == "A210"


def test_a_database_that_does_not_start_at_boot_may_be_released_to_rejoin(ground: Machines) -> None:
    before = ground.state()
    ground.starts_at_boot = False
    ground.rival("writes")
    ground.fence().fence("primary")

    ground.fence().release("primary")

    assert ground.state() == before


def test_an_outage_that_is_taken_back_starts_no_fenced_machine(ground: Machines) -> None:
    ground.cloud.tag(ground.cloud.machines[1:], dict.fromkeys(ROLE, ""))
    outage = ground.cloud.outage()
    snapshot = outage.snapshot("primary")
    outage.isolate("primary", snapshot)
    ground.fence().fence("primary")

    outage.restore("primary", snapshot)

    assert ground.cloud.status() == ["stopped", *["running"] * len(ground.cloud.machines[1:])]
    assert not outage.isolated("primary")
