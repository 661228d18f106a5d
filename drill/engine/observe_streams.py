"""Which probe is asked at which rhythm, and the pace that a slow answer cannot change."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from drill.model.heartbeat import Heartbeat, Watch
from drill.model.plan import Plan, PlannedStep
from drill.model.ports import Clock
from drill.steps.detect_heartbeat import DetectHeartbeat, DetectHeartbeatParams


@dataclass
class Stream:
    """One probe asked at one rhythm."""

    probe: str
    every_s: float
    timeout_s: float
    user_view: bool
    recorded: bool
    """Whether its samples are facts."""
    heartbeat: Heartbeat | None = None
    """The detector that its samples feed."""
    watch: Watch = field(default_factory=lambda: Watch(misses=2))
    detected_seq: float = 0
    """The last OutageDetected of this stream; infinite while it is being written."""
    ended: int = 0
    """How many samples have ended."""


def heartbeats(plan: Plan) -> tuple[Heartbeat, ...]:
    """The detectors a plan asks for: one per `detect.heartbeat` step that is not skipped."""
    return tuple(_heartbeat(step) for step in plan.steps() if step.kind == DetectHeartbeat.kind and not step.skip)


def _heartbeat(step: PlannedStep) -> Heartbeat:
    params = DetectHeartbeatParams.model_validate(step.params)
    return Heartbeat(params.probe, params.every, params.misses)


def streams(plan: Plan) -> list[Stream]:
    """What is asked: every probe at its own rhythm, every detector at its own.

    A probe that only feeds a detector is asked in the detector's rhythm alone: its samples are the beats. A user-view probe keeps its own
    rhythm beside it, because the recovery time is read from it.
    """
    out, beats = [], heartbeats(plan)
    for probe in plan.probes:
        own = [beat for beat in beats if beat.probe == probe.id]
        if probe.user_view or not own:
            out.append(Stream(probe.id, probe.every_s, probe.timeout_s, user_view=probe.user_view, recorded=True))
        out += [_beats(beat, recorded=number == 0 and not probe.user_view) for number, beat in enumerate(own)]
    return out


def _beats(beat: Heartbeat, *, recorded: bool) -> Stream:
    return Stream(
        beat.probe,
        beat.interval_s,
        beat.every_s,
        user_view=False,
        recorded=recorded,
        heartbeat=beat,
        watch=Watch(misses=beat.misses),
    )


async def pace(clock: Clock, every_s: float, sample: Callable[[int, int, float], Coroutine[None, None, None]]) -> None:
    """Start `sample(k, count, due_s)` at `start + k * every_s`, for ever, each beside the ones that are still out.

    `k` skips the moments that had passed by more than one interval when this process got to run: nobody was watching then, and a sample
    sent later must not pretend otherwise. `count` numbers the samples that were sent.
    """
    start_s, k, count = clock.mono_s(), 0, 0
    async with asyncio.TaskGroup() as group:
        while True:
            due_s = start_s + k * every_s
            await asyncio.sleep(max(0.0, due_s - clock.mono_s()))
            group.create_task(sample(k, count, due_s))
            k, count = max(k + 1, math.floor((clock.mono_s() - start_s) / every_s)), count + 1
