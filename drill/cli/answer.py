"""`drill ack` and `drill decline`: a person's answer from a terminal, under the same rules as a text message."""

from __future__ import annotations

import json
import uuid
from typing import Literal

import click

from drill.model.errors import UsageError

_DRILL = click.argument("drill", required=False, metavar="[DRILL]")
_PHASE = click.argument("phase", required=False, metavar="[PHASE]")
_AS = click.option("--as", "contact", required=True, metavar="CONTACT", help="Who answers: a contact of the scenario.")
_CODE = click.option("--code", prompt="Code from your message", help="The code this person was sent; asked for when missing.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")


@click.command()
@_DRILL
@_PHASE
@_AS
@_CODE
@_JSON
def ack(drill: str | None, phase: str | None, contact: str, code: str, *, as_json: bool) -> None:
    r"""Answer yes to the open gate of a drill.

    \b
    Example:
      drill ack my-drill go --as lead --code 4821
    """
    _answer("confirm", drill, phase, contact, code, as_json=as_json)


@click.command()
@_DRILL
@_PHASE
@_AS
@_CODE
@_JSON
def decline(drill: str | None, phase: str | None, contact: str, code: str, *, as_json: bool) -> None:
    r"""Answer no to the open gate of a drill.

    \b
    Example:
      drill decline my-drill go --as lead --code 4821
    """
    _answer("reject", drill, phase, contact, code, as_json=as_json)


def _answer(verb: Literal["confirm", "reject"], drill: str | None, phase: str | None, contact: str, code: str, *, as_json: bool) -> None:
    from drill.cli.look import open_records
    from drill.model.replies import Reply
    from drill.wiring.desks import open_desk

    records = open_records()
    drill = records.known(drill)
    plan = records.plan(drill)
    if contact not in {person.id for person in plan.contacts}:
        known = ", ".join(person.id for person in plan.contacts)
        raise UsageError(f"{contact!r} is no contact of this drill.", code="U015", fix=f"Its contacts are: {known}.")
    if phase and phase not in {name for gate in plan.gates for name in (gate.id, *gate.phases)}:
        raise UsageError(f"{phase!r} has no gate.", code="U016", fix=f"Gates are: {', '.join(gate.id for gate in plan.gates)}.")
    judgement = open_desk(records, drill).take(
        Reply(verb, code.strip()), contact=contact, channel="cli", message_id=f"cli-{uuid.uuid4().hex}"
    )
    if not judgement.counted:
        raise UsageError(
            f"the answer does not count: {judgement.reason}.", code="U017", fix="Use the newest code of this person's own message, in time."
        )
    if as_json:
        click.echo(json.dumps({"counted": True, "gate": judgement.gate}))
    else:
        click.echo(f"counted: {contact} said {'yes' if verb == 'confirm' else 'no'} to {judgement.gate}")
