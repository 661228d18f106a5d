"""Puts a step that a person does to that person before it runs; every other step runs at once."""

from __future__ import annotations

from contextlib import suppress

from drill.engine.attempt import Result, StepRunner, aborting
from drill.engine.gate import GateKeeper
from drill.model.errors import StepError
from drill.model.plan import PlannedStep


class Hands:
    """Runs the steps of one drill, asking first where a person does the work."""

    def __init__(self, runner: StepRunner, gates: GateKeeper) -> None:
        self._runner = runner
        self._gates = gates
        self._questions = {gate.id: gate for gate in runner.plan.gates if gate.by_hand}

    def run(self, step: PlannedStep) -> Result:
        """Bring the step to its end. How it is taken back is written before anybody is asked: they may begin as soon as they are."""
        gate = self._questions.get(step.id)
        if gate is None:
            return self._runner.run(step)
        if not self._runner.recorder.look(aborting):
            with suppress(StepError):  # the step cannot be filled in: running it says so, with its code
                self._runner.write_undo(step)
        asked = self._gates.hold(gate)
        return self._runner.run(step) if asked["status"] == "ok" else asked
