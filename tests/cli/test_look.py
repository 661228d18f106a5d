"""`drill status`, `show`, `list`, `logs` and `watch` on a journal that tells a whole drill, and on an empty one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drill.model.events import check_chain, fact_from_row
from drill.model.progress import MEASUREMENTS
from drill.settings import Settings
from drill.wiring.locks import engine_lock
from drill.wiring.records import Records
from tests.cli.conftest import Drill, journal, tell
from tests.model.story import Story, redrafted
from tests.model.story_pen import Ending

_STATES = {"pending", "running", "succeeded", "failed", "skipped", "interrupted"}


@pytest.mark.parametrize("command", ["status", "show", "logs", "report", "watch"])
def test_a_home_without_drills_says_so(drill: Drill, command: str) -> None:
    said = drill(command)

    assert said.code == 2
    assert "U012" in said.err
    assert "Start one with `drill run SCENARIO`." in said.err


def test_a_list_of_no_drills_says_how_to_run_one(drill: Drill) -> None:
    assert "drill run scenarios/sandbox-region-outage.yaml" in drill("list").out
    assert drill("list", "--json").json() == []


def test_a_drill_that_does_not_exist_is_answered_with_those_that_do(drill: Drill) -> None:
    told = tell()

    assert f"The newest are: {told}." in drill("show", "friday").err


def test_status_says_where_every_step_stands(drill: Drill) -> None:
    told = tell(Story(every_s=0.5, killed=True))

    row = drill("status", told, "--json").json()

    assert (row["drill"], row["state"], row["exit_code"], row["mode"]) == (told, "finished", 0, "sandbox")
    assert row["point_of_no_return"] is True
    assert row["engine_pid"] is None
    assert {step["state"] for step in row["steps"]} <= _STATES
    assert {"id": "rebuild.capacity", "phase": "rebuild", "state": "succeeded", "attempts": 2} in row["steps"]
    assert [phase["id"] for phase in row["phases"]][:3] == ["go", "outage", "detect"]
    assert {gate["id"]: gate["state"] for gate in row["gates"]}["recover"] == "acknowledged"


def test_status_of_no_drill_in_particular_is_of_the_newest(drill: Drill) -> None:
    tell()
    tell(Story(every_s=0.5, drill="newest", ending="declined"))

    assert drill("status", "--json").json()["drill"] == "newest"


def test_status_of_a_drill_whose_engine_is_gone_says_how_to_go_on(drill: Drill) -> None:
    told = tell(Story(every_s=0.5))
    facts = [fact for fact in journal().read(told) if fact.mono_s < 5010 or "probe" in fact.by]
    journal().append("half", [draft for draft in redrafted(facts) if draft.kind.value != "DrillFinished"])

    said = drill("status", "half")

    assert "half: running" in said.out
    assert "its engine is gone: `drill resume half` goes on, `drill abort half` takes it back" in said.out


def test_status_names_the_live_engine_of_a_drill(drill: Drill) -> None:
    told = tell(Story(every_s=0.5, ending="held"))

    with engine_lock(Settings.load(), told):
        said = drill("status", told, "--json")

    assert said.json()["engine_pid"] > 1


def test_status_of_a_drill_on_hold_says_what_a_person_can_choose(drill: Drill) -> None:
    told = tell(Story(every_s=0.5, ending="held"))

    said = drill("status", told)

    assert f"`drill failback {told}` brings it home, `drill proceed {told}` goes on" in said.out


def test_list_shows_every_drill_oldest_first_with_its_measured_time(drill: Drill) -> None:
    told = tell(Story())
    tell(Story(every_s=0.5, drill="later", ending="aborted"))

    rows = drill("list", "--json").json()
    lines = drill("list").out.splitlines()

    assert [(row["drill"], row["state"], row["exit_code"]) for row in rows] == [(told, "finished", 0), ("later", "aborted", 4)]
    assert rows[0]["rto_met"] is True
    assert f"RTA {rows[0]['rta_s']:.1f} s" in lines[0]
    assert "unmeasured" in lines[1]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_show_tells_the_result_in_both_languages(drill: Drill, lang: str) -> None:
    told = tell()

    said = drill("show", told, "--lang", lang)

    assert said.code == 0
    assert "RTO" in said.out
    assert ("恢复" in said.out) is (lang == "zh")


def test_show_for_machines_is_the_report(drill: Drill) -> None:
    told = tell(Story())

    shown = drill("show", told, "--json").json()

    assert (shown["drill"], shown["outcome"], shown["rto"]["met"]) == (told, "finished", True)


def test_a_reader_of_the_record_changes_nothing_in_it(drill: Drill) -> None:
    told = tell()
    before = journal().read(told)

    for command in ("status", "show", "list", "logs", "report"):
        drill(command, *([told] if command != "list" else []))

    assert journal().read(told) == before


def test_logs_are_the_facts_without_measurements_one_a_line(drill: Drill) -> None:
    told = tell()

    rows = [json.loads(line) for line in drill("logs", told).out.splitlines()]

    assert rows
    assert not {row["kind"] for row in rows} & {str(kind) for kind in MEASUREMENTS}


def test_logs_with_measurements_are_the_whole_chain(drill: Drill) -> None:
    told = tell()

    rows = [json.loads(line) for line in drill("logs", told, "--measurements").out.splitlines()]

    seq, digest = check_chain(fact_from_row(row) for row in rows)
    assert (seq, digest) == (len(rows), journal().read(told)[-1].digest)


def test_kept_output_is_printed_by_the_start_of_its_name(drill: Drill) -> None:
    told = tell()
    kept = Records(Settings.load()).artifacts().put(told, "apply.log", b"Apply complete!\n")

    assert "Apply complete!" in drill("logs", told, "--artifact", kept[:8]).out
    missing = drill("logs", told, "--artifact", "ffff0000")
    assert (missing.code, "U014" in missing.err) == (2, True)


@pytest.mark.parametrize("ending", ["finished", "held"])
def test_watch_shows_a_drill_until_it_ends_or_holds(drill: Drill, ending: Ending) -> None:
    told = tell(Story(every_s=0.5, ending=ending))

    said = drill("watch", told)

    assert said.code == 0
    assert said.out


def test_a_journal_of_a_newer_release_is_refused_and_not_overwritten(drill: Drill, home: Path) -> None:
    import sqlite3

    told = tell()
    with sqlite3.connect(home / "drill.sqlite") as connection:
        connection.execute("UPDATE journal_version SET version = 99")

    said = drill("status", told)

    assert (said.code, "J005" in said.err) == (6, True)


def test_a_file_that_is_no_database_is_refused_and_not_overwritten(drill: Drill, home: Path) -> None:
    home.mkdir()
    (home / "drill.sqlite").write_bytes(b"not a database at all, but long enough to be looked at" * 40)
    before = (home / "drill.sqlite").read_bytes()

    said = drill("list")

    assert (said.code, "J004" in said.err) == (6, True)
    assert (home / "drill.sqlite").read_bytes() == before
