"""`drill doctor`: preflight alone: what stands in the way of a drill, what to do about it, and what would not survive this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import click

from drill.cli.loading import SETS
from drill.model.errors import UsageError

_REFUSED = 3
_MARKS = {"ok": "ok", "warning": "warn", "error": "ERROR"}


@click.command(name="doctor")
@click.argument("scenario", type=click.Path(path_type=Path))
@SETS
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --policy: write each document to a file of its own in this directory.",
)
@click.option(
    "--policy", "cloud", type=click.Choice(["aws", "aliyun"]), help="Print the least-privilege policy for the plan, and look at nothing."
)
def command(scenario: Path, sets: Sequence[str], *, as_json: bool, cloud: Literal["aws", "aliyun"] | None, into: Path | None) -> int:
    r"""Look whether a drill could run now, one line for each look, with the remedy; write and touch nothing.

    Tools, secrets, disks, journal, leases, safety rules, and on a ground that is up: contacts, texts, steady state, lag and names. It
    also says what no other machine could take over, and what stands in the region that is about to be lost. With --policy it prints an IAM
    or RAM policy document that allows what the plan asks of that cloud and nothing else; notes on what it cannot hold go to stderr. A plan
    that needs more than the cloud takes in one policy gets several, as a list, to be attached all: --into writes them to files.
    Exit 0: it may run; 2: the scenario is invalid; 3: it would be refused.

    \b
    Example:
      drill doctor scenarios/sandbox-region-outage.yaml
      drill doctor scenarios/aws-singapore-to-tokyo.yaml --policy aws --into policies
    """
    if cloud is not None:
        return _policy(scenario, sets, cloud, into)
    if into is not None:
        raise click.UsageError("--into goes with --policy.")
    from drill.engine.doctor import fit
    from drill.settings import Settings
    from drill.wiring.doctors import doctor

    advice = doctor(Settings.load(), scenario, sets)
    if as_json:
        click.echo(json.dumps({"fit": fit(advice), "advice": [each.__dict__ for each in advice]}, ensure_ascii=False))
    else:
        for each in advice:
            code = f"[{each.code}] " if each.code else ""
            click.echo(f"{_MARKS[each.level]:<5}  {each.name:<28}  {code}{each.detail}" + (f"  → {each.fix}" if each.fix else ""))
        errors, warnings = (sum(each.level == level for each in advice) for level in ("error", "warning"))
        click.echo(
            f"{scenario}: {'a drill may run' if fit(advice) else 'a drill would be refused'}; {errors} error(s), {warnings} warning(s)"
        )
    return 0 if fit(advice) else _REFUSED


def _policy(scenario: Path, sets: Sequence[str], cloud: Literal["aws", "aliyun"], into: Path | None) -> int:
    from drill.settings import Settings
    from drill.wiring.doctor_policies import policy

    granted = policy(Settings.load(), scenario, list(sets), cloud)
    many, notes = len(granted.documents) > 1, list(granted.notes)
    if into is not None:
        for path in _written(into, scenario, cloud, granted.documents):
            click.echo(path)
    else:
        click.echo(json.dumps(granted.documents if many else granted.documents[0], indent=2))
    if many:
        notes.append(f"these are {len(granted.documents)} policies, since none may be longer than the cloud takes: attach all of them")
    for note in notes:
        click.echo(f"note: {note}", err=True)
    return 0


def _written(into: Path, scenario: Path, cloud: str, documents: Sequence[Mapping[str, Any]]) -> Iterator[Path]:
    """Raises: UsageError: the directory cannot be written to."""
    for number, document in enumerate(documents, 1):
        path = into / f"{scenario.stem}.{cloud}.{number}.json"
        try:
            into.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            what = f"{path} cannot be written: {error.strerror}."
            raise UsageError(what, fix="Name a directory that you can write to.") from error
        yield path
