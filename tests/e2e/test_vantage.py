"""Vantage points end to end: real agents around a real drill, whose recovery time is that of the worst of them."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from tests.adapters.caching_resolver import running_resolver
from tests.e2e.place import Fact, Place, eventually
from tests.e2e.vantage_place import Agent, StickyResolver, agent, points, serving
from tests.e2e.world import answer

pytestmark = pytest.mark.real
PATIENT = "defaults.acknowledge.within=5m"


def row(report: dict[str, Any], name: str) -> dict[str, Any]:
    """One probe's row of a report."""
    found: dict[str, Any] = next(probe for probe in report["probes"] if probe["id"] == name)
    return found


def samples(facts: list[Fact], name: str) -> list[dict[str, Any]]:
    """The checkouts of a vantage point, by number."""
    rows = [fact["data"] for fact in facts if fact["kind"] == "ProbeSampled" and fact["data"].get("vantage") == name]
    return sorted((data for data in rows if data["probe"] == "checkout"), key=lambda data: float(data["due_s"]))


def test_the_recovery_time_is_that_of_the_point_whose_users_waited_longest(place: Place) -> None:
    resolver = StickyResolver()
    with serving(place) as served, running_resolver(resolver) as named, agent(served, "frankfurt", "--once", "--resolver", named) as there:
        engine = place.run("worst", sets=points("frankfurt", probes="[checkout, sticky]"))
        resolver.ask(place)
        engine.fact("StepStarted", step="traffic.proof")
        time.sleep(0.7)
        resolver.let_go()
        assert engine.ended() in {0, 1}
        assert there.process.wait(30) == 0

    report = place.report("worst")
    here, far = row(report, "checkout")["rto"], row(report, "checkout@frankfurt")["rto"]
    assert report["outcome"] == "finished"
    assert far["actual_s"] > here["actual_s"] + 0.4
    assert report["rto"]["actual_s"] == far["actual_s"]
    assert row(report, "checkout@frankfurt")["decides"]
    assert "checkout@frankfurt" in report["rto"]["why"]["en"]
    assert row(report, "checkout@frankfurt")["clock_error_s"] < 0.5
    for name in ("sticky", "sticky@frankfurt"):  # clients that never resolve again see nothing of the failover
        sticky = row(report, name)
        assert (sticky["connection"], sticky["rto"], {run["site"] for run in sticky["runs"] if run["ok"]}) == ("kept", None, {"primary"})
    facts = place.facts("worst")
    numbers = [data["k"] for data in samples(facts, "frankfurt")]
    assert len(numbers) == len(set(numbers)) > 100
    assert all(fact["by"] == "probe:heartbeat" for fact in facts if fact["kind"] == "OutageDetected")
    assert facts[[fact["kind"] for fact in facts].index("DrillFinished") :][0]["data"]["exit_code"] == report["exit_code"]
    assert not any(fact["kind"] == "ProbeSampled" for fact in facts[[fact["kind"] for fact in facts].index("DrillFinished") :])
    assert place.drill("verify", str(place.report_dir("worst"))).returncode == 0


def delivered(there: Agent) -> int:
    """How many samples an agent has delivered so far."""
    return int((there.events("sampling") or [{"sent": 0}])[-1]["sent"])


@pytest.mark.sweep
def test_an_agent_that_is_gone_or_stands_still_is_a_gap_and_a_server_that_was_away_is_none(place: Place) -> None:
    names = ("frankfurt", "sydney", "tokyo")
    with (
        serving(place) as served,
        agent(served, "frankfurt") as killed,
        agent(served, "sydney") as stopped,
        agent(served, "tokyo") as whole,
    ):
        engine = place.run("gaps", "--manual", sets=(*points(*names), PATIENT))
        answer(place, engine, "go")
        engine.fact("OutageInjected")
        assert eventually(lambda: delivered(killed) > 0)
        killed.kill()
        os.kill(stopped.process.pid, signal.SIGSTOP)
        served.web().kill()  # the server starts another in a moment
        time.sleep(4)
        os.kill(stopped.process.pid, signal.SIGCONT)
        with agent(served, "frankfurt"):
            for gate in ("outage", "recover", "traffic", "data_home", "traffic_home"):
                answer(place, engine, gate)
            code = engine.ended()
        assert [one.end() for one in (stopped, whole)] == [0, 0]

    report, facts = place.report("gaps"), place.facts("gaps")
    assert (code, report["rto"]["met"]) == (1, None)
    assert "sent nothing of checkout between" in report["rto"]["why"]["en"]
    assert {finding["code"] for finding in report["findings"]} >= {"V107"}
    for name in ("frankfurt", "sydney"):
        gap = max(row(report, f"checkout@{name}")["gaps"], key=lambda gap: float(gap["end_s"] - gap["start_s"]))
        assert 3 < gap["end_s"] - gap["start_s"] < 25
        assert row(report, f"checkout@{name}")["rto"]["met"] is None
    assert row(report, "checkout")["rto"]["met"] is True
    kept = [data["k"] for data in samples(facts, "tokyo")]
    assert row(report, "checkout@tokyo")["gaps"] == []
    assert row(report, "checkout@tokyo")["rto"]["met"] is True
    assert kept == sorted(set(kept))
    assert whole.events("away")
    assert whole.events("back")
    assert place.drill("verify", str(place.report_dir("gaps"))).returncode == 0


@pytest.mark.sweep
def test_samples_from_a_file_are_taken_while_the_drill_runs_and_refused_when_it_is_over(place: Place) -> None:
    file = place.base / "samples.jsonl"
    engine = place.run("file", "--manual", sets=("vantage_points={lagos: {probes: [checkout]}}", PATIENT))
    engine.fact("AcknowledgementRequested", gate="go")
    overrides = ("--set", "vantage_points={lagos: {probes: [checkout]}}")
    writer = place.start("probe", "scenarios/sandbox-region-outage.yaml", "--as", "lagos", "--to", str(file), "--for", "2m", *overrides)
    assert eventually(lambda: file.exists() and file.read_text().count("\n") > 20)
    for gate in ("go", "outage", "recover", "traffic"):
        answer(place, engine, gate)
    engine.fact("FailbackStarted")
    time.sleep(1)
    writer.process.terminate()
    assert writer.ended() == 0

    taken = place.drill("probe", "--take", "file", str(file), "--json")
    again = place.drill("probe", "--take", "file", str(file))
    for gate in ("data_home", "traffic_home"):
        answer(place, engine, gate)
    code = engine.ended()
    late = place.drill("probe", "--take", "file", str(file))

    assert taken.returncode == again.returncode == 0, taken.stderr + again.stderr
    assert f'"taken": {file.read_text().count(chr(10)) - 1}' in taken.stdout
    report = place.report("file")
    assert row(report, "checkout@lagos")["samples"] == file.read_text().count("\n") - 1
    assert row(report, "checkout@lagos")["rto"]["met"] is True
    assert row(report, "checkout@lagos")["clock_error_s"] is None
    assert "V127" in {finding["code"] for finding in report["findings"]}
    assert code == 0
    assert (late.returncode, "[F075]" in late.stderr) == (3, True)


@pytest.mark.sweep
def test_an_agent_that_dies_while_people_make_up_their_minds_keeps_the_outage_from_beginning(place: Place) -> None:
    with serving(place) as served, agent(served, "frankfurt") as there:
        engine = place.run("silent", "--manual", sets=(*points("frankfurt"), PATIENT))
        engine.fact("AcknowledgementRequested", gate="go")
        there.kill()
        engine.fact("FindingRaised", code="D541")
        answer(place, engine, "go")
        code = engine.ended()

    facts = place.facts("silent")
    (look,) = [fact["data"] for fact in facts if fact["kind"] == "PreflightChecked" and fact["data"]["check"] == "ground after go"]
    assert (code, look["ok"]) == (4, False)
    assert "frankfurt has sent nothing for" in look["detail"]
    assert not any(fact["kind"] == "OutageInjected" for fact in facts)
