"""The nightly run goes through every shipped scenario, writes nothing, and is red for the right reason when one breaks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from drill.cli.loading import scenario_files
from drill.engine.reach import control_plane_warnings
from drill.wiring.scenarios import open_scenario

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED = list(scenario_files([PROJECT / "scenarios"]))
LIMIT_S = 60.0
_CLOUD = ("AWS_", "ALIBABA_CLOUD_", "ALICLOUD_", "DRILL_SECRET_")


def nightly(home: Path, scenarios: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run the script with an empty home, and with nothing that a cloud would take for credentials."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_CLOUD)}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = {"HOME": str(home), "DRILL_HOME": str(home / "state"), "DRILL_SCENARIOS": str(scenarios), "PATH": path}
    junit = home / "nightly.xml"
    argv = [str(PROJECT / ".ci" / "nightly"), str(junit), *options]
    return subprocess.run(argv, env={**kept, **own}, capture_output=True, text=True, check=False, timeout=300), junit


def test_every_shipped_scenario_would_run_without_any_account_and_nothing_is_written(tmp_path: Path) -> None:
    began_s = time.monotonic()

    done, junit = nightly(tmp_path, PROJECT / "scenarios")

    took_s = time.monotonic() - began_s
    assert done.returncode == 0, done.stdout + done.stderr
    assert took_s < LIMIT_S
    assert [row.name for row in tmp_path.iterdir()] == ["nightly.xml"]
    suites = ET.parse(junit).getroot().findall("testsuite")  # noqa: S314 - our own file
    assert sorted(suite.attrib["name"] for suite in suites) == sorted(path.stem for path in SHIPPED)
    assert "there are no credentials for aliyun here" in done.stdout


def test_a_missing_playbook_turns_it_red_and_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "scenarios"
    shutil.copytree(PROJECT / "scenarios", broken)
    (tmp_path / "home").mkdir()
    file = broken / "aws-singapore-to-tokyo.yaml"
    file.write_text(file.read_text().replace("rejoin_postgres.yml", "rejoin_postgre.yml"))

    done, junit = nightly(tmp_path / "home", broken)

    assert done.returncode == 3
    [failure] = ET.parse(junit).getroot().iter("failure")  # noqa: S314 - our own file
    assert "rejoin_postgre.yml" in (failure.attrib.get("message") or "") + (failure.text or "")
    assert "aws-singapore-to-tokyo.yaml: 7 of 10 phases would run, 1 refusal(s)" in done.stdout


@pytest.mark.parametrize(
    ("name", "right", "wrong", "code", "reason"),
    [
        ("host-loss", 'allow: ["lost/*"]', 'allow: ["found/*"]', 3, "[P004] outage.blackhole would update 'lost/web1.dc1.example.com'"),
        ("own-hosts-outage", "after: [fence]", "after: []", 3, "[P001] 'data.promote' promotes with no fence before it"),
        ("traffic-only", "ttl: 60s}}\n      interface", "ttl: 10m}}\n      interface", 2, "a TTL is whole seconds, from 1s to 5m"),
        ("tabletop", "ask: [manager], then", "ask: [manger], then", 2, "Did you mean 'manager'?"),
    ],
)
def test_a_scenario_broken_on_purpose_turns_it_red_with_the_reason(
    tmp_path: Path, name: str, right: str, wrong: str, code: int, reason: str
) -> None:
    shutil.copytree(PROJECT / "scenarios", tmp_path / "scenarios")
    (tmp_path / "home").mkdir()
    file = tmp_path / "scenarios" / f"{name}.yaml"
    text = file.read_text(encoding="utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong), encoding="utf-8")

    done, junit = nightly(tmp_path / "home", file)

    assert (done.returncode, reason in done.stdout) == (code, True), done.stdout
    assert list(ET.parse(junit).getroot().iter("failure" if code == 3 else "error"))  # noqa: S314 - our own file


def test_what_is_lacking_is_an_error_when_it_must_not_be(tmp_path: Path) -> None:
    done, _ = nightly(tmp_path, PROJECT / "scenarios" / "aws-singapore-to-tokyo.yaml", "--strict")

    assert done.returncode == 3
    assert "refused: outage.blackhole" in done.stdout
    assert "[F044] there are no credentials for aws here" in done.stdout


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_scenario_has_a_real_way_home_and_a_budget_for_every_phase(path: Path) -> None:
    plan = open_scenario(path).plan

    assert all(phase.budget_s is not None for phase in plan.all_phases() if phase.steps)
    home = {step.kind for phase in plan.failback for step in phase.steps}
    gone = {step.kind for phase in plan.phases for step in phase.steps}
    assert "outage.restore" in home or not {"outage.isolate", "outage.stop"} & gone
    assert "dns.switch" in home or "dns.switch" not in gone
    assert "terraform.destroy" in home or "terraform.apply" not in gone
    assert {"ansible.play"} & home or "database.promote" not in gone


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_plan_warns_of_every_shipped_lever_of_the_control_plane_without_any_account(path: Path) -> None:
    opened = open_scenario(path)

    warned = [row.split("'")[1] for row in control_plane_warnings(opened.plan, opened.kinds, {})]

    expected = {
        "aliyun-to-aws-region-outage": ["traffic.switch"],
        "aliyun-hangzhou-to-shanghai": ["traffic.switch"],
        "aws-singapore-to-tokyo": ["traffic.switch"],
        "traffic-only": ["traffic.shop"],
        "active-active-drain": ["half.share", "drain.share"],
    }
    assert warned == expected.get(path.stem, [])


def test_the_readme_has_a_line_for_every_shipped_scenario_and_for_no_other() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8").partition("## Scenarios\n")[2].partition("\n## ")[0]

    assert sorted(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE)) == sorted(path.stem for path in SHIPPED)


def test_the_workflow_runs_the_script_every_night_and_may_only_read() -> None:
    flow = yaml.safe_load((PROJECT / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8"))
    steps = flow["jobs"]["dry-run"]["steps"]

    assert flow[True]["schedule"][0]["cron"].split()[2:] == ["*", "*", "*"]  # YAML reads `on` as true
    assert flow["permissions"] == {"contents": "read"}
    [rehearsal] = [step for step in steps if ".ci/nightly" in step.get("run", "")]
    assert rehearsal["shell"] == "bash"  # with pipefail: what `tee` ends with must not hide what the dry run ended with
    assert {"AWS_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_ID"} <= rehearsal["env"].keys()
    assert os.access(PROJECT / ".ci" / "nightly", os.X_OK)
