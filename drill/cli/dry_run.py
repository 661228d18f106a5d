"""`drill run --dry-run`: every preview of every scenario, nothing touched, and the worst code of them all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drill.cli.loading import scenario_files

if TYPE_CHECKING:
    from drill.model.rehearsal import Rehearsal

SCHEMA = "drill-dry-run/v1"


def dry_run_all(paths: Sequence[Path], overrides: Sequence[str], *, as_json: bool, junit: Path | None, strict: bool = False) -> int:
    """Rehearse each file, and each scenario below each folder; say what would happen and return the worst exit code.

    `strict` makes an error of what was skipped for lack of credentials or secrets.

    Writes nothing but the file `junit`, when it is given. Raises: UsageError: a folder holds no scenario.
    DrillError: the file cannot be written (D030).
    """
    from drill.adapters.report_files import write_whole
    from drill.settings import Settings
    from drill.views.rehearsal_junit import render_rehearsal_junit
    from drill.views.rehearsal_text import render_rehearsals
    from drill.wiring.dry_runs import rehearse_file

    settings = Settings.load()
    rehearsals = [rehearse_file(settings, path, overrides, strict=strict) for path in scenario_files(paths)]
    if junit is not None:
        write_whole(junit, render_rehearsal_junit(rehearsals))
    code = max(row.exit_code for row in rehearsals)
    if as_json:
        click.echo(json.dumps({"schema": SCHEMA, "exit_code": code, "files": [_row(row) for row in rehearsals]}, ensure_ascii=False))
    else:
        click.echo(render_rehearsals(rehearsals), nl=False)
    return code


def _row(row: Rehearsal) -> dict[str, Any]:
    return {
        "path": row.path,
        "scenario": row.plan.scenario if row.plan else None,
        "exit_code": row.exit_code,
        "findings": [finding.__dict__ for finding in row.findings],
        "phases": _phases(row),
        "changes": row.changes,
        "max_changes": row.plan.limits.max_changes if row.plan else None,
        "checks": [look.fact() for look in row.looks],
        "warnings": list(row.warnings),
        "facts": [fact.row() for fact in row.facts],
    }


def _phases(row: Rehearsal) -> list[dict[str, Any]]:
    if row.plan is None:
        return []
    blocked = row.blocked_phases()
    return [{"id": phase.id, "would_run": phase.id not in blocked, "budget_s": phase.budget_s} for phase in row.plan.all_phases()]
