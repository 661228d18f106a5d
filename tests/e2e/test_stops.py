"""Ways to stop a drill whose region is dark: whichever is chosen, the region serves again and nothing is left."""

from __future__ import annotations

import json
import signal

import pytest

from tests.adapters.monitoring import alert, monitoring
from tests.e2e.place import Engine, Place, eventually
from tests.e2e.world import answer, checkout, question, resolved, takes_writes

pytestmark = pytest.mark.real

A = ["127.0.1.1", "127.0.1.2"]
DARK = ("phases.outage.acknowledge.blocking=true", "defaults.acknowledge.within=5m")
"""The drill stands at a question while the region is dark."""


def _dark(place: Place, drill: str, *words: str, sets: tuple[str, ...] = ()) -> Engine:
    """A drill that has cut region A off and waits for an answer."""
    engine = place.run(drill, "--keep", *(words or ("--phone", "once")), sets=(*DARK, *sets))
    if "--manual" in words:
        place.sandbox()
        answer(place, engine, "go")
    engine.fact("AcknowledgementRequested", gate="outage")
    assert checkout(place.sandbox(), A[0]) != 200
    return engine


def _given_back(place: Place, drill: str) -> None:
    """Region A sells as if nothing had been, and nothing of the drill is left."""
    sandbox = place.sandbox()
    assert [checkout(sandbox, address) for address in A] == [200, 200]
    assert takes_writes(sandbox, "a")
    assert resolved(sandbox) == A
    assert sandbox.healthy()
    undone = [fact["data"]["step"] for fact in place.facts(drill) if fact["kind"] == "UndoDone"]
    assert undone == ["outage.blackhole"]
    assert place.report(drill)["outcome"] == "aborted"
    assert place.drill("verify", str(place.report_dir(drill))).returncode == 0
    assert place.drill("sandbox", "down").returncode == 0


def test_a_drill_on_hold_stands_still_until_somebody_aborts_it_without_any_engine(place: Place) -> None:
    engine = _dark(place, "stand")

    held = place.drill("hold", "stand", "--reason", "wait for the network team")

    assert held.returncode == 5, held.stderr
    assert engine.ended() == 5
    assert json.loads(place.drill("status", "stand", "--json").stdout)["state"] == "held"
    assert checkout(place.sandbox(), A[0]) != 200
    assert place.report("stand")["outcome"] == "held"
    aborted = place.start("abort", "stand", "--reason", "not today", "--keep")
    assert aborted.ended() == 4, aborted.refusal
    _given_back(place, "stand")


def test_an_alert_that_fires_while_a_region_is_dark_ends_the_drill(place: Place) -> None:
    with monitoring() as servers:
        guards = (f"guards.pager.alertmanager.url={servers.url}", "guards.pager.alertmanager.alert=NeighbourDown")
        engine = _dark(place, "guarded", sets=guards)
        assert engine.told("PreflightChecked", check="guard pager", ok=True)

        servers.alerts = [alert("NeighbourDown")]
        code = engine.ended()

    assert code == 4
    broken = engine.fact("GuardBroken")
    asked = engine.fact("AbortRequested")
    assert broken["by"] == "guard:pager"
    assert asked["seq"] == broken["seq"] + 1
    assert asked["data"]["channel"] == "guard"
    findings = [row["code"] for row in place.report("guarded")["findings"]]
    assert {"V115", "V122"} <= set(findings)
    assert asked["data"]["reason"] in json.dumps(place.report("guarded"))
    _given_back(place, "guarded")


@pytest.mark.sweep
def test_a_guard_that_does_not_hold_refuses_the_drill_before_anything_is_touched(place: Place) -> None:
    with monitoring() as servers:
        servers.result = []
        guards = (
            f"guards.errors.prometheus.url={servers.url}",
            "guards.errors.prometheus.query=up == 1",
            "guards.errors.prometheus.for=1s",
        )
        engine = place.run("refused", sets=guards)

        assert engine.ended() == 3
    assert engine.told("StepStarted") == []
    assert engine.told("MessageSent") == []
    assert engine.told("PreflightChecked", check="guard errors", ok=False)


@pytest.mark.sweep
def test_an_abort_takes_back_what_an_engine_left_that_was_killed(place: Place) -> None:
    engine = _dark(place, "orphan")
    engine.kill()

    aborted = place.start("abort", "orphan", "--keep")

    assert aborted.ended() == 4
    _given_back(place, "orphan")


@pytest.mark.sweep
def test_sigterm_aborts_in_order(place: Place) -> None:
    engine = _dark(place, "ended")

    engine.process.send_signal(signal.SIGTERM)

    assert engine.ended() == 4
    assert engine.told("AbortRequested", channel="signal", reason="SIGTERM")
    _given_back(place, "ended")


@pytest.mark.sweep
def test_a_text_that_says_nine_aborts(place: Place) -> None:
    engine = _dark(place, "nine", "--manual")
    code = question(place, "outage")["code"]

    assert place.drill("sandbox", "phone", "--reply", f"9 {code}").returncode == 0

    assert engine.ended() == 4
    assert engine.told("AbortRequested", channel="sms", reason="oncall said abort to outage")
    _given_back(place, "nine")


@pytest.mark.sweep
def test_a_drill_on_hold_goes_on_when_somebody_says_proceed(place: Place) -> None:
    engine = _dark(place, "paused")
    assert place.drill("hold", "paused").returncode == 5
    assert engine.ended() == 5
    place.sandbox().set_phone_mode("auto")

    going = place.start("proceed", "paused", "--keep")

    assert going.ended() in {0, 1}, going.refusal
    facts = place.facts("paused")
    started = [fact["data"]["step"] for fact in facts if fact["kind"] == "StepStarted"]
    assert started.count("outage.blackhole") == 1
    assert place.report("paused")["outcome"] == "finished"
    sandbox = place.sandbox()
    assert [checkout(sandbox, address) for address in A] == [200, 200]
    assert sandbox.healthy()
    assert place.drill("sandbox", "down").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_drill_that_is_stopped_while_its_ground_is_made_ready_ends_as_aborted_and_leaves_nothing(
    place: Place, number: signal.Signals
) -> None:
    engine = place.run("early", "--manual")
    assert eventually((place.home / "sandbox.json").exists), "the sandbox did not begin to start"

    engine.process.send_signal(number)

    assert engine.ended() == 4, engine.errors.read_text()
    report = place.report("early")
    assert (report["outcome"], report["exit_code"]) == ("aborted", 4)
    assert not any(fact["kind"] == "DrillStarted" for fact in place.facts("early"))
    assert "has ended: aborted" in place.drill("resume", "early").stderr
    assert eventually(lambda: not list(place.scratch.iterdir()))
