"""`drill watch`: follow a drill on a terminal, in a pipe or by a machine, and say how it ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from drill.cli.completing import drills

if TYPE_CHECKING:
    from drill.model.report import Report
    from drill.wiring.records import Records

_EXIT_STOPPED = 130


@click.command()
@click.argument("drill", required=False, metavar="[DRILL]", shell_complete=drills)
@click.option("--json", "as_json", is_flag=True, help="One fact a line, as a JSON object, measurements left out.")
def watch(drill: str | None, *, as_json: bool) -> int:
    r"""Follow a drill (the newest when none is named) until it ends or holds, and say how.

    Ctrl-C only stops watching: the drill goes on. Exit 0 however the drill ended; `drill status` and `drill run` tell by their exit code.

    \b
    Examples:
      drill watch my-drill
      drill watch my-drill --json | jq -r 'select(.kind == "PhaseClosed") | .data.phase'
    """
    from drill.cli.follow import follow_drill
    from drill.cli.look import open_to_look
    from drill.wiring.trust import trusted

    records = open_to_look()
    drill = trusted(records, records.known(drill))
    say_when_nobody_plays(records, drill)
    try:
        follow_drill(records, drill, as_json=as_json, out=sys.stdout)
    except KeyboardInterrupt:
        click.echo(f"no longer watching; {drill} goes on without you", err=True)
        return _EXIT_STOPPED
    if not as_json:
        for line in last_words(records.report(drill, with_trend=False)):
            click.echo(line)
    return 0


def last_words(report: Report) -> list[str]:
    """How a drill ended or why it stands still, and what a person can do about it."""
    from drill.model.verdict import verdict
    from drill.views.figures import printable

    lines = [report.summary.en]
    if report.outcome == "held":
        turned = report.no_return_s is not None
        back = f"`drill failback {report.drill}` brings it home" if turned else f"`drill abort {report.drill}` takes it back"
        lines.append(f"{back}, `drill proceed {report.drill}` goes on.")
    else:
        code = verdict(report).exit_code
        lines.append(f"{report.outcome}, exit {'none' if code is None else code}; `drill show {report.drill}` tells more")
    return [printable(line) for line in lines]


def say_when_nobody_plays(records: Records, drill: str) -> None:
    """A picture that never moves tells nobody that the engine is gone."""
    from drill.wiring.players import player_of, told_servers

    if records.progress(drill).state != "running" or player_of(records, drill) is not None:
        return
    if taken_by := told_servers(records):
        click.echo(f"no engine plays {drill} at the moment; taken next by {taken_by}", err=True)
        return
    ways = f"`drill resume {drill}` goes on, `drill abort {drill}` takes it back"
    click.echo(f"no engine plays {drill} at the moment: {ways}; watching for its next one", err=True)
