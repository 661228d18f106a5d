"""`drill sms`: the texts to submit to the carrier's audit, and what the audit says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drill.cli.loading import SETS
from drill.model.wording import CATALOGUE, LANGUAGES, VALUE_LIMIT
from drill.model.wording_notes import EXAMPLES, application_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drill.model.ports import Audited
    from drill.model.wording import Template

_NOT_READY = 3


@click.group()
def sms() -> None:
    r"""Prepare the text messages of drills with the provider.

    \b
    Example:
      drill sms templates --lang zh
      drill sms check scenarios/sandbox-region-outage.yaml
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
