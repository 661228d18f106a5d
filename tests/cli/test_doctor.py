"""`drill doctor` on a machine without a sandbox: a line for each look, exit 0 or 3, and nothing is written."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from drill.adapters.database import sqlite_engine
from drill.adapters.leases_sql import SqlLeases
from drill.settings import Settings
from drill.wiring.leases import this_process
from drill.wiring.stores import sandbox_ending
from tests.cli.conftest import Drill, tell
from tests.e2e.place import SCENARIO, new_place
from tests.model.story import Story


def levels(drill: Drill, *args: str | Path) -> dict[str, str]:
    return {row["name"]: row["level"] for row in drill("doctor", SCENARIO, *args, "--json").json()["advice"]}


def test_a_fit_machine_is_exit_0_and_nothing_is_written(drill: Drill, home: Path, tmp_path: Path) -> None:
    said = drill("doctor", SCENARIO)

    assert said.code == 0, said
    assert "a drill may run; 0 error(s)" in said.out
    assert "ERROR" not in said.out
    assert {line.split("  ")[0].strip() for line in said.out.splitlines()[:-1]} == {"ok", "warn"}
    assert not home.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_machine_form_says_the_same(drill: Drill) -> None:
    said = drill("doctor", SCENARIO, "--json")

    body = said.json()
    assert (said.code, body["fit"]) == (0, True)
    assert all(row.keys() == {"name", "level", "detail", "fix", "code"} for row in body["advice"])
    assert {"terraform", "ansible", "postgresql", "secrets", "journal", "lease", "cannot move", "dry run"} <= {
        row["name"] for row in body["advice"]
    }


def test_a_missing_tool_is_exit_3_with_the_remedy(drill: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_TERRAFORM", "/nowhere/terraform")

    said = drill("doctor", SCENARIO)

    assert said.code == 3
    assert "ERROR  terraform" in said.out
    assert "[A240]" in said.out
    assert "a drill would be refused; 1 error(s)" in said.out


@pytest.mark.parametrize(
    ("change", "step", "code"),
    [
        (
            "phases.data.steps.promote={database.promote: {site: standby, playbook: promot.yml}, after: [fence]}",
            "step data.promote",
            "A230",
        ),
        (
            "phases.rebuild.steps.capacity={terraform.apply: {module: terraform/sites/nowhere, site: standby}}",
            "step rebuild.capacity",
            "A241",
        ),
    ],
)
def test_a_playbook_or_module_that_is_missing_is_said_before_the_drill(drill: Drill, home: Path, change: str, step: str, code: str) -> None:
    rows = {row["name"]: row for row in drill("doctor", SCENARIO, "--set", change, "--json").json()["advice"]}

    assert (rows[step]["level"], rows[step]["code"]) == ("error", code)
    assert rows[step]["fix"]
    assert not home.exists()


def test_a_freeze_that_holds_now_is_exit_3(drill: Drill) -> None:
    said = drill("doctor", SCENARIO, "--set", 'limits.freeze=["2000-01-01..2099-12-31 UTC"]')

    assert (said.code, "[P003]" in said.out) == (3, True), said


def test_a_site_that_another_drill_holds_is_exit_3_and_says_which(drill: Drill, home: Path) -> None:
    told = tell(Story(every_s=0.5, ending="held"))
    ending = sandbox_ending(Settings.load())
    sites = [f"sandbox/{region}{ending}" for region in "ab"]
    SqlLeases(sqlite_engine(home / "drill.sqlite")).take(sites, drill=told, holder=this_process())

    said = drill("doctor", SCENARIO)

    assert (said.code, "[F051]" in said.out, told in said.out) == (3, True, True), said


def test_a_journal_of_a_newer_release_is_exit_3_and_stays_as_it_is(drill: Drill, home: Path) -> None:
    tell()
    with sqlite3.connect(home / "drill.sqlite") as connection:
        connection.execute("UPDATE journal_version SET version = 99")

    said = drill("doctor", SCENARIO)

    assert (said.code, "[J005]" in said.out) == (3, True), said


def test_a_home_that_cannot_be_written_is_an_error(drill: Drill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **how: Path(path) != tmp_path and allowed(path, mode, **how))

    assert levels(drill)["home"] == "error"


def test_an_invalid_scenario_is_exit_2(drill: Drill, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("scenario: x\n")

    assert drill("doctor", file).code == 2


@pytest.mark.real
def test_with_a_sandbox_that_is_up_the_live_ground_is_looked_at_and_left_as_it_is() -> None:
    place = new_place()
    try:
        assert place.drill("sandbox", "up").returncode == 0
        before = sorted(path.name for path in place.home.rglob("*"))

        said = place.drill("doctor", SCENARIO, "--json")

        body = json.loads(said.stdout)
        looked = {row["name"]: row["level"] for row in body["advice"]}
        assert (said.returncode, body["fit"]) == (0, True), body
        assert {"contact lead", "steady state checkout", "step data.promote", "step traffic.switch", "limits"} <= looked.keys()
        assert sorted(path.name for path in place.home.rglob("*")) == before
    finally:
        place.drill("sandbox", "down")
        place.clear()


def test_a_policy_is_one_document_on_stdout_and_its_notes_are_beside_it(drill: Drill, home: Path) -> None:
    said = drill("doctor", "scenarios/aliyun-to-aws-region-outage.yaml", "--policy", "aliyun")

    assert said.code == 0
    assert {row["Effect"] for row in said.json()["Statement"]} == {"Allow"}
    assert not home.exists()


def test_a_policy_that_is_too_long_for_one_is_several_that_can_be_applied(drill: Drill, tmp_path: Path) -> None:
    shown = drill("doctor", "scenarios/aws-singapore-to-tokyo.yaml", "--policy", "aws")
    saved = drill("doctor", "scenarios/aws-singapore-to-tokyo.yaml", "--policy", "aws", "--into", str(tmp_path / "policies"))

    paths = [Path(line) for line in saved.out.splitlines()]
    assert [path.name for path in paths] == ["aws-singapore-to-tokyo.aws.1.json", "aws-singapore-to-tokyo.aws.2.json"]
    assert shown.json() == [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    assert all(len(json.dumps(each, separators=(",", ":"))) <= 6144 for each in shown.json())
    assert "note: these are 2 policies" in saved.err


def test_a_directory_that_cannot_hold_the_policies_is_told(drill: Drill, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    said = drill("doctor", "scenarios/aws-singapore-to-tokyo.yaml", "--policy", "aws", "--into", str(tmp_path / "file" / "policies"))
    alone = drill("doctor", SCENARIO, "--into", str(tmp_path))

    assert (said.code, alone.code) == (2, 2)
    assert "cannot be written" in said.err
    assert "--into goes with --policy" in alone.err


def test_a_policy_of_a_cloud_that_is_not_asked_for_anything_is_a_usage_error(drill: Drill) -> None:
    said = drill("doctor", SCENARIO, "--policy", "aws")

    assert (said.code, said.out) == (2, "")
    assert "[U050]" in said.err
