"""`drill sandbox`: two regions as real processes on this machine."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from drill.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drill.sandbox.phone import Phone, PhoneText
    from drill.sandbox.world import Sandbox

_JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
_MODE = click.Choice(["auto", "manual", "silent", "once"])
_POLL_S = 0.3


@click.group(name="sandbox")
def command() -> None:
    r"""Start, stop and look at the two-region sandbox: real databases, shops, DNS and a phone on loopback.

    \b
    Example:
      drill sandbox up && drill sandbox status
    """


@command.command()
@click.option("--phone", type=_MODE, default="auto", show_default=True, help="How the virtual phone answers.")
@_JSON
def up(phone: str, *, as_json: bool) -> None:
    r"""Bring the sandbox up and leave it running (it ends by itself after 30 idle minutes).

    \b
    Example:
      drill sandbox up --phone manual
    """
    from drill.sandbox.world import Sandbox
    from drill.settings import Settings
    from drill.wiring.rooms import writable

    quiet = (lambda _text: None) if as_json else (lambda text: click.echo(f"  {text}"))
    home = Settings.load().home
    writable(home, "DRILL_HOME")
    sandbox = Sandbox.up(home, mode=phone, on_progress=quiet)
    click.echo(json.dumps(sandbox.details, ensure_ascii=False) if as_json else _where(sandbox))


@command.command()
@click.option("--force", is_flag=True, help="Also under a drill that runs: it ends as aborted.")
@_JSON
def down(*, force: bool, as_json: bool) -> None:
    r"""End and remove everything of the sandbox, and end the drills that stand on it; harmless when there is none.

    A drill on hold, or whose engine is gone, ends as aborted: its ground is gone. Under a live engine it is refused (exit 3).

    \b
    Examples:
      drill sandbox down
      drill sandbox down --force
    """
    from drill.settings import Settings
    from drill.wiring.takedown import take_down_with_drills

    ended = take_down_with_drills(Settings.load(), force=force, say=lambda text: click.echo(f"warning: {text}", err=True))
    if as_json:
        click.echo(json.dumps({"ended": ended}))
        return
    for drill in ended:
        click.echo(f"{drill}: ended as aborted, its ground is gone")
    click.echo("the sandbox is gone: no process, port or directory of it is left")


@command.command()
@_JSON
def status(*, as_json: bool) -> None:
    r"""Say what runs where, and who is primary.

    \b
    Example:
      drill sandbox status --json
    """
    sandbox = _attached()
    found = sandbox.status()
    if as_json:
        click.echo(json.dumps({"details": sandbox.details, "status": found}, ensure_ascii=False))
        return
    click.echo(_where(sandbox))
    for name, region in found["regions"].items():
        marks = [word for word, on in (("cut off", region["cut"]), ("fenced", region["fenced"])) if on]
        servers = ", ".join(f"{one['address']}{'' if one['running'] else ' (dead)'}" for one in region["instances"]) or "none"
        click.echo(f"region {name}: database {region['role']}, app servers {servers}{'; ' + ', '.join(marks) if marks else ''}")


@command.command()
@click.option(
    "--reply",
    metavar="TEXT",
    help="Answer with this text, as typed: 1 4821. - reads it from standard input, so that no process list shows the code.",
)
@click.option(
    "--to", "chosen", metavar="TEXT|CONTACT", help="The text to answer: its number in the list, its id, or whose newest question."
)
@click.option("--as", "contact", metavar="CONTACT", help="Whose phone: lead, oncall or manager; else the one asked last.")
@click.option("--mode", type=_MODE, help="Change how the phone answers from now on.")
@click.option("--follow", is_flag=True, help="Go on showing texts as they arrive.")
@_JSON
def phone(reply: str | None, chosen: str | None, contact: str | None, mode: str | None, *, follow: bool, as_json: bool) -> None:
    r"""Show the virtual phone's texts, numbered, and answer them. With --to, a digit alone takes the code from the chosen text.

    \b
    Examples:
      drill sandbox phone --follow
      echo "1 4821" | drill sandbox phone --reply -
      drill sandbox phone --reply 1 --to 3
      drill sandbox phone --reply 2 --to oncall
    """
    from drill.sandbox.phone import Phone

    sandbox = _attached()
    device = Phone(sandbox.layout.carrier)
    if mode:
        device.set_mode(mode)
    if reply is not None:
        reply = _typed() if reply == "-" else reply
        if chosen is None:
            number = _number(device, contact)
        else:
            text = _chosen(device.messages(), chosen)
            number, reply = text.number, f"{reply} {text.code}" if text.code and len(reply.split()) == 1 else reply
        device.reply(number, reply)
        click.echo(f"sent from {_name(number)}: {reply}", err=as_json)
        return
    seen = 0
    while True:
        texts = device.messages()
        for place, text in enumerate(texts[seen:], seen + 1):
            click.echo(
                json.dumps({**asdict(text), "at": text.at.isoformat(), "place": place}, ensure_ascii=False)
                if as_json
                else f"{place:>3}  {_name(text.number)}: {text.text}"
            )
        seen = len(texts)
        if not follow:
            return
        time.sleep(_POLL_S)


def _typed() -> str:
    """The first line of standard input. Raises: UsageError: it is empty (U048)."""
    typed = sys.stdin.readline().strip()
    if not typed:
        raise UsageError("there is no answer on standard input.", code="U048", fix='echo "1 4821" | drill sandbox phone --reply -')
    return typed


def _attached() -> Sandbox:
    from drill.sandbox.world import Sandbox
    from drill.settings import Settings

    sandbox = Sandbox.attach(Settings.load().home)
    if sandbox is None:
        raise UsageError("no sandbox is up.", code="U031", fix="Run `drill sandbox up`.")
    return sandbox


def _where(sandbox: Sandbox) -> str:
    details = sandbox.details
    regions = details["regions"]
    ports = ", ".join(f"{name} 127.0.0.1:{row['pg_port']}" for name, row in regions.items())
    shop = regions["a"]["shop_port"]
    return f"shop http://{details['name']}:{shop}/ through DNS {details['dns']['address']}:{details['dns']['port']}; PostgreSQL {ports}"


def _chosen(texts: Sequence[PhoneText], chosen: str) -> PhoneText:
    """The text somebody means. Raises: UsageError: there is none such (U043)."""
    from drill.sandbox.world import PHONES

    number = PHONES.get(f"{chosen.upper()}_PHONE")
    if number is not None:
        found = [text for text in texts if text.code and text.number == number]
    elif chosen.isdecimal():
        found = list(texts[int(chosen) - 1 : int(chosen)]) if int(chosen) else []
    else:
        found = [text for text in texts if text.out_id == chosen]
    if not found:
        raise UsageError(
            f"there is no text {chosen!r} to answer.", code="U043", fix="List them with `drill sandbox phone`, ids with --json."
        )
    return found[-1]


def _number(device: Phone, contact: str | None) -> str:
    from drill.sandbox.world import PHONES

    if contact is not None:
        number = PHONES.get(f"{contact.upper()}_PHONE")
        if number is None:
            raise UsageError(f"the sandbox knows no phone of {contact!r}.", code="U032", fix="Use lead, oncall or manager.")
        return number
    asked = [text for text in device.messages() if re.search(r"\d{4,6}", text.text)]
    if not asked:
        raise UsageError("no text has arrived that could be answered.", code="U033", fix="Wait for one: `drill sandbox phone --follow`.")
    return asked[-1].number


def _name(number: str) -> str:
    from drill.sandbox.world import PHONES

    return next((name.removesuffix("_PHONE").lower() for name, known in PHONES.items() if number.endswith(known)), "unknown")
