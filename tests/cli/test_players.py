"""Who plays a drill is known wherever it is played, and is said by the commands that tell people what to do."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from drill.adapters.leases_sql import SqlLeases
from drill.adapters.roll_sql import SqlRoll
from drill.cli.watch import say_when_nobody_plays
from drill.model.events import Kind
from drill.settings import Settings
from drill.wiring.leases import this_process
from drill.wiring.locks import engine_lock
from drill.wiring.players import Player, player_of, told_servers
from drill.wiring.records import Records
from tests.cli.conftest import Drill, journal
from tests.model.story import Story, redrafted

HERE = f"{platform.node()}:{os.getpid()}"
GONE = f"{platform.node()}:999999999:0.00"


def half(home: Path, *, holder: str = "") -> Records:
    """A drill in the middle of its rebuild; with a holder, that has its sites."""
    facts = [fact for fact in Story(every_s=0.5).facts() if fact.mono_s < 5010 or "probe" in fact.by]
    journal().append("half", [draft for draft in redrafted(facts) if draft.kind is not Kind.DRILL_FINISHED])
    records = Records(Settings.load())
    assert records.settings.home == home
    if holder:
        assert isinstance(SqlLeases(records.database).take(["sandbox/primary"], drill="half", holder=holder), int)
    return records


def serve(records: Records, name: str = "serve-1") -> None:
    """A server that lives."""
    SqlRoll(records.database).enroll(name, role="serve", place=HERE)


def test_a_server_that_plays_a_drill_is_named_and_nobody_is_told_to_resume(home: Path, drill: Drill) -> None:
    records = half(home, holder=this_process())
    serve(records)

    with engine_lock(records.settings, "serve"):
        said, row = drill("status", "half"), drill("status", "half", "--json").json()

    assert f"half: running (sandbox, engine serve-1 on {platform.node()}, pid {os.getpid()}, heartbeat " in said.out
    assert "resume" not in said.out
    assert (row["engine_pid"], row["engine"]["server"], row["taken_by"]) == (os.getpid(), "serve-1", "")


def test_a_drill_between_two_servers_is_taken_by_the_living_one(home: Path, drill: Drill) -> None:
    serve(half(home, holder=GONE))

    said = drill("status", "half")

    assert f"its engine is gone: taken next by serve-1 ({platform.node()}, pid {os.getpid()})" in said.out
    assert "resume" not in said.out


def test_without_a_server_whoever_looks_is_told_the_ways_on(home: Path, drill: Drill) -> None:
    half(home)

    said = drill("status", "half")

    assert "no engine" in said.out
    assert "`drill resume half` goes on" in said.out
    assert drill("status", "half", "--json").json()["engine"] is None


def test_a_run_on_another_machine_is_an_engine_with_its_host(home: Path) -> None:
    records = half(home, holder="tokyo-1:77:1.00")
    pen = records.journal.take_token("half")
    records.recorder("half", token=pen).say(Kind.LEASE_TAKEN, "lease/elsewhere", token=pen, holder="cli:half")

    player = player_of(records, "half")

    assert player is not None
    assert (player.server, str(player)) == ("", "engine 77 on tokyo-1")


def test_an_engine_that_makes_its_ground_ready_is_known_by_its_lock(home: Path) -> None:
    records = half(home)

    with engine_lock(records.settings, "half"):
        assert player_of(records, "half") == Player(os.getpid(), platform.node())

    assert player_of(records, "half") is None


def test_whoever_only_looks_finds_players_in_a_database_that_has_no_such_tables(home: Path) -> None:
    half(home)

    looking = Records.to_look_at(Settings.load())

    assert player_of(looking, "half") is None
    assert told_servers(looking) == ""


@pytest.mark.parametrize("served", [True, False])
def test_a_watcher_is_told_to_resume_only_when_no_server_goes_on(home: Path, capsys: pytest.CaptureFixture[str], *, served: bool) -> None:
    records = half(home, holder=GONE)
    if served:
        serve(records)

    say_when_nobody_plays(records, "half")

    said = capsys.readouterr().err
    assert ("taken next by serve-1" in said, "drill resume" in said) == (served, not served)


def test_a_watcher_of_a_drill_that_a_server_plays_is_told_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = half(home, holder=this_process())
    serve(records)

    say_when_nobody_plays(records, "half")

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("served", "words"), [(True, "its engine carries it out"), (False, "the engine that goes on with it")])
def test_a_stop_that_is_asked_for_and_not_carried_out_yet_is_told(home: Path, drill: Drill, *, served: bool, words: str) -> None:
    records = half(home)
    if served:
        serve(records)
    assert "stop asked for" not in drill("status", "half").out
    records.recorder("half").say(Kind.ABORT_REQUESTED, "abort/1", by="person:operator", reason="SIGINT", channel="signal")

    assert f"stop asked for (SIGINT): {words}" in drill("status", "half").out
