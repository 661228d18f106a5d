"""Engines that die in the middle: what they had done is not done again, and nothing of theirs lives on."""

from __future__ import annotations

import contextlib
import time

import psutil
import pytest

from tests.e2e.place import PATIENCE_S, Engine, Fact, Place, eventually
from tests.e2e.world import answer, checkout, reasons, resolved

pytestmark = pytest.mark.real

A = ["127.0.1.1", "127.0.1.2"]
TERRAFORM, ANSIBLE = ("terraform", "tofu"), ("ansible",)
TOOLS = (*TERRAFORM, *ANSIBLE)


def _tools(engine: Engine, *names: str) -> list[psutil.Process]:
    """The Terraform and Ansible processes below an engine."""
    found = []
    for process in psutil.Process(engine.process.pid).children(recursive=True):
        try:
            words = " ".join(process.cmdline()[:3])
        except psutil.Error:
            continue
        if any(name in words for name in names):
            found.append(process)
    return found


def _tools_in(place: Place) -> list[str]:
    """The Terraform and Ansible processes of a place, whoever their parent is."""
    lines = [" ".join(process.cmdline()[:3]) for process in place.processes()]
    return [line for line in lines if any(name in line for name in TOOLS)]


def _killed_while_it_rebuilds(place: Place, engine: Engine) -> list[psutil.Process]:
    """Kill the engine while Terraform and a playbook work; returns what it had running."""
    engine.fact("OutageInjected")
    place.sandbox()
    engine.fact("OutageDetected")
    held: dict[tuple[str, ...], list[psutil.Process]] = {TERRAFORM: [], ANSIBLE: []}
    until_s = time.monotonic() + PATIENCE_S
    while not all(held.values()):  # whichever works first stands still until the other one works too
        held.update({tool: _stopped(_tools(engine, *tool)) for tool, found in held.items() if not found})
        assert time.monotonic() < until_s, "the tools never ran together"
        time.sleep(0.005)
    tools = _tools(engine, *TOOLS)
    for process in (*held[TERRAFORM], *held[ANSIBLE]):
        process.resume()
    engine.kill()
    return tools


def _stopped(tools: list[psutil.Process]) -> list[psutil.Process]:
    for process in tools:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    return [process for process in tools if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def _ran_after_success(facts: list[Fact]) -> list[str]:
    done: set[str] = set()
    again: list[str] = []
    for fact in facts:
        step = str(fact["data"].get("step"))
        if fact["kind"] == "StepStarted" and step in done:
            again.append(step)
        if fact["kind"] == "StepSucceeded":
            done.add(step)
    return again


def test_a_drill_killed_in_the_rebuild_resumes_to_its_end_and_repeats_nothing(place: Place) -> None:
    tools = _killed_while_it_rebuilds(place, place.run("killed", sets=("objectives.rto=3m",)))

    resumed = place.start("resume", "killed", "--keep")

    resumed.fact("EngineStarted")
    resumed.fact("StepStarted", step="rebuild.capacity")
    assert [one for one in tools if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    assert resumed.ended() == 0
    facts = place.facts("killed")
    assert _ran_after_success(facts) == []
    assert sum(fact["kind"] == "EngineStarted" for fact in facts) == 2
    interrupted = {fact["data"]["step"] for fact in facts if fact["kind"] == "StepInterrupted"}
    assert "rebuild.capacity" in interrupted
    assert interrupted <= {"rebuild.capacity", "data.promote"}
    sandbox = place.sandbox()
    assert len(reasons(sandbox)) == len(set(reasons(sandbox)))
    assert len(reasons(sandbox)) == sum(fact["kind"] == "MessageSent" for fact in facts)
    assert sandbox.healthy()
    assert place.drill("verify", str(place.report_dir("killed"))).returncode == 0
    assert not _tools_in(place)
    report = place.report("killed")
    assert report["rto"]["met"] is True
    assert report["evidence"]["epochs"] >= 3
    assert place.drill("sandbox", "down").returncode == 0


def test_sandbox_down_after_a_killed_engine_leaves_nothing(place: Place) -> None:
    _killed_while_it_rebuilds(place, place.run("abandoned"))

    down = place.drill("sandbox", "down")

    assert down.returncode == 0, down.stderr
    assert eventually(lambda: not place.remains(), within_s=15), place.remains()


def test_ctrl_c_aborts_in_order_and_gives_everything_back(place: Place) -> None:
    engine = place.run("stopped", "--manual", "--keep", sets=("phases.outage.acknowledge.blocking=true", "defaults.acknowledge.within=5m"))
    engine.fact("AcknowledgementRequested", gate="go")
    sandbox = place.sandbox()
    answer(place, engine, "go")
    engine.fact("OutageInjected")

    engine.interrupt()

    assert engine.ended() == 4
    assert place.report("stopped")["outcome"] == "aborted"
    assert engine.told("AbortRequested", channel="signal")
    assert checkout(sandbox, A[0]) == 200
    assert resolved(sandbox) == A
    assert sandbox.healthy()
    assert place.drill("sandbox", "down").returncode == 0


@pytest.mark.sweep
def test_ctrl_c_twice_stops_at_once_with_130_and_resume_and_proceed_end_the_drill(place: Place) -> None:
    assert place.drill("sandbox", "up").returncode == 0
    engine = place.run("twice")
    sandbox = place.sandbox()
    engine.fact("StepStarted", step="data.promote")

    engine.interrupt()
    time.sleep(0.3)  # two signals at once arrive as one
    engine.interrupt()

    assert engine.ended(within_s=30) == 130
    assert not _tools_in(place)
    resumed = place.start("resume", "twice")
    assert resumed.ended() == 5, resumed.refusal
    assert place.start("proceed", "twice").ended() in {0, 1}
    assert _ran_after_success(place.facts("twice")) == []
    assert sandbox.healthy()
    assert place.drill("sandbox", "down").returncode == 0
