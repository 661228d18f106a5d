"""Waits until the heartbeat, armed in the observer since before the outage, has noticed it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs
from drill.model.errors import Retryable
from drill.model.events import Fact, Kind
from drill.model.heartbeat import bound_s
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step

NOT_SEEN = "A190"


class DetectHeartbeatParams(Params):
    """Which probe is the heartbeat, and what counts as a loss."""

    probe: str
    every: Annotated[Duration, Field(gt=0)] = 3.0
    """How long one beat may take; beats overlap so that a loss is noticed within `every * misses`."""
    misses: Annotated[int, Field(ge=2)] = 3
    """Unanswered beats in a row that are a loss; one lost packet is none."""
    within: Annotated[Duration, Field(gt=0)] = 60.0
    """How long to wait for the notice."""


class DetectHeartbeat(Step[DetectHeartbeatParams]):
    """Outputs `detected_after_s` (outage to notice), `misses` and `bound_s`."""

    kind = "detect.heartbeat"
    params = DetectHeartbeatParams
    title = ("Notice the outage by its heartbeat", "通过心跳发现中断")
    default_timeout_s = 90.0

    def preview(self, params: DetectHeartbeatParams, world: World) -> list[Effect]:
        return []

    def run(self, params: DetectHeartbeatParams, world: World, attempt: Attempt) -> Outputs:
        injected = attempt.wait_for(Kind.OUTAGE_INJECTED, lambda _: True, within_s=params.within)
        noticed = self._notice(params, attempt, injected)
        return {
            "detected_after_s": round(_between_s(injected, noticed), 3),
            "misses": noticed.data["misses"],
            "bound_s": round(bound_s(params.every, params.misses), 3),
        }

    @staticmethod
    def _notice(params: DetectHeartbeatParams, attempt: Attempt, injected: Fact) -> Fact:
        def of_this_outage(fact: Fact) -> bool:
            return fact.seq > injected.seq and fact.data["probe"] == params.probe

        try:
            return attempt.wait_for(Kind.OUTAGE_DETECTED, of_this_outage, within_s=params.within)
        except Retryable as error:
            if error.code != NOT_SEEN or attempt.stopping():
                raise
            raise Retryable(
                f"heartbeat {params.probe!r} did not notice the outage within {format_duration(params.within)}.",
                code="A161",
                fix="It is still answered, or the observer is gone: look at the probe's samples with `drill show`.",
            ) from error


def _between_s(earlier: Fact, later: Fact) -> float:
    """Seconds between two facts: monotonic within one boot, by wall time otherwise."""
    if earlier.epoch.partition("-")[0] == later.epoch.partition("-")[0]:
        return later.mono_s - earlier.mono_s
    return (later.at - earlier.at).total_seconds()
