"""Opens scenarios for the commands: grammar, references and plan in one go, every mistake at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from drill.adapters.scenario_yaml import Reading, in_order, read
from drill.engine.compile import compile_plan
from drill.engine.compile_checks import scenario_problems
from drill.model.errors import ScenarioInvalid, UsageError
from drill.model.plan import Mode, Plan
from drill.model.scenario import Scenario
from drill.steps.base import Step, registry

SETS = click.option(
    "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Override a value of the scenario, such as objectives.rto=5m. Repeatable."
)
"""The option of every command that opens a scenario."""


@dataclass(frozen=True)
class Opened:
    """One scenario, sound and compiled. `reading` knows the place of everything in it."""

    plan: Plan
    scenario: Scenario
    reading: Reading
    kinds: Mapping[str, Step[Any]]


def open_scenario(path: Path, *, sets: Sequence[str] = (), dry_run: bool = False) -> Opened:
    """Read, check and compile one file. The mode follows from its sites: all in the sandbox, or live.

    Raises: ScenarioInvalid: with every finding of grammar and references together.
    """
    kinds = registry()
    reading = read(path, {name: kind.params for name, kind in kinds.items()}, sets=sets)
    findings = in_order([*reading.findings, *reading.locate(scenario_problems(reading.data, kinds))])
    if findings or reading.scenario is None:
        raise ScenarioInvalid(findings)
    mode = Mode.DRY_RUN if dry_run else mode_of(reading.scenario)
    return Opened(compile_plan(reading.scenario, kinds, mode, locate=reading.locate), reading.scenario, reading, kinds)


def mode_of(scenario: Scenario) -> Mode:
    """Sandbox when every site is in it, else live."""
    return Mode.SANDBOX if all(site.provider == "sandbox" for site in scenario.sites.values()) else Mode.LIVE


def scenario_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files named, and those below the folders named that have a `scenario` key; other YAML there is a shared file.

    Raises: UsageError: a folder holds no scenario.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = [file for file in sorted(path.rglob("*.y*ml")) if file.suffix in (".yaml", ".yml") and _is_scenario(file)]
        if not found:
            raise UsageError(f"there is no scenario in {path}.", fix="A scenario is a .yaml file with the key 'scenario'.")
        yield from found


def _is_scenario(file: Path) -> bool:
    if any(part.startswith(".") for part in file.parts if part not in (".", "..")):
        return False
    try:
        with file.open("rb") as stream:
            return any(line.startswith(b"scenario:") for line in stream.read(1_000_000).splitlines())
    except OSError:
        return True  # reading it again says why, as a finding
