"""One drill per site: a second one is refused before anything is touched, and is told who is in the way."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from drill.adapters.leases_sql import SqlLeases
from drill.engine.keeper import FENCE_SHARE
from drill.model.errors import JournalBroken, PreflightFailed
from drill.model.events import Kind
from drill.settings import Settings
from drill.wiring.leases import SiteLease, sites_of, this_process
from drill.wiring.records import Records
from drill.wiring.sessions import plan_drill
from tests.model.story_plan import sandbox_plan

PLAN = sandbox_plan()


@pytest.fixture
def records(tmp_path: Path) -> Records:
    home = tmp_path / "home"
    settings = Settings(home, tmp_path / "reports", Path.cwd(), f"sqlite:///{home / 'drill.sqlite'}", None)
    found = Records(settings)
    for drill in ("first", "second"):
        plan_drill(found, drill, PLAN, started_by="test", auto_answered=True)
    return found


@pytest.fixture
def dead_holder() -> str:
    """The name of a process of this machine that is gone."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(child.pid).create_time()
    child.kill()
    child.wait()
    if child.stdin is not None:
        child.stdin.close()
    return f"{platform.node()}:{child.pid}:{started:.2f}"


def holders(records: Records) -> set[str]:
    """The drills that have the plan's sites."""
    return {row.drill for row in SqlLeases(records.database).look(sites_of(records.settings, PLAN))}


def test_a_second_drill_on_the_site_is_refused_and_told_drill_host_and_pid(records: Records) -> None:
    SiteLease(records, "first", PLAN).take()

    with pytest.raises(PreflightFailed) as raised:
        SiteLease(records, "second", PLAN).take()

    assert raised.value.code == "F051"
    assert all(word in raised.value.what for word in ("first", platform.node(), str(os.getpid())))


def test_the_lease_of_a_process_that_died_here_is_taken_over_at_once(records: Records, dead_holder: str) -> None:
    SqlLeases(records.database).take(sites_of(records.settings, PLAN), drill="first", holder=dead_holder)

    SiteLease(records, "second", PLAN).take()

    assert holders(records) == {"second"}


def test_the_lease_of_an_engine_on_another_machine_is_taken_over_after_its_time_to_live(records: Records) -> None:
    SqlLeases(records.database).take(sites_of(records.settings, PLAN), drill="first", holder="elsewhere:1:0")
    with pytest.raises(PreflightFailed):
        SiteLease(records, "second", PLAN).take()
    impatient = Records(replace(records.settings, ttl_s=-FENCE_SHARE), records.journal)

    SiteLease(impatient, "second", PLAN).take()

    assert holders(records) == {"second"}


def test_a_drill_on_hold_keeps_its_site_although_no_engine_runs(records: Records, dead_holder: str) -> None:
    SqlLeases(records.database).take(sites_of(records.settings, PLAN), drill="first", holder=dead_holder)
    records.recorder("first").say(Kind.DRILL_STARTED, "started")
    records.recorder("first").say(Kind.DRILL_HELD, "held", reason="silence", left=[])

    with pytest.raises(PreflightFailed, match="on hold on this site"):
        SiteLease(records, "second", PLAN).take()


def test_an_engine_whose_site_was_taken_over_may_touch_nothing(records: Records) -> None:
    frozen = SiteLease(records, "first", PLAN)
    frozen.take()
    sites = sites_of(records.settings, PLAN)
    leases = SqlLeases(records.database)
    leases.take(sites, drill="second", holder=this_process(), over=leases.look(sites))
    recorder = records.recorder("first", token=records.journal.take_token("first"), still_ours=frozen.check)

    with pytest.raises(JournalBroken) as raised:
        recorder.before_an_effect()

    assert raised.value.code == "J011"


def test_a_site_is_free_again_when_its_drill_has_ended(records: Records) -> None:
    first = SiteLease(records, "first", PLAN)
    first.take()
    first.release()

    assert holders(records) == set()
    SiteLease(records, "second", PLAN).take()
    assert holders(records) == {"second"}


def test_a_drill_that_has_ended_is_in_the_way_only_while_it_is_cleared_away_and_is_not_called_running(records: Records) -> None:
    SiteLease(records, "first", PLAN).take()
    records.recorder("first").say(Kind.DRILL_FINISHED, "finished", outcome="refused", exit_code=3, left=[], reason="x")

    with pytest.raises(PreflightFailed, match="first has ended and is being cleared away") as raised:
        SiteLease(records, "second", PLAN).refuse_if_taken()

    assert (raised.value.code, "Try again in some seconds" in raised.value.fix) == ("F051", True)
    assert "drill abort" not in raised.value.fix
