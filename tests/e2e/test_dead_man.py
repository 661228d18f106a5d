"""An engine that dies for good leaves no region dark: the dead man gives back what is safe to give back, and a resume finds it so."""

from __future__ import annotations

import json

import psutil
import pytest

from tests.e2e.place import Place, eventually
from tests.e2e.world import canary_rows, checkout, query, resolved, takes_writes

pytestmark = pytest.mark.real

A, B = ["127.0.1.1", "127.0.1.2"], ["127.0.2.1", "127.0.2.2"]
LIMIT = "limits.dead_man=5s"
WAITS = ("defaults.acknowledge.within=5m", LIMIT)


def _frozen(place: Place) -> list[int]:
    return [one.pid for one in place.processes() if one.status() == psutil.STATUS_STOPPED]


def test_an_outage_whose_engine_is_gone_ends_by_itself_and_the_drill_as_aborted(place: Place) -> None:
    engine = place.run("left", "--phone", "once", sets=("phases.outage.acknowledge.blocking=true", *WAITS))
    engine.fact("AcknowledgementRequested", gate="outage")
    sandbox = place.sandbox()
    assert checkout(sandbox, A[0]) != 200

    engine.kill()

    assert eventually(lambda: checkout(sandbox, A[0]) == 200), "region A does not sell"
    assert takes_writes(sandbox, "a")
    assert _frozen(place) == []
    resumed = place.start("resume", "left", "--keep")
    assert resumed.ended() == 4
    facts = place.facts("left")
    undone = [(fact["by"], fact["data"]["step"]) for fact in facts if fact["kind"] == "UndoDone"]
    assert undone == [("dead-man", "outage.blackhole")]
    assert [fact["data"]["channel"] for fact in facts if fact["kind"] == "AbortRequested"] == ["dead-man"]
    assert place.report("left")["outcome"] == "aborted"
    assert resolved(sandbox) == A
    assert sandbox.healthy()
    assert place.drill("verify", str(place.report_dir("left"))).returncode == 0
    assert place.drill("sandbox", "down").returncode == 0


@pytest.mark.sweep
def test_after_the_promote_the_region_comes_back_fenced_and_the_drill_waits_for_a_person(place: Place) -> None:
    engine = place.run("lost", "--phone", "once", sets=WAITS)
    engine.fact("AcknowledgementRequested", gate="recover")
    sandbox = place.sandbox()
    assert _frozen(place)

    engine.kill()

    assert eventually(lambda: not _frozen(place)), "region A stays frozen"
    assert takes_writes(sandbox, "b")
    assert [checkout(sandbox, address) for address in B] == [200, 200]
    assert not takes_writes(sandbox, "a")
    resumed = place.start("resume", "lost")
    assert resumed.ended() == 5
    assert json.loads(place.drill("status", "lost", "--json").stdout)["state"] == "held"
    assert not takes_writes(sandbox, "a")
    sandbox.set_phone_mode("auto")

    home = place.start("failback", "lost", "--keep")

    assert home.ended() in {0, 1}
    facts = place.facts("lost")
    undone = [(fact["by"], fact["data"]["step"]) for fact in facts if fact["kind"] == "UndoDone"]
    assert undone == [("dead-man", "outage.blackhole")]
    acknowledged = {fact["data"]["row"] for fact in facts if fact["kind"] == "CanaryAcknowledged"}
    assert acknowledged <= canary_rows(sandbox, "a", "lost")
    assert query(sandbox, "b", "select pg_is_in_recovery()") == [(True,)]
    assert resolved(sandbox) == A
    assert sandbox.healthy()
    assert place.drill("sandbox", "down").returncode == 0
