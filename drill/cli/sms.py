"""`drill sms`: the texts to submit to the carrier's audit, and what the audit says of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drill.cli.loading import SETS
from drill.model.errors import UsageError
from drill.model.problem import did_you_mean
from drill.model.wording import CATALOGUE, LANGUAGES, VALUE_LIMIT
from drill.model.wording_notes import EXAMPLES, application_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drill.model.ports import Audited
    from drill.model.wording import Template
    from drill.wiring.trials import Trial

_NOT_READY = 3


@click.group()
def sms() -> None:
    r"""Prepare the text messages of drills with the provider.

    \b
    Example:
      drill sms templates --lang zh
      drill sms check scenarios/sandbox-region-outage.yaml
      drill sms try scenarios/sandbox-region-outage.yaml --to lead
    """


command = sms


@sms.command()
@click.option("--lang", type=click.Choice(LANGUAGES), help="Only the texts of one language.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def templates(lang: str | None, *, as_json: bool) -> int:
    r"""Print the exact texts, the attribute of every variable and the note to submit with each.

    \b
    Example:
      drill sms templates --lang zh
      drill sms templates --json > templates.json
    """
    rows = [template for template in CATALOGUE.values() if lang in {None, template.language}]
    if as_json:
        click.echo(json.dumps({"templates": [_document(row) for row in rows]}, ensure_ascii=False, indent=1))
        return 0
    for row in rows:
        _print(row)
    click.echo(f"Submit each as a notification under a general (通用) sign; a value has at most {VALUE_LIMIT} characters.")
    click.echo("Then name the codes you are given in messages.sms.templates, and run: drill sms check SCENARIO")
    return 0


@sms.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@SETS
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def check(scenario: Path, sets: Sequence[str], *, as_json: bool) -> int:
    r"""Ask the provider what its audit says of the scenario's sign and templates.

    Needs SMS_KEY_ID, SMS_KEY_SECRET and the sign among the secrets; a sandbox scenario needs the sandbox up. Exit 0: all may be
    sent; 3: one may not.

    \b
    Example:
      drill sms check scenarios/sandbox-region-outage.yaml
    """
    from drill.settings import Settings
    from drill.wiring.scenarios import open_scenario
    from drill.wiring.worlds import auditor_for

    plan = open_scenario(scenario, sets=sets).plan
    rows = auditor_for(Settings.load(), plan).audit()
    ready = all(row.ok for row in rows)
    if as_json:
        click.echo(json.dumps({"ok": ready, "rows": [row.__dict__ for row in rows]}, ensure_ascii=False, indent=1))
    else:
        for row in rows:
            click.echo(_line(row))
    return 0 if ready else _NOT_READY


@sms.command(name="try")
@click.argument("scenario", type=click.Path(path_type=Path))
@SETS
@click.option("--to", "only", multiple=True, metavar="CONTACT", help="Only this contact. Repeatable.")
@click.option("--wait", default=15.0, show_default=True, type=click.FloatRange(0, 300), help="Seconds to look for a receipt.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def try_(scenario: Path, sets: Sequence[str], only: Sequence[str], wait: float, *, as_json: bool) -> int:
    r"""Send one real message to every contact over each of their channels, from this machine.

    Run it where drills will run: some providers refuse callers from abroad. Exit 0: everybody can be reached; 3: somebody cannot.

    \b
    Example:
      drill sms try scenarios/sandbox-region-outage.yaml --to lead
    """
    from drill.settings import Settings
    from drill.wiring.scenarios import open_scenario
    from drill.wiring.trials import try_everyone
    from drill.wiring.worlds import post_for, secrets_for

    plan, settings = open_scenario(scenario, sets=sets).plan, Settings.load()
    known = [contact.id for contact in plan.contacts]
    unknown = sorted(set(only) - set(known))
    if unknown:
        raise UsageError(f"there is no contact {', '.join(unknown)}.", fix=did_you_mean(unknown[0], known))
    rows = []
    name = f"try-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    for row in try_everyone(plan, post_for(settings, plan), secrets_for(settings, plan), name=name, only=only, wait_s=wait):
        rows.append(row)
        if not as_json:
            click.echo(_tried(row))
    reached = {row.contact for row in rows if row.ok}
    missing = [contact for contact in (only or known) if contact not in reached]
    if as_json:
        body = {"ok": not missing, "unreached": missing, "rows": [row.__dict__ for row in rows]}
        click.echo(json.dumps(body, ensure_ascii=False, indent=1))
    elif missing:
        click.echo(f"cannot be reached: {', '.join(missing)}")
    return _NOT_READY if missing else 0


def _tried(row: Trial) -> str:
    return f"{'ok ' if row.ok else 'NO '} {row.contact} {row.channel} {row.address}: {row.state}, {row.took_s} s {row.detail}".rstrip()


def _line(row: Audited) -> str:
    return f"{'ok ' if row.ok else 'NO '} {row.name}: {row.state}" + (f" ({row.detail})" if row.detail else "")


def _document(template: Template) -> dict[str, Any]:
    return {
        "purpose": template.purpose,
        "language": template.language,
        "name": template.name,
        "content": template.content,
        "attributes": dict(template.attributes),
        "example": example(template),
        "note": application_note(template),
    }


def example(template: Template) -> str:
    """The text as a person would get it."""
    from drill.model.wording import fill

    return fill(template.content, {name: EXAMPLES[template.language][name] for name in template.variables})


def _print(template: Template) -> None:
    click.echo(f"{template.purpose} · {template.language} · {template.name}")
    click.echo(f"  text      {template.content}")
    click.echo(f"  variables {', '.join(f'{name}: {kind}' for name, kind in template.attributes.items())}")
    click.echo(f"  example   {example(template)}")
    click.echo(f"  note      {application_note(template)}\n")
