"""The dead man: ends an outage by itself when the engine that made it is gone for too long.

It runs in its own small process, armed before the outage and told of life by the engine. It takes the drill's lease first, so that a
revived engine can write nothing more. It never lifts a fence, and never the isolation of an unfenced database once a promote has started:
two sites would take writes. A drill on hold has its people's attention, so nothing is lifted behind their backs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drill.engine.record import Recorder
from drill.engine.undo import Undoer
from drill.model.durations import format_duration
from drill.model.errors import JournalBroken
from drill.model.events import Kind
from drill.model.plan import Plan, PlannedStep
from drill.model.progress import Progress
from drill.steps.base import Step

_POLL_S = 0.5
OUTAGE, FENCE = "outage", "fence"
_log = logging.getLogger(__name__)


class DeadMan:
    """Watches over one drill.

    `silent_s` tells for how many seconds the engine has given no sign of life; `take_over` takes the lease and returns a recorder and an
    undoer that write under it.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        kinds: Mapping[str, Step[Any]],
        recorder: Recorder,
        silent_s: Callable[[], float],
        take_over: Callable[[], tuple[Recorder, Undoer]],
    ) -> None:
        self._plan = plan
        self._kinds = kinds
        self._recorder = recorder
        self._silent_s = silent_s
        self._take_over = take_over
        self._taken: tuple[Recorder, Undoer] | None = None
        self._held_s = float("-inf")

    def watch(self) -> bool:
        """Wait until the drill has ended or the engine has been silent for `limits.dead_man`; returns whether it had to act.

        A journal that cannot be used is tried again for ever: nobody else would end the outage once it can be used again.
        """
        while True:
            try:
                if self._recorder.look(lambda progress: bool(progress.outcome)):
                    return False
                if self._due() and self._act():
                    return True
            except JournalBroken as broken:
                self._taken = None
                _log.warning("dead_man.journal_refused", extra={"code": broken.code})
            self._recorder.clock.sleep(_POLL_S)

    def _due(self) -> bool:
        """Whether the engine is gone and its outage is not. While a drill is on hold there is no engine to be missed."""
        now_s = self._recorder.clock.mono_s()
        if self._recorder.look(lambda progress: progress.held):
            self._held_s = now_s
        silent_s = min(self._silent_s(), now_s - self._held_s)
        return silent_s > self._plan.limits.dead_man_s and bool(self._recorder.look(self._open_outages))

    def _open_outages(self, progress: Progress) -> Sequence[PlannedStep]:
        """The steps whose outage is on: their undo is registered, and neither done nor needless since the site was given back."""
        given_back = {step.params.get("of") for step in self._plan.steps() if progress.step(step.id).state == "succeeded"}
        steps = [self._plan.step(step_id) for step_id, _ in progress.undos() if step_id not in given_back]
        return [step for step in steps if OUTAGE in self._kinds[step.kind].marks]

    def _act(self) -> bool:
        """Take over and lift what may be lifted; returns whether there is nothing left to try."""
        if self._taken is None:
            self._taken = self._take_over()
            gone = format_duration(round(self._silent_s()))
            reason = f"the engine gave no sign of life for {gone}"
            recorder, _ = self._taken
            recorder.say(Kind.ABORT_REQUESTED, f"abort/dead-man/{recorder.clock.epoch}", reason=reason, channel="dead-man")
        recorder, undoer = self._taken
        ended = [self._end(step, recorder, undoer) for step in recorder.look(self._open_outages)]
        return all(ended)

    def _end(self, outage: PlannedStep, recorder: Recorder, undoer: Undoer) -> bool:
        """Lift one outage, or say why it stays; returns whether that is the end of it."""
        if not recorder.look(lambda progress: self._safe_to_lift(outage, progress)):
            self._leave(recorder, outage)
            return True
        undo = recorder.look(lambda progress: progress.step(outage.id).undo) or {}
        return not undoer.undo(outage.id, undo)

    def _safe_to_lift(self, outage: PlannedStep, progress: Progress) -> bool:
        """Before a promote always; after it only when the site's database is fenced."""
        site = outage.params.get("site")
        fences = [step for step in self._plan.steps() if FENCE in self._kinds[step.kind].marks and step.params.get("site") == site]
        standing = [row for row in (progress.step(step.id) for step in fences) if row.state == "succeeded" and row.undone != "done"]
        return not progress.no_return or bool(standing)

    @staticmethod
    def _leave(recorder: Recorder, outage: PlannedStep) -> None:
        site = outage.params.get("site")
        recorder.say(
            Kind.FINDING_RAISED,
            f"finding/dead-man/{outage.id}",
            code="D510",
            what=f"the isolation of {site} stays: a promote has started and its database is not fenced.",
            fix="Fence it, then `drill resume`.",
            severity="error",
        )
