"""The dead man: ends an outage by itself when the engine that made it is gone for too long.

It runs in its own small process, armed before the outage and told of life by the engine. It takes the drill's lease first, so that a
revived engine can write nothing more. It never lifts a fence, and never the isolation of an unfenced database once a promote has started:
two sites would take writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drill.engine.record import Recorder
from drill.engine.undo import Undoer
from drill.model.durations import format_duration
from drill.model.events import Kind
from drill.model.plan import Plan, PlannedStep
from drill.model.progress import Progress
from drill.steps.base import Step

_POLL_S = 0.5
OUTAGE, FENCE = "outage", "fence"


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

    def watch(self) -> bool:
        """Wait until the drill has ended or the engine has been silent for `limits.dead_man`; returns whether it had to act."""
        while not self._recorder.look(lambda progress: bool(progress.outcome)):
            if self._silent_s() > self._plan.limits.dead_man_s and self._recorder.look(self._open_outages):
                self._act()
                return True
            self._recorder.clock.sleep(_POLL_S)
        return False

    def _open_outages(self, progress: Progress) -> Sequence[PlannedStep]:
        steps = [self._plan.step(step_id) for step_id, _ in progress.undos()]
        return [step for step in steps if OUTAGE in self._kinds[step.kind].marks]

    def _act(self) -> None:
        recorder, undoer = self._take_over()
        gone = format_duration(round(self._silent_s()))
        reason = f"the engine gave no sign of life for {gone}"
        recorder.say(Kind.ABORT_REQUESTED, "abort/dead-man", reason=reason, channel="dead-man")
        for step in recorder.look(self._open_outages):
            undo = recorder.look(lambda progress: progress.step(step.id).undo) or {}  # noqa: B023 - called at once
            if recorder.look(lambda progress: self._safe_to_lift(step, progress)):  # noqa: B023 - called at once
                undoer.undo(step.id, undo)
            else:
                self._leave(recorder, step)

    def _safe_to_lift(self, outage: PlannedStep, progress: Progress) -> bool:
        """Before a promote always; after it only when the site's database is fenced."""
        site = outage.params.get("site")
        fences = [step for step in self._plan.steps() if FENCE in self._kinds[step.kind].marks and step.params.get("site") == site]
        return not progress.no_return or any(progress.step(step.id).state == "succeeded" for step in fences)

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
