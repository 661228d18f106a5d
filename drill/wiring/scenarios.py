"""Opens a scenario: grammar, references and plan in one go, every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drill.adapters.scenario_yaml import Reading, in_order, read
from drill.engine.compile import compile_plan
from drill.engine.compile_checks import scenario_problems
from drill.engine.compile_rota import fill_roles, twice_asked
from drill.model.errors import ScenarioInvalid
from drill.model.plan import Mode, Plan
from drill.model.scenario import Scenario
from drill.steps.base import Step, registry


@dataclass(frozen=True)
class Opened:
    """One scenario, sound and compiled. `reading` knows the place of everything in it."""

    plan: Plan
    scenario: Scenario
    reading: Reading
    kinds: Mapping[str, Step[Any]]


def open_scenario(path: Path, *, sets: Sequence[str] = (), dry_run: bool = False) -> Opened:
    """Read, check and compile one file. The mode follows from its sites and zones: all in the sandbox, or live.

    Raises: ScenarioInvalid: with every finding of grammar and references together.
    """
    kinds = registry()
    reading = read(path, {name: kind.params for name, kind in kinds.items()}, sets=sets)
    findings = in_order([*reading.findings, *reading.locate(scenario_problems(reading.data, kinds))])
    if findings or reading.scenario is None:
        raise ScenarioInvalid(findings)
    scenario = _manned(reading, reading.scenario, datetime.now(UTC))
    mode = Mode.DRY_RUN if dry_run else mode_of(scenario)
    return Opened(compile_plan(scenario, kinds, mode, locate=reading.locate), scenario, reading, kinds)


def _manned(reading: Reading, scenario: Scenario, at: datetime) -> Scenario:
    """The scenario with its roles filled from their rotas. Raises: ScenarioInvalid: somebody would count twice."""
    twice = twice_asked(scenario, at)
    if twice:
        raise ScenarioInvalid(reading.locate(twice))
    return fill_roles(scenario, at)


def mode_of(scenario: Scenario) -> Mode:
    """Sandbox when every site and every zone is in it, else live."""
    providers = {*(site.provider for site in scenario.sites.values()), *(zone.provider for zone in scenario.zones.values())}
    return Mode.SANDBOX if providers == {"sandbox"} else Mode.LIVE
