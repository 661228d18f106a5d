"""`drill check`: every mistake of every scenario named, and nothing else happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drill.cli.loading import SETS, scenario_files
from drill.engine.safety import budget_warnings, losing_phases, unmeasured_warnings, violations
from drill.model.critical import critical_path
from drill.model.errors import Finding, ScenarioInvalid
from drill.model.plan import Mode
from drill.wiring.scenarios import open_scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drill.wiring.scenarios import Opened

_INVALID, _REFUSED = 2, 3


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@SETS
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def check(paths: Sequence[Path], sets: Sequence[str], *, as_json: bool) -> int:
    r"""Find every error in scenario files, each at its line and column, with its remedy.

    A folder stands for every scenario below it. Nothing is run and no secret is needed. Exit 0: all are sound; 2: one is
    invalid; 3: one is unsafe.

    \b
    Example:
      drill check scenarios/
      drill check scenarios/sandbox-region-outage.yaml --set objectives.rto=2m
    """
    rows = [_look(path, sets) for path in scenario_files(paths)]
    if as_json:
        click.echo(json.dumps({"files": rows}, ensure_ascii=False))
    else:
        for row in rows:
            _print(row)
    return max(int(row["exit_code"]) for row in rows)


command = check


def _look(path: Path, sets: Sequence[str]) -> dict[str, Any]:
    try:
        opened = open_scenario(path, sets=sets)
    except ScenarioInvalid as error:
        return _row(path, error.findings, [], exit_code=_INVALID)
    plan = opened.plan.model_copy(update={"mode": Mode.DRY_RUN})  # a freeze is about today, not about the file
    broken = violations(plan, opened.kinds, now=_today())
    findings = [_place(opened, violation.step).finding(violation.code, violation.what, violation.fix) for violation in broken]
    losing = losing_phases(plan, opened.kinds)
    warnings = [*budget_warnings(plan, critical_path(plan, losing=losing)), *unmeasured_warnings(plan, losing)]
    row = _row(path, findings, warnings, exit_code=_REFUSED if findings else 0)
    return {**row, "scenario": plan.scenario, "phases": len(plan.all_phases()), "steps": len(plan.steps())}


def _place(opened: Opened, step_id: str) -> Any:
    """Where a step is written; the start of the file when no step is meant."""
    phase, _, step = step_id.partition(".")
    top = ("phases",) if phase in opened.scenario.phases else ("failback", "phases")
    return opened.reading.document.place((*top, phase, "steps", step) if step else (), on_key=bool(step))


def _today() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _row(path: Path, findings: Sequence[Finding], warnings: Sequence[str], *, exit_code: int) -> dict[str, Any]:
    return {"path": str(path), "exit_code": exit_code, "findings": [row.__dict__ for row in findings], "warnings": list(warnings)}


def _print(row: dict[str, Any]) -> None:
    for finding in row["findings"]:
        click.echo(str(Finding(**finding)))
    for warning in row["warnings"]:
        click.echo(f"{row['path']}: warning: {warning}")
    if not row["findings"]:
        click.echo(f"{row['path']}: ok, {row['phases']} phases, {row['steps']} steps")
