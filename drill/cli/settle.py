"""`drill retry` and `drill skip`: a person decides about a step that failed, or that was running when its engine died."""

from __future__ import annotations

import uuid
from typing import Literal

import click

from drill.cli.completing import drills, steps
from drill.model.errors import UsageError
from drill.model.events import Kind

_DRILL = click.argument("drill", metavar="DRILL", shell_complete=drills)
_STEP = click.argument("step", required=False, metavar="[STEP]", shell_complete=steps)


@click.command()
@_DRILL
@_STEP
def retry(drill: str, step: str | None) -> None:
    r"""Have a step tried again that waits for your decision.

    \b
    Example:
      drill retry my-drill rebuild.capacity
    """
    _decide("retry", drill, step)


@click.command()
@_DRILL
@_STEP
def skip(drill: str, step: str | None) -> None:
    r"""Go on without a step that waits for your decision; the report names it as a deviation.

    \b
    Example:
      drill skip my-drill rebuild.capacity
    """
    _decide("skip", drill, step)


def _decide(verb: Literal["retry", "skip"], drill: str, step: str | None) -> None:
    from drill.cli.look import open_records
    from drill.wiring.players import player_of, servers
    from drill.wiring.trust import trusted

    records = open_records()
    drill = trusted(records, records.known(drill))
    progress = records.progress(drill)
    if progress.outcome:
        raise UsageError(f"{drill} has ended: {progress.outcome}.", code="U020", fix=f"See `drill show {drill}`.")
    waiting = [name for name, row in progress.steps.items() if row.asked and not row.decided]
    chosen = step or (waiting[0] if len(waiting) == 1 else "")
    if chosen not in waiting:
        what = f"{chosen} does not wait for a decision" if chosen else f"{len(waiting)} steps of {drill} wait for a decision"
        raise UsageError(f"{what}.", code="U022", fix=f"Name one that waits: {', '.join(waiting) or 'none does'}.")
    key = f"operator/{uuid.uuid4().hex}"
    records.recorder(drill).say(Kind.OPERATOR_DECIDED, key, by="person:operator", verb=verb, subject=chosen)
    played = player_of(records, drill) is not None or servers(records)
    goes_on = "its engine goes on" if played else f"`drill resume {drill}` goes on: no engine has it"
    click.echo(f"{verb}: {chosen}; {goes_on}")
