"""What became of every step: its tries, what it reported on its way, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drill.model.events import Fact, Kind
from drill.model.plan import PlannedStep
from drill.model.questions import holds
from drill.model.report import StepState
from drill.model.spans import Stretch
from drill.model.timeline import Timeline


@dataclass
class Try:
    """One try. `end_ms` is nothing while it runs."""

    number: int
    start_ms: int
    epoch: str
    end_ms: int | None = None
    state: StepState = "running"
    error: str = ""
    acted: bool = True
    """False when it certainly failed before it changed anything."""


@dataclass
class Work:
    """One step so far."""

    planned: PlannedStep
    failback: bool
    tries: list[Try] = field(default_factory=list)
    progress: list[Fact] = field(default_factory=list)
    state: StepState = "pending"
    outputs: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    error: str = ""
    fix: str = ""
    skipped: str = ""
    """Why it was skipped."""

    @property
    def start_ms(self) -> int | None:
        """When its first try began."""
        return self.tries[0].start_ms if self.tries else None

    @property
    def end_ms(self) -> int | None:
        """When its last try ended; nothing while it may still go on."""
        return self.tries[-1].end_ms if self.tries and self.state != "running" else None

    def stretches(self, now_ms: int) -> list[Stretch]:
        """When it ran; a running try runs until now."""
        return [(row.start_ms, now_ms if row.end_ms is None else row.end_ms) for row in self.tries]


def works(timeline: Timeline) -> dict[str, Work]:
    """Every step of the plan, in plan order."""
    plan = timeline.plan
    home = {phase.id for phase in plan.failback}
    rows = {step.id: Work(planned=step, failback=step.phase in home) for step in plan.steps()}
    for fact in timeline.of(*_HANDLERS):
        row = rows.get(fact.data["step"])
        if row is not None:
            _HANDLERS[fact.kind](row, fact, timeline.ms(fact))
    for row in rows.values():
        _close(row, timeline)
    return rows


def _close(row: Work, timeline: Timeline) -> None:
    """Give an end to tries whose process is gone: the last moment it is known to have lived."""
    engines = timeline.of(Kind.ENGINE_STARTED)
    latest = engines[-1].epoch if engines else None
    for n, attempt in enumerate(row.tries):
        superseded = n + 1 < len(row.tries)
        gone = timeline.over_ms is not None or superseded or (latest is not None and _replaced(attempt, timeline, latest))
        if attempt.end_ms is None and (gone or attempt.state == "interrupted"):
            stood = [start for start, _ in holds(timeline) if start >= attempt.start_ms]
            attempt.end_ms = max(attempt.start_ms, min([timeline.last_sign_ms(attempt.epoch), *stood]))
            attempt.state = "interrupted"
            if not superseded and row.state == "running":
                row.state = "interrupted"


def _replaced(attempt: Try, timeline: Timeline, latest: str) -> bool:
    return attempt.epoch != latest and any(fact.epoch == attempt.epoch for fact in timeline.of(Kind.ENGINE_STARTED))


def _started(row: Work, fact: Fact, ms: int) -> None:
    row.tries.append(Try(number=fact.data["attempt"], start_ms=ms, epoch=fact.epoch))
    row.state = "running"


def _current(row: Work, fact: Fact) -> Try | None:
    return next((attempt for attempt in reversed(row.tries) if attempt.number == fact.data["attempt"]), None)


def _end(row: Work, fact: Fact, ms: int, state: StepState) -> None:
    attempt = _current(row, fact)
    if attempt is not None:
        attempt.end_ms, attempt.state = ms, state
    row.state = state


def _succeeded(row: Work, fact: Fact, ms: int) -> None:
    _end(row, fact, ms, "succeeded")
    row.outputs = fact.data["outputs"]
    row.code = row.error = row.fix = ""


def _failed(row: Work, fact: Fact, ms: int) -> None:
    _end(row, fact, ms, "failed")
    row.code, row.error, row.fix = fact.data["code"], fact.data["error"], fact.data["fix"]
    attempt = _current(row, fact)
    if attempt is not None:
        attempt.error = f"[{row.code}] {row.error}"
        attempt.acted = not fact.data.get("untouched")


def _retry(row: Work, _fact: Fact, _ms: int) -> None:
    row.state = "running"


def _skipped(row: Work, fact: Fact, _ms: int) -> None:
    row.state, row.skipped = "skipped", fact.data["reason"] or "no reason given"


def _interrupted(row: Work, fact: Fact, _ms: int) -> None:
    attempt = _current(row, fact)
    if attempt is not None and attempt.end_ms is None:
        attempt.state = "interrupted"
    row.state = "interrupted"


def _progressed(row: Work, fact: Fact, _ms: int) -> None:
    row.progress.append(fact)


_HANDLERS = {
    Kind.STEP_STARTED: _started,
    Kind.STEP_PROGRESSED: _progressed,
    Kind.STEP_SUCCEEDED: _succeeded,
    Kind.STEP_FAILED: _failed,
    Kind.STEP_RETRY_SCHEDULED: _retry,
    Kind.STEP_SKIPPED: _skipped,
    Kind.STEP_INTERRUPTED: _interrupted,
}
