"""The shipped scenario of a team's own tools, for real: out and home, taken back when a check fails, and killed in a program."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.e2e.place import Engine, Place, eventually
from tests.e2e.world import checkout

pytestmark = [pytest.mark.real, pytest.mark.sweep]

_SCENARIO = Path(__file__).parents[2] / "scenarios" / "own-ground.yaml"
_PLAIN = "      rows: {verify.rows: {site: primary, tables: [orders]}, after: [replication]}\n"


def _variant(place: Place, *steps: str) -> str:
    """The scenario with further steps in its phase before the loss."""
    text = _SCENARIO.read_text(encoding="utf-8")
    assert text.count(_PLAIN) == 1
    path = place.base / "variant.yaml"
    path.write_text(text.replace(_PLAIN, _PLAIN + "".join(f"      {step}\n" for step in steps)), encoding="utf-8")
    return str(path)


def _settings(place: Place) -> Path:
    return Path(place.sandbox().control[-1]) / "shop.conf"


def _port(place: Place, region: str) -> str:
    return f"database=127.0.0.1:{place.sandbox().details['regions'][region]['pg_port']}\n"


def test_own_tools_carry_a_region_loss_out_and_home(place: Place) -> None:
    engine = place.start("run", str(_SCENARIO), "--id", "own", "--keep")

    engine.fact("StepSucceeded", step="traffic.settings")
    assert _settings(place).read_text() == _port(place, "b")

    assert engine.ended() == 0
    done = {fact["data"]["step"]: fact["data"]["outputs"] for fact in engine.told("StepSucceeded")}
    before, after = done["before.rows"]["tables"]["orders"]["rows"], done["data.rows"]["tables"]["orders"]["rows"]
    assert after >= before
    assert done["traffic.order"]["order"]
    assert done["data.writable"]["value"] is False
    assert engine.told("Acknowledged", gate="notice.page")
    assert not _settings(place).exists()
    assert place.drill("sandbox", "down").returncode == 0


def test_a_failing_check_before_the_loss_takes_everything_back_and_says_what_hands_must_do(place: Place) -> None:
    hand = "hand: {manual: {do: Unplug rack seven, undo: Plug rack seven in, changes: [primary/rack]}}"
    wrong = "wrong: {verify.sql: {site: primary, sql: select 1, equals: 2}, after: [rows, settings, hand]}"
    engine = place.start("run", _variant(place, hand, wrong), "--id", "wrong", "--keep")

    assert engine.ended() == 5
    assert engine.told("StepFailed", step="before.wrong")[0]["data"]["code"] == "A185"
    assert [fact["data"]["step"] for fact in engine.told("UndoDone")] == ["before.settings"]
    assert engine.told("DrillFinished")[0]["data"]["left"] == ["the undo of before.hand failed; By hand: Plug rack seven in"]
    assert not engine.told("OutageInjected")
    assert not _settings(place).exists()
    assert place.drill("sandbox", "down").returncode == 0


def test_a_program_that_ran_when_the_engine_died_is_ended_and_put_to_a_person(place: Place) -> None:
    slow = "slow: {command: {run: [sh, -c, 'echo $$ > \"$0\"; sleep 600', %s], changes: []}}"
    pid_file = place.base / "pid"
    engine = place.start("run", _variant(place, slow % pid_file), "--id", "killed", "--keep")
    engine.fact("StepStarted", step="before.slow")
    assert eventually(lambda: pid_file.exists() and bool(pid_file.read_text().strip()), within_s=20)
    pid = int(pid_file.read_text())
    engine.kill()
    assert psutil.pid_exists(pid)

    again: Engine = place.start("resume", "killed", "--keep")
    asked = again.fact("StepAsked", step="before.slow")

    assert "the engine died while it ran" in asked["data"]["why"]
    assert not psutil.pid_exists(pid)
    assert place.drill("abort", "killed", "--reason", "seen enough").returncode in {0, 4}
    assert again.ended() == 4
    assert place.drill("sandbox", "down").returncode == 0


def test_an_outage_by_an_own_program_ends_by_itself_when_the_engine_is_gone(place: Place) -> None:
    sets = ("--set", "limits.dead_man=5s", "--set", "phases.outage.acknowledge.blocking=true", "--set", "defaults.acknowledge.within=5m")
    engine = place.start("run", str(_SCENARIO), "--id", "left", "--phone", "once", *sets)
    engine.fact("AcknowledgementRequested", gate="outage")
    sandbox = place.sandbox()
    address = sandbox.details["regions"]["a"]["addresses"][0]
    assert checkout(sandbox, address) != 200

    engine.kill()

    assert eventually(lambda: checkout(sandbox, address) == 200), "region A does not sell"
    assert place.start("resume", "left", "--keep").ended() == 4
    undone = [(fact["by"], fact["data"]["step"]) for fact in place.facts("left") if fact["kind"] == "UndoDone"]
    assert undone == [("dead-man", "outage.blackhole"), ("engine", "before.settings")]
    assert place.drill("sandbox", "down").returncode == 0
