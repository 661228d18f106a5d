"""From a scenario file to a plan that may run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from drill.adapters.clock import SystemClock
from drill.engine.safety import violations
from drill.model.errors import UnsafePlan
from drill.model.plan import Plan
from drill.wiring.scenarios import open_scenario


def compile_file(path: Path, overrides: Sequence[str]) -> Plan:
    """The plan of a scenario file.

    Raises: ScenarioInvalid: with every finding. UnsafePlan: with every violated rule.
    """
    opened = open_scenario(path, sets=overrides)
    broken = violations(opened.plan, opened.kinds, now=SystemClock().now())
    if len(broken) > 1:
        raise UnsafePlan(" ".join(f"[{each.code}] {each.what} {each.fix}" for each in broken), code=broken[0].code)
    if broken:
        raise broken[0]
    return opened.plan
