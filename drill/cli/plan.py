"""`drill plan`: what a scenario would do, how wide and how long, without touching or writing anything."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drill.cli.loading import SETS
from drill.engine.reach import control_plane_warnings
from drill.engine.safety import budget_warnings, losing_phases, unmeasured_warnings, violations
from drill.model.critical import CriticalPath, critical_path
from drill.model.durations import format_duration
from drill.model.effects import Effect
from drill.wiring.scenarios import Opened, open_scenario

if TYPE_CHECKING:
    from drill.wiring.rehearsals import Previews

_REFUSED = 3


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@SETS
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
@click.option("--width", type=click.IntRange(40, 400), help="Columns to fill; the terminal's by default.")
def plan(scenario: Path, sets: Sequence[str], *, as_json: bool, width: int | None) -> int:
    r"""Show what a scenario would do: phases, steps, gates, changes, the critical path and its slack.

    Nothing is run, touched or written: changes are those to a ground that is up and healthy. Exit 0: it may run; 2: it is invalid;
    3: it is unsafe, or a step would be refused.

    \b
    Example:
      drill plan scenarios/sandbox-region-outage.yaml
    """
    opened = open_scenario(scenario, sets=sets)
    previews = _previewed(opened)
    effects, bounded = previews.effects, previews.bounded
    broken = violations(opened.plan, opened.kinds, now=datetime.now(UTC), effects=bounded)
    losing = losing_phases(opened.plan, opened.kinds, bounded)
    critical = critical_path(opened.plan, losing=losing)
    warnings = [*map(str, broken), *budget_warnings(opened.plan, critical), *unmeasured_warnings(opened.plan, losing), *late_notice(opened)]
    warnings += [*control_plane_warnings(opened.plan, opened.kinds, effects), *previews.notes]
    if as_json:
        click.echo(json.dumps(_document(opened, effects, critical, warnings), ensure_ascii=False, indent=1))
    else:
        columns = width or shutil.get_terminal_size((160, 24)).columns
        _print(opened, effects, critical, warnings, columns)
    return _REFUSED if broken or previews.refused else 0


command = plan


def _previewed(opened: Opened) -> Previews:
    from drill.settings import Settings
    from drill.wiring.rehearsals import effects_of, rehearsal_world

    return effects_of(opened.plan, rehearsal_world(Settings.load(), opened.plan), opened.kinds)


def notice_bounds_s(opened: Opened) -> dict[str, float]:
    """How soon each detector notices a loss at the latest, in seconds, by dotted step id: its beat times its misses."""
    bounds = {}
    for step in opened.plan.steps():
        model = opened.kinds[step.kind].params
        if {"every", "misses"} <= model.model_fields.keys() and "{{" not in repr(step.params):
            params: Any = model.model_validate(step.params)
            bounds[step.id] = round(params.every * params.misses, 3)
    return bounds


def late_notice(opened: Opened) -> list[str]:
    """Detectors whose bound does not fit the budget of their phase."""
    found = []
    for step_id, bound_s in notice_bounds_s(opened).items():
        phase = opened.plan.phase(opened.plan.step(step_id).phase)
        if phase.budget_s is not None and bound_s > phase.budget_s:
            budget = format_duration(phase.budget_s)
            found.append(f"'{step_id}' may need {format_duration(bound_s)} to notice a loss; its phase has a budget of {budget}.")
    return found


def _print(opened: Opened, effects: Mapping[str, Sequence[Effect]], critical: CriticalPath, warnings: Sequence[str], width: int) -> None:
    from drill.views.plan_text import render_plan, wrapped

    click.echo(render_plan(opened.plan, effects=effects, critical=critical, warnings=warnings, width=width).rstrip("\n"))
    for step_id, bound_s in notice_bounds_s(opened).items():
        for part in wrapped(f"{step_id} notices a loss within {format_duration(bound_s)}.", width):
            click.echo(part)


def _document(opened: Opened, effects: Mapping[str, Sequence[Effect]], critical: CriticalPath, warnings: Sequence[str]) -> dict[str, Any]:
    from drill.views.plan_json import render_plan_json

    body = json.loads(render_plan_json(opened.plan, effects=effects, critical=critical, warnings=warnings))
    return {**body, "notice_bound_s": notice_bounds_s(opened)}
