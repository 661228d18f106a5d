"""Nobody is unwatched: an observer or a dead man that dies or stands still in the middle of a drill is replaced, and the drill goes on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.e2e.place import SCENARIO, Engine, Place, eventually
from tests.e2e.world import answer

pytestmark = [pytest.mark.real, pytest.mark.sweep]

OPEN_GATE = ("phases.outage.acknowledge.blocking=true", "defaults.acknowledge.within=5m")


def holder(place: Place, name: str) -> int:
    """The pid of the drill's observer or dead man."""
    return int(Path(place.home / "drills" / "watched" / f"{name}.pid").read_text(encoding="ascii"))


def struck(place: Place, engine: Engine, name: str, number: signal.Signals, codes: tuple[str, str]) -> None:
    """Signal a watcher, and wait until its loss and the return of another one are told."""
    before, told = holder(place, name), [len(engine.told("FindingRaised", code=code)) for code in codes]

    os.kill(before, number)

    for code, count in zip(codes, told, strict=True):
        assert eventually(lambda: len(engine.told("FindingRaised", code=code)) > count, within_s=30), (code, engine.facts[-3:])  # noqa: B023
    assert holder(place, name) != before
    assert eventually(lambda: not psutil.pid_exists(before), within_s=20)


def test_watchers_that_die_or_stand_still_are_replaced_and_the_drill_goes_on(place: Place) -> None:
    engine = place.run("watched", "--phone", "once", sets=OPEN_GATE)
    engine.fact("AcknowledgementRequested", gate="outage")
    sandbox = place.sandbox()

    struck(place, engine, "observer", signal.SIGKILL, ("D511", "D512"))
    struck(place, engine, "observer", signal.SIGSTOP, ("D511", "D512"))
    struck(place, engine, "dead-man", signal.SIGKILL, ("D514", "D515"))
    struck(place, engine, "dead-man", signal.SIGSTOP, ("D514", "D515"))
    sandbox.set_phone_mode("auto")
    answer(place, engine, "outage")

    assert engine.ended() in {0, 1}
    report = place.report("watched")
    codes = [row["code"] for row in report["findings"]]
    assert report["outcome"] == "finished"
    assert codes.count("D511") == codes.count("D514") == 2
    assert "V107" in codes  # nobody took samples in between, and the report says so
    assert place.drill("verify", str(place.report_dir("watched"))).returncode == 0


def test_a_drill_whose_sandbox_dies_under_it_ends_as_aborted_within_seconds(place: Place) -> None:
    engine = place.run("watched", "--phone", "once", sets=("defaults.acknowledge.within=5m",))
    engine.fact("AcknowledgementRequested", gate="recover")  # the promote is behind: any other abort would hold
    sandbox = place.sandbox()

    os.kill(sandbox.details["pid"], signal.SIGKILL)

    gone = engine.fact("AbortRequested", within_s=10, channel="ground")
    finished = engine.fact("DrillFinished", within_s=20)
    assert engine.ended() == 4
    assert finished["data"]["outcome"] == "aborted"
    assert finished["mono_s"] - gone["mono_s"] < 15
    assert place.drill("sandbox", "down").returncode == 0


def test_a_drill_on_hold_ends_with_its_sandbox_and_the_site_is_free_again(place: Place) -> None:
    engine = place.run("watched", "--phone", "once", sets=("defaults.acknowledge.within=4s",))
    assert engine.ended() == 5
    place.sandbox()
    refused = place.drill("run", SCENARIO, "--id", "next")

    down = place.drill("sandbox", "down")

    assert refused.returncode == 3
    assert "`drill failback watched`" in refused.stderr
    assert "watched: ended as aborted" in down.stdout
    assert json.loads(place.drill("status", "watched", "--json").stdout)["state"] == "aborted"
