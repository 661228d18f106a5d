"""Plays one drill through one fault of its worker, with another worker beside it, and looks at the damage."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from drill.sandbox.world import Sandbox
from tests.e2e.place import Engine, eventually
from tests.e2e.world import reasons
from tests.serving.counts import Damage, Row, damage, take_over_s
from tests.serving.place import Fleet, Servant


@dataclass(frozen=True)
class Aftermath:
    """How a drill came through. `seconds`: from the strike to the first fact of the next engine; nothing when the first one went on."""

    exit_code: int
    facts: list[Row]
    damage: Damage
    seconds: float | None

    def tell(self, fault: str) -> None:
        """Print the line that `make faults` shows."""
        took = "no take-over needed" if self.seconds is None else f"take-over {self.seconds:.1f} s"
        repeated, lost = len(self.damage.repeated), len(self.damage.lost)
        if sys.__stdout__ is not None:
            sys.__stdout__.write(f"\n{fault}: {took}, {repeated} repeated effects, {lost} lost effects\n")


def struck_in_the_rebuild(fleet: Fleet, first: Servant, strike: Callable[[Engine], None], *, others: Callable[[], object]) -> Aftermath:
    """Play a drill on `first`, start the `others`, strike while Terraform and the promote are at work, and wait for its end."""
    assert fleet.drill("sandbox", "up").returncode == 0
    sandbox = fleet.place.sandbox()
    drill = fleet.run("moved")
    drill.fact("DrillStarted")
    others()
    drill.fact("StepStarted", step="rebuild.capacity")
    struck = datetime.now(UTC)
    strike(drill)
    code = drill.ended(within_s=240)
    assert drill.told("DrillFinished"), (code, drill.errors.read_text()[-2000:], first.said()[-20:])
    assert eventually(lambda: "result/end:manager" in reasons(sandbox), within_s=20), reasons(sandbox)
    return _aftermath(fleet, sandbox, code, struck)


def _aftermath(fleet: Fleet, sandbox: Sandbox, code: int, struck: datetime) -> Aftermath:
    shown = fleet.drill("logs", "moved")
    facts = [json.loads(line) for line in shown.stdout.splitlines()]
    found = damage(facts, reasons(sandbox))
    down: subprocess.CompletedProcess[str] = fleet.drill("sandbox", "down")
    assert down.returncode == 0, down.stderr
    return Aftermath(code, facts, found, take_over_s(facts, struck=struck))
