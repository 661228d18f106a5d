"""`drill init`: a first scenario that passes `drill check`, to be made one's own."""

from __future__ import annotations

from pathlib import Path

import click

from drill.model.errors import UsageError

_STARTER = """\
# yaml-language-server: $schema=schema.json
# A first scenario: it asks a person, does one thing by hand of a playbook, and proves that the service answers.
# `drill check` finds what is wrong with it, `drill plan` shows what it would do, `drill run --dry-run` rehearses it.
scenario: {name}
title: {{en: My first drill, zh: 第一次演练}}
objectives: {{rto: 15m, rpo: 30s}}        # what was promised; the drill measures what really happens

sites:
  primary: {{provider: sandbox, region: a}}
  standby: {{provider: sandbox, region: b}}

steady_state: [checkout]                # must be healthy before, and again afterwards
probes:
  checkout: {{http: "http://shop.example.com/health", every: 100ms, timeout: 2s, user_view: true}}

limits:                                 # how far the drill may reach
  max_changes: 10
  allow: ["standby/*"]
  # freeze: ["2027-02-05..2027-02-22 Asia/Shanghai"]

contacts:                               # numbers are secrets: set DRILL_SECRET_ONCALL_PHONE and so on
  oncall: {{title: On-call SRE, sms: secret:ONCALL_PHONE}}
  lead:   {{title: Duty lead, sms: secret:LEAD_PHONE}}

messages:
  sms: {{provider: aliyun, sign: secret:SMS_SIGN}}

defaults:
  acknowledge: {{ask: [oncall], then: [lead], within: 5m, silence: hold}}

phases:
  go:
    acknowledge: {{when: before, ask: [lead], then: [oncall]}}
  prepare:
    after: [go]
    budget: 5m
    steps:
      check: {{ansible.play: {{playbook: check_standby.yml, site: standby}}}}
  verify:
    after: [prepare]
    budget: 1m
    acknowledge: none                   # sends its status, asks nothing
    steps:
      proof: {{probe.until: {{probe: checkout, ok_in_a_row: 20}}}}
"""


def starter(name: str) -> str:
    """The text of a first scenario."""
    return _STARTER.format(name=name)


@click.command()
@click.argument("name", default="first-drill")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("scenarios"),
    show_default=True,
    help="Where to write it.",
)
def init(name: str, folder: Path) -> None:
    r"""Write a first scenario and the schema that editors complete it from. Never overwrites a scenario.

    \b
    Example:
      drill init region-outage
      drill check scenarios/region-outage.yaml
    """
    from drill.cli.schema import schema_text

    if not name.replace("-", "a").replace("_", "a").isalnum() or not name[0].isalpha() or name != name.lower() or not name.isascii():
        raise UsageError(f"'{name}' is no name for a scenario.", fix="Use small letters, digits and -, starting with a letter.")
    path = folder / f"{name}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(starter(name))
        (folder / "schema.json").write_text(schema_text(), encoding="utf-8")
    except FileExistsError as error:
        raise UsageError(f"{path} exists already.", fix="Choose another name.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", fix="Choose another folder with --dir.") from error
    click.echo(f"wrote {path}; next: drill check {path}")


command = init
