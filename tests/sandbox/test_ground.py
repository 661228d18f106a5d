"""The sandbox as the ports a drill knows: outage, fence and ground."""

from __future__ import annotations

import psycopg
import pytest

from drill.model.errors import Fatal
from drill.model.ports import Fence, Ground, Outage
from drill.sandbox.ground import SandboxFence, SandboxGround, SandboxOutage
from drill.sandbox.world import Sandbox
from tests.sandbox.running import eventually

pytestmark = pytest.mark.real
SITES = {"primary": "a", "standby": "b"}


def test_an_outage_lists_every_process_group_and_nothing_once_it_is_on(calm: Sandbox) -> None:
    outage: Outage = SandboxOutage(calm, SITES)

    effects = outage.preview("primary")
    snapshot = outage.isolate("primary")

    assert [effect.target for effect in effects] == ["primary/postgres", "primary/a1", "primary/a2"]
    assert all(effect.marks == {"outage"} and effect.tags == {"drill": "allowed"} for effect in effects)
    assert outage.isolated("primary")
    assert not outage.isolated("standby")
    assert outage.preview("primary") == []
    outage.restore("primary", snapshot)
    assert not outage.isolated("primary")


def test_a_fence_is_proved_by_ended_processes_and_a_refused_write(calm: Sandbox) -> None:
    fence: Fence = SandboxFence(calm, SITES)
    assert [effect.marks for effect in fence.preview("primary")] == [frozenset({"fence"})]

    proof = fence.fence("primary")

    assert proof["ended"] >= 6
    assert proof["woken"] == 0
    assert "refused" in proof["write"]
    assert fence.fence("primary")["already"] is True
    assert fence.preview("primary") == []
    fence.release("primary")
    assert eventually(lambda: calm.healthy(()))


def test_a_site_has_addresses_a_database_and_a_remote_control(calm: Sandbox) -> None:
    ground: Ground = SandboxGround(calm, SITES)

    here = ground.attributes("standby")

    assert here["addresses"] == ["127.0.2.1", "127.0.2.2"]
    assert here["control"] == calm.control
    access = ground.database("standby")
    assert (access.bin_dir / "psql").exists()
    with psycopg.connect(access.conninfo()) as connection:
        assert connection.execute("select pg_is_in_recovery()").fetchone() == (True,)


def test_an_inventory_has_the_site_as_target_and_the_other_as_peer(calm: Sandbox) -> None:
    ground: Ground = SandboxGround(calm, SITES)

    groups = ground.inventory("standby")["all"]["children"]

    target, peer = groups["pg_target"]["hosts"]["standby"], groups["pg_peer"]["hosts"]["primary"]
    assert target.keys() == peer.keys()
    assert target["pg_slot"] == "region_b"
    assert peer["pg_start_argv"][-3:] == ["start-postgres", "--region", "a"]
    assert "password" not in str(groups)


def test_the_last_position_of_the_primary_is_known_soon_after_the_start(calm: Sandbox) -> None:
    assert eventually(lambda: "/" in SandboxGround(calm, SITES).last_primary_lsn())


def test_an_unknown_site_is_refused_with_those_there_are(calm: Sandbox) -> None:
    with pytest.raises(Fatal, match="no site 'elsewhere'") as refused:
        SandboxOutage(calm, SITES).isolate("elsewhere")

    assert refused.value.fix == "Its sites are primary, standby."
