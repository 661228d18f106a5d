"""The real sandbox, its engine killed after one fact or another: the same drill comes to the same end. Run by `make crash`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.place import Engine, Fact, Place, eventually, new_place
from tests.e2e.world import canary_rows, reasons, resolved, takes_writes

pytestmark = [pytest.mark.real, pytest.mark.sweep]

A = ["127.0.1.1", "127.0.1.2"]
POINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "planned": ("EngineStarted", {}),
    "asked to start": ("AcknowledgementRequested", {"gate": "go"}),
    "texted": ("MessageSent", {"gate": "go"}),
    "answered": ("Acknowledged", {"gate": "go"}),
    "about to cut": ("UndoRegistered", {"step": "outage.blackhole"}),
    "cut": ("OutageInjected", {}),
    "about to fence": ("UndoRegistered", {"step": "data.fence"}),
    "building": ("StepProgressed", {"step": "rebuild.capacity"}),
    "about to promote": ("StepStarted", {"step": "data.promote"}),
    "promoted": ("StepSucceeded", {"step": "data.promote"}),
    "about to switch": ("UndoRegistered", {"step": "traffic.switch"}),
    "at the verdict": ("FailbackStarted", {}),
    "rejoining": ("StepStarted", {"step": "data_home.rejoin"}),
    "switching back": ("UndoRegistered", {"step": "traffic_home.switch"}),
    "removing": ("StepProgressed", {"step": "release.capacity"}),
}


@pytest.fixture
def place() -> Iterator[Place]:
    """A home of one's own, cleared whatever happens."""
    place = new_place()
    try:
        yield place
    finally:
        place.clear()


def again(facts: list[Fact]) -> list[str]:
    """Steps that started once more after they had succeeded."""
    done: set[str] = set()
    found: list[str] = []
    for fact in facts:
        step = str(fact["data"].get("step"))
        found += [step] if fact["kind"] == "StepStarted" and step in done else []
        done |= {step} if fact["kind"] == "StepSucceeded" else set()
    return found


def killed_after(place: Place, name: str, kind: str, data: dict[str, Any]) -> Engine:
    """Start a drill and kill its engine once the fact is there."""
    engine = place.run(name, "--keep")
    engine.fact(kind, **data)
    engine.kill()
    return engine


@pytest.mark.parametrize("point", POINTS)
def test_a_drill_killed_anywhere_comes_to_its_end_and_brings_everything_home(place: Place, point: str) -> None:
    kind, data = POINTS[point]
    killed_after(place, "struck", kind, data)

    resumed = place.start("resume", "struck", "--keep")

    assert resumed.ended(within_s=180) == 0, (resumed.refusal, resumed.facts[-3:])
    facts, sandbox = place.facts("struck"), place.sandbox()
    assert again(facts) == []
    assert [text for text, count in Counter(reasons(sandbox)).items() if count > 1] == []
    assert not [gate for gate, count in Counter(_asked(facts)).items() if count > 1]
    assert place.drill("verify", str(place.report_dir("struck"))).returncode == 0
    assert resolved(sandbox) == A
    assert takes_writes(sandbox, "a")
    assert not takes_writes(sandbox, "b")
    acknowledged = {fact["data"]["row"] for fact in facts if fact["kind"] == "CanaryAcknowledged"}
    assert len(acknowledged - canary_rows(sandbox, "a", "struck")) == place.report("struck")["rpo"]["lost_rows"]
    assert place.drill("sandbox", "down").returncode == 0
    assert eventually(lambda: not place.remains(), within_s=5), place.remains()


def _asked(facts: list[Fact]) -> list[str]:
    return [str(fact["data"]["gate"]) for fact in facts if fact["kind"] == "AcknowledgementRequested"]
