"""`drill run --dry-run` and `drill plan` on real files with the real Terraform: everything is looked at, nothing is left."""

from __future__ import annotations

import json
import os
import re
import resource
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil
import pytest
from click.testing import CliRunner, Result

from drill.cli.plan import command as plan
from drill.cli.run import command as run

_PROJECT = Path(__file__).parents[2]
_SANDBOX = _PROJECT / "scenarios" / "sandbox-region-outage.yaml"
_MARK = "DRILL_MARK"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is not there, a temp folder of our own, and a directory to stand in."""
    monkeypatch.setenv("DRILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def _drill(command: Any, *args: str | Path) -> Result:
    return CliRunner().invoke(command, [str(arg) for arg in args], standalone_mode=False, catch_exceptions=False)


def _dry_run(*args: str | Path) -> Result:
    return _drill(run, "--dry-run", *args)


def _junit(path: Path) -> ET.Element:
    return ET.fromstring(path.read_bytes())  # noqa: S314 - ours, written a moment ago


def _files(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def _ours() -> list[int]:
    return [process.pid for process in psutil.Process().children(recursive=True) if process.status() != psutil.STATUS_ZOMBIE]


def _marked() -> set[int]:
    """Processes of this user that a drill has marked as its own, with this test's home."""
    from drill.sandbox.layout import home_mark

    mark, found = home_mark(Path(os.environ["DRILL_HOME"])), set()
    for process in psutil.process_iter():
        try:
            if process.environ().get(_MARK, "").startswith(mark):
                found.add(process.pid)
        except (psutil.Error, OSError):
            continue  # gone, or not ours to look into
    return found


@pytest.mark.parametrize("command", [(run, "--dry-run"), (run, "--dry-run", "--json"), (plan,), (plan, "--json")], ids=str)
def test_a_look_at_a_scenario_writes_nothing_and_leaves_no_process(place: Path, command: tuple[Any, ...]) -> None:
    folders = [place, *(_PROJECT / name for name in ("scenarios", "terraform", "playbooks"))]
    before, children = [_files(folder) for folder in folders], _ours()

    result = _drill(command[0], *command[1:], _SANDBOX)

    assert result.return_value == 0
    assert [_files(folder) for folder in folders] == before
    assert sorted(path.name for path in place.iterdir()) == ["here", "tmp"]
    assert list((place / "tmp").iterdir()) == []
    assert _ours() == children
    assert _marked() == set()


def test_a_sound_scenario_is_told_step_by_step_in_less_than_five_seconds_of_work() -> None:
    before = _work_s()

    result = _dry_run(_SANDBOX)

    assert _work_s() - before < 5
    assert result.return_value == 0
    assert 'would create standby/terraform_data.app["b1"], standby/terraform_data.app["b2"]' in result.output
    assert "would update shop.drill.test (primary -> standby: 127.0.1.1, 127.0.1.2 -> 127.0.2.1, 127.0.2.2, TTL 1s -> 1s)" in result.output
    assert "changes: 13 of at most 40, failback included" in result.output
    assert result.output.endswith("all 9 phases would run\n")


def _work_s() -> float:
    """CPU seconds of this process and of all its children that have ended; a busy machine does not change them."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(row.ru_utime + row.ru_stime for row in used)


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ("objectives.rto=never", 2, "S012"),
        ("phases.data.steps.promote.after=[]", 3, "P001"),
        ("phases.traffic.steps.switch.dns.switch.ttl=61s", 3, "P002"),
        ("limits.allow=[shop.drill.test]", 3, "P004"),
        ("limits.max_changes=4", 3, "P005"),
        ("sites.standby.region=zz", 3, "A250"),
        ("phases.data.steps.promote.database.promote.playbook=gone.yml", 3, "A230"),
        ("failback.phases.data_home.steps.rejoin.ansible.play.playbook=gone.yml", 3, "A230"),
        ("phases.rebuild.steps.capacity.terraform.apply.module=terraform/sites/gone", 3, "A241"),
        ("phases.rebuild.steps.capacity.terraform.apply.variables={}", 3, "A241"),
        ("phases.traffic.steps.switch.dns.switch.name=gone.drill.test", 3, "A221"),
        ("probes.checkout.http=ftp://shop.drill.test/", 3, "F060"),
    ],
)
def test_a_scenario_broken_on_purpose_turns_red_with_the_right_reason(place: Path, change: str, code: int, reason: str) -> None:
    junit = place / "out.xml"

    result = _dry_run(_SANDBOX, "--set", change, "--junit", junit)

    root = _junit(junit)
    told = [
        f"{case.get('name')} {fault.get('message')}"
        for case in root.iter("testcase")
        for fault in case
        if fault.tag in {"failure", "error"}
    ]
    assert result.return_value == code
    assert reason in result.output
    assert any(reason in row for row in told)


def test_the_freeze_of_a_calendar_stops_no_dry_run() -> None:
    result = _dry_run(_SANDBOX, "--set", "limits.freeze=['2020-01-01..2099-12-31 UTC']")

    assert result.return_value == 0


def test_a_directory_leaves_with_its_worst_code_and_names_every_scenario(place: Path) -> None:
    text = _SANDBOX.read_text(encoding="utf-8")
    folder = place / "here" / "scenarios"
    folder.mkdir()
    (folder / "good.yaml").write_text(text, encoding="utf-8")
    (folder / "bad.yaml").write_text(text.replace("rto: 60s", "rto: never"), encoding="utf-8")
    (folder / "shared.yaml").write_text("contacts: {}\n", encoding="utf-8")

    invalid = _dry_run(folder, "--junit", place / "out.xml")
    (folder / "wide.yaml").write_text(text.replace("max_changes: 40", "max_changes: 4"), encoding="utf-8")
    refused = _dry_run(folder, "--json")

    assert invalid.return_value == 2
    assert "1 of 2 scenarios would run, 1 invalid" in invalid.output
    assert [suite.get("name") for suite in _junit(place / "out.xml")] == [str(folder / "bad.yaml"), "sandbox-region-outage"]
    body = json.loads(refused.output)
    assert refused.return_value == body["exit_code"] == 3
    assert [(Path(row["path"]).name, row["exit_code"]) for row in body["files"]] == [("bad.yaml", 2), ("good.yaml", 0), ("wide.yaml", 3)]


def test_the_json_holds_the_facts_that_the_summary_is_made_of() -> None:
    row = json.loads(_dry_run(_SANDBOX, "--json").output)["files"][0]

    assert [fact["seq"] for fact in row["facts"]] == list(range(1, len(row["checks"]) + 2))
    assert row["facts"][0]["data"]["plan"]["mode"] == "dry-run"
    assert [fact["data"] for fact in row["facts"][1:]] == row["checks"]
    assert all(phase["would_run"] for phase in row["phases"])


def test_what_is_skipped_for_lack_of_credentials_or_secrets_is_named_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drill.wiring.rehearsed_grounds.lacking", lambda _provider: "aws")
    primary = "{provider: aws, region: r1, select: {tag: {drill: allowed}}, shop_port: 80, control: []}"
    sites = f"sites={{primary: {primary}, standby: {{provider: aws, region: r2, shop_port: 80, control: []}}}}"

    result = _dry_run(_SANDBOX, "--set", sites, "--set", "zones={drill.test: {provider: route53}}")

    assert result.return_value == 0
    assert "secrets: [F010] not set here: CANARY_DSN, ONCALL_PHONE, LEAD_PHONE, MANAGER_PHONE, SMS_SIGN." in result.output
    assert "[F044] there are no credentials for aws here." in result.output
    assert "as far as can be seen" in result.output


def test_secrets_of_sites_and_zones_are_named_too() -> None:
    result = _dry_run(_SANDBOX.parent / "own-hosts-outage.yaml")

    (said,) = [line for line in result.output.splitlines() if line.startswith("skipped: secrets")]
    assert {"PGPASSFILE", "TSIG_KEY", "CANARY_DSN", "ONCALL_PHONE"} <= set(re.findall(r"[A-Z_]{4,}", said))


def test_secrets_that_steps_refer_to_are_named_too() -> None:
    call = "{http.call: {url: 'http://127.0.0.1/', headers: {A: 'Bearer {secret:SHOP_TOKEN}'}, changes: []}}"

    result = _dry_run(_SANDBOX, "--set", f"phases.outage.steps.call={call}")

    assert result.return_value == 0
    assert "not set here: SHOP_TOKEN." in result.output


def test_without_dry_run_one_scenario_is_taken_at_a_time(place: Path) -> None:
    result = CliRunner().invoke(run, [str(_SANDBOX), str(_SANDBOX)])

    assert result.exit_code == 2
    assert list((place / "here").iterdir()) == []


def test_plan_prints_effects_counts_bounds_and_the_point_of_no_return() -> None:
    result = _drill(plan, _SANDBOX, "--width", "160")

    assert '+ create standby/terraform_data.app["b1"]' in result.output
    assert "! stop primary/postgres" in result.output
    assert "~ update primary/rejoin_postgres.yml" in result.output
    assert "data.promote  database.promote  (≤ 5:00)  [point of no return]" in result.output
    assert "changes: 13 of at most 40" in result.output


def test_plan_holds_the_effects_against_the_limits_and_refuses() -> None:
    result = _drill(plan, _SANDBOX, "--json", "--set", "limits.allow=['primary/*', shop.drill.test]")

    body = json.loads(result.output)
    assert result.return_value == 3
    assert any("[P004] rebuild.capacity would create" in row for row in body["warnings"])
    assert [row["target"] for row in body["effects"]["traffic.switch"]] == ["shop.drill.test"]
    assert body["effects"]["traffic.proof"] == []
