"""`drill schema`: what an editor needs to complete scenarios."""

from __future__ import annotations

import json

import click


def schema_text() -> str:
    """The JSON Schema of scenario files with the step kinds installed here, as `scenarios/schema.json` holds it."""
    from drill.adapters.scenario_schema import scenario_schema
    from drill.steps.base import registry

    kinds = {name: (kind.params, f"{kind.title[0]} · {kind.title[1]}") for name, kind in registry().items()}
    return json.dumps(scenario_schema(kinds), indent=1, ensure_ascii=False) + "\n"


@click.command()
def schema() -> None:
    r"""Print the JSON Schema of scenario files, including every step kind installed here.

    Editors complete from it when the first line of a scenario is `# yaml-language-server: $schema=schema.json`.

    \b
    Example:
      drill schema > scenarios/schema.json
    """
    click.echo(schema_text(), nl=False)


command = schema
