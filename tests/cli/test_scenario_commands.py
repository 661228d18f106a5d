"""`drill check`, `plan`, `schema` and `init` on real files with the real step kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from drill.cli.check import command as check
from drill.cli.init import command as init
from drill.cli.plan import command as plan
from drill.cli.schema import command as schema
from drill.cli.schema import schema_text
from drill.model.wording import SANDBOX_CODES
from drill.steps.base import registry
from drill.wiring.scenarios import open_scenario
from tests.cli.conftest import Drill

_PROJECT = Path(__file__).parents[2]
_SANDBOX = _PROJECT / "scenarios" / "sandbox-region-outage.yaml"

_BAD = """\
scenario: bad
title: Bad
objectives: {rto: 60s, rpo: never}
sites:
  primary: {provider: sandbox, region: a}
  standby: {provider: sandbox, region: b}
steady_state: [chekout]
probes: {checkout: {http: "http://{{ sites.primry.host }}/"}}
limits: {max_changes: 1, allow: [], frezee: []}
contacts: {oncall: {title: x, sms: secret:X}}
defaults: {acknowledge: {ask: [oncall], then: [oncal], within: 5s}}
phases:
  a: {after: [c], steps: {x: {fense: {site: primary}}}}
  b: {after: [a], steps: {x: {fence: {site: primry}}}}
  c: {after: [b], budgte: 3s, steps: {x: {dns.switch: {name: a.b, to: stanby, ttl: 1x, values: "{{ steps.y.outputs.z }}"}}}}
failback: {phases: {a: {acknowledge: none}}}
messages: {sms: {provider: aliyun, sign: secret:SIGN}}
"""

_FOUND = """\
bad.yaml:3:29: [S012] objectives.rpo: expected a duration such as 250ms, 30s, 8m or 1m48s, got 'never'.
bad.yaml:7:16: [S025] there is no probe 'chekout'. Did you mean 'checkout'?
bad.yaml:8:27: [S024] there is no site 'primry'. Did you mean 'primary'?
bad.yaml:9:37: [S010] unknown key 'frezee' in limits. Did you mean 'freeze'?
bad.yaml:11:48: [S023] there is no contact 'oncal'. Did you mean 'oncall'?
bad.yaml:13:31: [S013] 'fense' is neither a step kind nor a key of a step. Did you mean 'fence'?
bad.yaml:14:15: [S021] each phase waits for the one before it, in a circle: a -> b -> c -> a. Drop one 'after'.
bad.yaml:14:45: [S024] there is no site 'primry'. Did you mean 'primary'?
bad.yaml:15:19: [S010] unknown key 'budgte' in phases.c. Did you mean 'budget'?
bad.yaml:15:71: [S024] there is no site 'stanby'. Did you mean 'standby'?
bad.yaml:15:84: [S012] phases.c.steps.x.dns.switch.ttl: expected a duration such as 250ms, 30s, 8m or 1m48s, got '1x'.
bad.yaml:15:96: [S026] there is no step 'y'. Known: a.x, b.x, c.x, x.
bad.yaml:16:21: [S022] 'a' is already a phase of the drill. Call it 'a_home', for example.
bad.yaml:16:21: [S031] 'a' has neither steps nor a gate. Give it one, or remove it.
"""


@pytest.fixture(autouse=True)
def _no_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_HOME", str(tmp_path / "home"))


def _run(command: Any, *args: str | Path) -> Result:
    return CliRunner().invoke(command, [str(arg) for arg in args], standalone_mode=False, catch_exceptions=False)


def test_check_prints_every_mistake_of_grammar_and_references_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(_BAD, encoding="utf-8")

    result = _run(check, "bad.yaml")

    assert result.return_value == 2
    assert result.output == _FOUND


def test_check_takes_a_folder_and_passes_shared_files_over(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(_SANDBOX.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "bad.yml").write_text(_BAD, encoding="utf-8")
    (tmp_path / "shared.yaml").write_text("contacts: {}\n", encoding="utf-8")

    result = _run(check, tmp_path, "--json")

    files = json.loads(result.output)["files"]
    assert [(Path(row["path"]).name, row["exit_code"], len(row["findings"])) for row in files] == [("bad.yml", 2, 14), ("good.yaml", 0, 0)]
    assert result.return_value == 2


def test_a_path_that_no_file_can_have_is_a_finding(tmp_path: Path) -> None:
    result = _run(check, tmp_path / f"{'x' * 300}.yaml")

    assert result.return_value == 2
    assert "[S001]" in result.output


def test_check_of_an_unsafe_scenario_says_where_and_is_a_refusal() -> None:
    result = _run(check, _SANDBOX, "--set", "phases.traffic.steps.switch.dns.switch.ttl=61s")

    line = 1 + _SANDBOX.read_text(encoding="utf-8").splitlines().index("      switch:")
    assert result.return_value == 3
    assert f"{_SANDBOX}:{line}:7: [P002]" in result.output


def test_every_scenario_we_ship_is_sound_and_warns_of_nothing() -> None:
    result = _run(check, _PROJECT / "scenarios", "--json")

    assert result.return_value == 0
    assert all(not row["warnings"] for row in json.loads(result.output)["files"])


def test_the_sandbox_scenario_knows_every_message_template() -> None:
    sms = open_scenario(_SANDBOX).plan.messages.sms

    assert sms is not None
    assert {code for row in sms.templates.values() for code in row.values()} == {
        code for row in SANDBOX_CODES.values() for code in row.values()
    }


def test_plan_shows_the_path_its_times_and_the_bound_of_the_detector(tmp_path: Path) -> None:
    result = _run(plan, _SANDBOX, "--width", "120")

    assert result.return_value == 0
    assert "outage → detect → rebuild → traffic" in result.output
    assert "detect.heartbeat notices a loss within 1s500ms." in result.output
    assert not (tmp_path / "home").exists()


def test_plan_warns_of_budgets_and_detectors_that_cannot_keep_the_promise() -> None:
    sets = ("--set", "objectives.rto=20s", "--set", "phases.detect.steps.heartbeat.detect.heartbeat.every=3s")

    body = json.loads(_run(plan, _SANDBOX, "--json", *sets).output)

    assert body["notice_bound_s"] == {"detect.heartbeat": 9.0}
    assert body["critical_path"]["without_gates_s"] == 25
    assert any("more than the RTO of 20s" in row for row in body["warnings"])
    assert any("may need 9s to notice a loss" in row for row in body["warnings"])


def test_the_committed_schema_is_the_one_the_models_and_kinds_give() -> None:
    assert (_PROJECT / "scenarios" / "schema.json").read_text(encoding="utf-8") == schema_text() == _run(schema).output


def test_the_schema_knows_every_kind_and_lets_every_parameter_be_an_expression() -> None:
    definitions = json.loads(schema_text())["$defs"]
    step = definitions["StepForm"]

    assert registry().keys() <= step["properties"].keys()
    assert step["oneOf"] == [{"required": [kind]} for kind in sorted(registry())]
    ttl = definitions["DnsSwitchParams"]["properties"]["ttl"]
    assert {"type": "string", "pattern": "\\{\\{"} in ttl["anyOf"]


def test_a_first_scenario_passes_its_own_check_and_is_never_overwritten(tmp_path: Path) -> None:
    assert _run(init, "my-first", "--dir", tmp_path).exit_code == 0

    checked = _run(check, tmp_path)
    again = CliRunner().invoke(init, ["my-first", "--dir", str(tmp_path)])

    assert checked.return_value == 0
    assert "warning" not in checked.output
    assert "exists already" in str(again.exception)
    assert (tmp_path / "schema.json").exists()


@pytest.mark.parametrize("name", ["Upper", "../up", "1st", "a b", ""])
def test_a_name_that_is_none_is_refused_by_init(tmp_path: Path, name: str) -> None:
    result = CliRunner().invoke(init, [name, "--dir", str(tmp_path)])

    assert "is no name for a scenario" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_first_scenario_would_run_as_it_is_written(tmp_path: Path, drill: Drill) -> None:
    assert _run(init, "my-first", "--dir", tmp_path).exit_code == 0

    said = drill("run", "--dry-run", tmp_path / "my-first.yaml")

    assert (said.code, said.out.splitlines()[-1]) == (0, "all 10 phases would run")


def test_live_on_a_sandbox_is_said_to_change_nothing(drill: Drill, home: Path) -> None:
    home.mkdir()
    (home / "drill.sqlite").write_bytes(b"no database at all, so that nothing is started")

    said = drill("run", _PROJECT / "scenarios" / "sandbox-region-outage.yaml", "--live", "--confirm", "sandbox-region-outage")

    assert "note: --live changes nothing here: sandbox-region-outage runs in the sandbox" in said.err
