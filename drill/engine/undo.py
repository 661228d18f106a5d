"""Takes back what was registered, newest first, with retries; says what it could not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drill.engine.attempt import StepAttempt, StepRunner, bug
from drill.model.errors import DrillError, JournalBroken
from drill.model.events import Kind
from drill.model.plan import PlannedStep

_TRIES = 3
_REST_S = 1.0


class UndoAttempt(StepAttempt):
    """One try of an undo: an abort does not stop it."""

    def stopping(self) -> bool:
        return self.remaining_s() <= 0


class Undoer:
    """Runs the registered undos of one drill."""

    def __init__(self, runner: StepRunner) -> None:
        self._runner = runner
        self._recorder = runner.recorder

    def undo_all(self) -> list[str]:
        """Undo in the reverse order of registration; returns what is left for a person, empty when all is back."""
        return [left for step_id, undo in self._recorder.look(lambda progress: progress.undos()) if (left := self.undo(step_id, undo))]

    def undo(self, step_id: str, undo: Mapping[str, Any]) -> str:
        """Undo one step; returns what is left for a person, empty when it is back."""
        planned = self._runner.plan.step(step_id)
        where = {"phase": planned.phase, "step": step_id}
        if planned.no_return and self._recorder.look(lambda progress: not progress.crossed.get(step_id)):
            self._recorder.say(Kind.UNDO_DONE, f"{step_id}/undone", needless=True, **where)  # it failed before its act, or a person said so
            return ""
        last: DrillError | None = None
        for number in range(1, _TRIES + 1):
            try:
                self._take_back(planned, undo, number)
            except JournalBroken:
                raise
            except Exception as error:  # noqa: BLE001 - written down as UndoFailed; a bug in one undo must not keep the others undone
                last = error if isinstance(error, DrillError) else bug(error)
                self._recorder.clock.sleep(_REST_S)
            else:
                self._recorder.say(Kind.UNDO_DONE, f"{step_id}/undone", **where)
                return ""
        if last is None:  # the loop ran at least once and did not return
            raise AssertionError(step_id)
        epoch = self._recorder.clock.epoch
        self._recorder.say(Kind.UNDO_FAILED, f"{step_id}/undo-failed/{epoch}", code=last.code, error=last.what, fix=last.fix, **where)
        return f"{step_id}: {last}"

    def _take_back(self, planned: PlannedStep, undo: Mapping[str, Any], number: int) -> None:
        self._recorder.before_an_effect()
        attempt = UndoAttempt(self._recorder, planned, number=1000 + number, artifacts=self._runner.artifacts)
        self._runner.kinds[planned.kind].undo(self._runner.resolve(planned), self._runner.world, attempt, undo)
