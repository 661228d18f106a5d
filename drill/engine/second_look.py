"""The second look at the end of a drill: clean-up is proven, not assumed."""

from __future__ import annotations

from collections.abc import Mapping

from drill.engine.attempt import StepRunner, bug
from drill.engine.preflight import healthy
from drill.model.errors import DrillError, JournalBroken
from drill.model.progress_rows import StepProgress

Rows = Mapping[str, StepProgress]
_STEADY_PATIENCE_S = 30.0


class SecondLook:
    """Looks at everything one drill has touched."""

    def __init__(self, runner: StepRunner) -> None:
        self._runner = runner
        self._plan = runner.plan
        self._kinds = runner.kinds
        self._world = runner.world
        self._recorder = runner.recorder

    def left(self) -> list[str]:
        """What a person must still do, a sentence each; empty when all is as it was."""
        rows = self._recorder.look(lambda progress: dict(progress.steps))  # once: nothing runs any more, and a plan may have 10,000 steps
        return [*self._not_undone(rows), *self._leftovers(rows), *self._unsteady(rows)]

    @staticmethod
    def _not_undone(rows: Rows) -> list[str]:
        failed = {step: row.undo_fix.rstrip(".") for step, row in rows.items() if row.undone == "failed"}
        return [f"the undo of {step} failed{f'; {fix}' if fix else ''}" for step, fix in failed.items()]

    def _leftovers(self, rows: Rows) -> list[str]:
        """What is still there of what the steps made: clean-up is proven, not assumed."""
        left: list[str] = []
        for planned in self._plan.steps():
            row = rows.get(planned.id)
            if row is None or row.attempts == 0:
                continue
            try:
                left += self._kinds[planned.kind].leftovers(self._runner.resolve(planned), self._world, self._recorder.drill, planned.id)
            except JournalBroken:
                raise
            except Exception as error:  # noqa: BLE001 - said to a person as something left; a bug in one look must not keep the others undone
                known = error if isinstance(error, DrillError) else bug(error)
                left.append(f"{planned.id} could not be looked at again: {known}")
        return left

    def _unsteady(self, rows: Rows) -> list[str]:
        if not any(row.attempts for row in rows.values()):
            return []
        sick = [probe for probe in self._plan.steady_state if not healthy(probe, self._world, patience_s=_STEADY_PATIENCE_S)]
        return [f"the steady state is not back: {probe} does not answer well" for probe in sick]
