"""Drills that must not happen: a no at the go gate, and a ground that is not firm."""

from __future__ import annotations

import json

import pytest

from tests.e2e.place import SCENARIO, Place
from tests.e2e.world import answer, checkout, resolved, takes_writes

pytestmark = pytest.mark.real

A = ["127.0.1.1", "127.0.1.2"]


def test_a_no_at_the_go_gate_ends_the_drill_with_exit_4_and_no_effect(place: Place) -> None:
    engine = place.run("declined", "--manual", "--keep")
    engine.fact("AcknowledgementRequested", gate="go")
    sandbox = place.sandbox()

    answer(place, engine, "go", "2")

    assert engine.ended() == 4
    facts = place.facts("declined")
    assert [fact for fact in facts if fact["kind"] in {"StepStarted", "UndoRegistered", "OutageInjected"}] == []
    report = place.report("declined")
    assert (report["outcome"], report["exit_code"]) == ("declined", 4)
    assert sandbox.healthy()
    assert resolved(sandbox) == A
    assert checkout(sandbox, A[0]) == 200
    assert place.drill("sandbox", "down").returncode == 0


def test_a_standby_that_stands_still_refuses_the_drill_with_exit_3_before_anything_is_touched(place: Place) -> None:
    assert place.drill("sandbox", "up").returncode == 0
    sandbox = place.sandbox()
    sandbox.ask("stop-postgres", region="b")

    engine = place.run("no-replica")

    assert engine.ended() == 3
    failed = [fact["data"] for fact in place.facts("no-replica") if fact["kind"] == "PreflightChecked" and not fact["data"]["ok"]]
    assert [check["check"] for check in failed] == ["step data.promote"]
    assert failed[0]["fix"] or failed[0]["detail"]
    assert engine.told("StepStarted") == engine.told("OutageInjected") == engine.told("MessageSent") == []
    assert takes_writes(sandbox, "a")
    assert checkout(sandbox, A[1]) == 200
    assert not sandbox.status()["regions"]["a"]["cut"]
    assert place.drill("sandbox", "down").returncode == 0


def test_a_second_drill_is_refused_while_one_runs_and_names_it(place: Place) -> None:
    engine = place.run("first", "--manual")
    engine.fact("AcknowledgementRequested", gate="go")
    place.sandbox()

    second = place.drill("run", SCENARIO, "--id", "second", "--json")

    assert second.returncode == 3
    error = json.loads(second.stdout.splitlines()[-1])["error"]
    assert "first" in error["what"]
    assert str(engine.process.pid) in error["what"]
    answer(place, engine, "go", "2")
    assert engine.ended() == 4
    assert place.remains() == [], "a drill takes the sandbox down that it brought up"
