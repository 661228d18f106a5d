"""The phone says go and then falls silent: back before the point of no return, hold after it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.e2e.place import Fact, Place, eventually
from tests.e2e.world import built, canary_rows, checkout, query, reasons, resolved, takes_writes

pytestmark = pytest.mark.real

A, B = ["127.0.1.1", "127.0.1.2"], ["127.0.2.1", "127.0.2.2"]


def _age_s(fact: Fact) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(fact["at"])).total_seconds()


def test_silence_before_the_point_of_no_return_escalates_aborts_and_gives_region_a_back(place: Place) -> None:
    silence = ("phases.outage.acknowledge.blocking=true", "defaults.acknowledge.within=8s")
    engine = place.run("silent", "--phone", "once", "--keep", sets=silence)
    engine.fact("AcknowledgementRequested", gate="go")
    sandbox = place.sandbox()
    engine.fact("OutageInjected")
    assert checkout(sandbox, A[0]) != 200

    asked_to_stop = engine.fact("AbortRequested")
    assert eventually(lambda: checkout(sandbox, A[0]) == 200), "region A does not sell"
    back_after_s = _age_s(asked_to_stop)

    assert back_after_s < 30
    assert engine.ended() == 4
    assert [fact["data"]["to"] for fact in engine.told("Escalated")] == ["lead"]
    assert "escalation" in {fact["data"]["purpose"] for fact in engine.told("MessageSent")}
    assert engine.told("StepStarted", step="data.promote") == []
    assert [fact["data"]["step"] for fact in engine.told("UndoDone")] == ["outage.blackhole"]
    assert place.report("silent")["outcome"] == "aborted"
    assert len(reasons(sandbox)) == len(set(reasons(sandbox)))
    assert sandbox.healthy()
    assert place.drill("sandbox", "down").returncode == 0


def test_silence_after_the_point_of_no_return_holds_and_failback_brings_everything_home(place: Place) -> None:
    silence = ("phases.outage.acknowledge.within=2m", "defaults.acknowledge.within=3s")
    assert place.drill("sandbox", "up").returncode == 0
    engine = place.run("held", "--phone", "once", sets=silence)
    engine.fact("StepStarted", step="data.promote")

    assert engine.ended() == 5
    sandbox = place.sandbox()
    assert [fact["data"]["gate"] for fact in engine.told("Escalated")] == ["recover"]
    assert engine.told("UndoDone") == []
    assert takes_writes(sandbox, "b")
    assert [checkout(sandbox, address) for address in B] == [200, 200]
    assert not takes_writes(sandbox, "a")
    assert json.loads(place.drill("status", "held", "--json").stdout)["state"] == "held"
    assert place.report("held")["outcome"] == "held"
    assert [one.cmdline()[-1] for one in place.processes() if "observe" in one.cmdline()] == ["held"], "a hold is measured too"

    assert place.drill("sandbox", "phone", "--mode", "auto").returncode == 0
    home = place.start("failback", "held")

    assert home.ended() in {0, 1}
    assert place.report("held")["outcome"] == "finished"
    acknowledged = {fact["data"]["row"] for fact in place.facts("held") if fact["kind"] == "CanaryAcknowledged"}
    assert acknowledged <= canary_rows(sandbox, "a", "held")
    assert query(sandbox, "b", "select pg_is_in_recovery()") == [(True,)]
    assert [checkout(sandbox, address) for address in A] == [200, 200]
    assert resolved(sandbox) == A
    assert built(place, "held") == []
    assert sandbox.healthy()
    assert place.drill("verify", str(place.report_dir("held"))).returncode == 0
    assert place.drill("sandbox", "down").returncode == 0
