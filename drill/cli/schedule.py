"""`drill schedule`: what scenarios' schedules are, and when they come due."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from drill.engine.schedule import Entry

_SCENARIOS = click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="SCENARIO…")
_JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")


@click.group(name="schedule")
def command() -> None:
    r"""Say when scheduled drills run. `drill serve` runs them.

    \b
    Example:
      drill schedule next scenarios/
    """


@command.command(name="next")
@_SCENARIOS
@click.option("--count", default=10, show_default=True, type=click.IntRange(1, 1000), help="How many runs.")
@_JSON
def next_runs(scenarios: tuple[Path, ...], count: int, *, as_json: bool) -> None:
    r"""Print the coming runs, soonest first.

    \b
    Example:
      drill schedule next scenarios/ --count 5
    """
    from drill.adapters.clock import SystemClock
    from drill.wiring.schedules import coming, frozen_at

    rows = coming(_entries(scenarios), after=SystemClock().now(), count=count)
    found = [(at, entry, frozen_at(entry, at)) for at, entry in rows]
    if as_json:
        click.echo(
            json.dumps([{"at": at.isoformat(), "schedule": entry.id, "drill": entry.drill(at), "frozen": f} for at, entry, f in found])
        )
        return
    if not found:
        click.echo("no scenario there has a schedule")
    for at, entry, frozen in found:
        click.echo(f"{at:%Y-%m-%d %H:%M:%S}Z  {entry.id:<40} {entry.drill(at)}{f'  frozen: {frozen}' if frozen else ''}")


@command.command(name="list")
@_SCENARIOS
@_JSON
def list_schedules(scenarios: tuple[Path, ...], *, as_json: bool) -> None:
    r"""List the schedules of scenarios.

    \b
    Example:
      drill schedule list scenarios/ --json
    """
    rows = [{"schedule": entry.id, **entry.form.model_dump(mode="json")} for entry in _entries(scenarios)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        click.echo("no scenario there has a schedule")
    for row in rows:
        late = "missed when late" if row["misfire"] == "skip" else f"up to {row['misfire']['run_late']:g} s late"
        click.echo(f"{row['schedule']:<40} {row['cron']} {row['zone']}  {late}{'  live' if row['live'] else ''}")


def _entries(paths: tuple[Path, ...]) -> list[Entry]:
    from drill.cli.loading import scenario_files
    from drill.wiring.schedules import entries_of

    return entries_of(list(scenario_files(paths)))
