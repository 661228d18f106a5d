"""From a scenario file to a plan that may run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from drill.adapters.clock import SystemClock
from drill.adapters.scenario_yaml import read
from drill.engine.compile import compile_plan
from drill.engine.safety import violations
from drill.model.errors import ScenarioInvalid, UnsafePlan
from drill.model.plan import Mode, Plan
from drill.steps.base import registry


def compile_file(path: Path, overrides: Sequence[str], *, dry_run: bool = False) -> Plan:
    """The plan of a scenario file.

    Raises: ScenarioInvalid: with every finding. UnsafePlan: with every violated rule.
    """
    kinds = registry()
    reading = read(path, {kind: step.params for kind, step in kinds.items()}, sets=overrides)
    if reading.scenario is None:
        raise ScenarioInvalid(reading.findings)
    scenario = reading.scenario
    sandbox = all(site.provider == "sandbox" for site in scenario.sites.values())
    mode = Mode.DRY_RUN if dry_run else Mode.SANDBOX if sandbox else Mode.LIVE
    plan = compile_plan(scenario, kinds, mode, locate=reading.locate)
    broken = violations(plan, kinds, now=SystemClock().now())
    if len(broken) == 1:
        raise broken[0]
    if broken:
        raise UnsafePlan(" ".join(f"[{each.code}] {each.what} {each.fix}" for each in broken), code=broken[0].code)
    return plan
