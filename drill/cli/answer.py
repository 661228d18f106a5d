"""`drill ack` and `drill decline`: a person's answer from a terminal, under the same rules as a text message."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from typing import Literal

import click

from drill.cli.completing import contacts, drills, gates
from drill.model.errors import UsageError

_DRILL = click.argument("drill", required=False, metavar="[DRILL]", shell_complete=drills)
_PHASE = click.argument("phase", required=False, metavar="[PHASE]", shell_complete=gates)
_AS = click.option(
    "--as", "contact", required=True, metavar="CONTACT", help="Who answers: a contact of the scenario.", shell_complete=contacts
)
_CODE = click.option(
    "--code", metavar="-", help="- reads the code this person was sent from standard input; without it you are asked for the code."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """What both answers are asked with."""
    for option in (_JSON, _CODE, _AS, _PHASE, _DRILL):
        command = option(command)
    return command


@click.command()
@_options
def ack(drill: str | None, phase: str | None, contact: str, code: str | None, *, as_json: bool) -> None:
    r"""Answer yes to the open gate of a drill. The code from the person's message is asked for, and not shown.

    \b
    Examples:
      drill ack my-drill go --as lead
      pass show drill/code | drill ack my-drill go --as lead --code -
    """
    _answer("confirm", drill, phase, contact, code, as_json=as_json)


@click.command()
@_options
def decline(drill: str | None, phase: str | None, contact: str, code: str | None, *, as_json: bool) -> None:
    r"""Answer no to the open gate of a drill. The code from the person's message is asked for, and not shown.

    \b
    Examples:
      drill decline my-drill go --as lead
      pass show drill/code | drill decline my-drill go --as lead --code -
    """
    _answer("reject", drill, phase, contact, code, as_json=as_json)


def _answer(
    verb: Literal["confirm", "reject"], drill: str | None, phase: str | None, contact: str, code: str | None, *, as_json: bool
) -> None:
    from drill.cli.look import open_records
    from drill.model.replies import Reply
    from drill.wiring.desks import open_desk
    from drill.wiring.trust import trusted

    records = open_records()
    drill = trusted(records, records.known(drill))
    plan = records.plan(drill)
    if contact not in {person.id for person in plan.contacts}:
        known = ", ".join(person.id for person in plan.contacts)
        raise UsageError(f"{contact!r} is no contact of this drill.", code="U015", fix=f"Its contacts are: {known}.")
    if phase and phase not in {name for gate in plan.gates for name in (gate.id, *gate.phases)}:
        raise UsageError(f"{phase!r} has no gate.", code="U016", fix=f"Gates are: {', '.join(gate.id for gate in plan.gates)}.")
    progress = records.progress(drill)
    if progress.outcome:
        raise UsageError(f"{drill} has ended: {progress.outcome}.", code="U020", fix=f"See `drill show {drill}`.")
    judgement = open_desk(records, drill).take(
        Reply(verb, _code(code)), contact=contact, channel="cli", message_id=f"cli-{uuid.uuid4().hex}"
    )
    if not judgement.counted:
        raise UsageError(
            f"the answer does not count: {judgement.reason}.", code="U017", fix="Use the newest code of this person's own message, in time."
        )
    gates = [str(one.gate) for one in judgement.each() if one.counted]
    if as_json:
        click.echo(json.dumps({"counted": True, "gate": judgement.gate, "gates": gates}))
    else:
        click.echo(f"counted: {contact} said {'yes' if verb == 'confirm' else 'no'} to {' and '.join(gates)}")


def _code(given: str | None) -> str:
    """The code, typed unseen or read from a pipe.

    Raises: UsageError: it stands in the command, where every process of this machine can read it (U039).
    """
    if given not in (None, "-"):
        raise UsageError(
            "a code in a command can be read by everybody on this machine.",
            code="U040",
            fix="Leave --code out and type the code when you are asked, or pipe it in: --code -.",
        )
    if given is None and sys.stdin.isatty():
        typed: str = click.prompt("Code from your message", hide_input=True, err=True)
    else:
        typed = sys.stdin.readline()
    return typed.strip()
