"""Puts a step to a person: try it again, or go on without it. The question and the answer are facts, so a crash forgets neither."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from drill.engine.record import Recorder
from drill.model.events import Draft, Kind
from drill.model.plan import PlannedStep

Choice = Literal["retry", "skip", "stopped"]
_POLL_S = 0.1


class StepDesk:
    """Asks about the steps of one drill. `tell(step, attempt)` texts people; the same question twice is texted once."""

    def __init__(self, recorder: Recorder, tell: Callable[[PlannedStep, int], None]) -> None:
        self._recorder = recorder
        self._tell = tell

    def question(self, planned: PlannedStep, number: int, why: str) -> Draft:
        """What is written down when the step is put to a person."""
        return self._recorder.draft(
            Kind.STEP_ASKED, f"{planned.id}/{number}/asked", phase=planned.phase, step=planned.id, attempt=number, why=why
        )

    def answer(self, planned: PlannedStep) -> Choice:
        """Wait for a person, as long as it takes; a skip is written down. An abort ends the wait."""
        number, why = self._recorder.look(lambda progress: (progress.step(planned.id).asked, progress.step(planned.id).why_asked))
        self._tell(planned, number)
        while True:
            decided, stopped = self._recorder.look(lambda progress: (progress.step(planned.id).decided, bool(progress.abort)))
            if stopped:
                return "stopped"
            if decided == "retry":
                return "retry"
            if decided == "skip":
                reason = f"a person went on without it ({why})"
                self._recorder.say(Kind.STEP_SKIPPED, f"{planned.id}/skipped", phase=planned.phase, step=planned.id, reason=reason)
                return "skip"
            self._recorder.clock.sleep(_POLL_S)
