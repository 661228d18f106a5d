"""What became of every phase: when it ran, when its steps were done, when it waited for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from drill.model.attempts import Work
from drill.model.events import Kind
from drill.model.plan import Gate, PlannedPhase
from drill.model.questions import Question, holds
from drill.model.report import PhaseState
from drill.model.spans import Stretch, total, within, without
from drill.model.timeline import Timeline


@dataclass(frozen=True)
class Course:
    """One phase so far. Milliseconds; `end_ms` is nothing while it goes on, `worked_ms` is when its last step ended."""

    planned: PlannedPhase
    failback: bool
    gate: Gate | None
    state: PhaseState
    start_ms: int | None
    end_ms: int | None
    worked_ms: int | None
    ready_ms: int | None
    """When it let the next ones go on: its blocking gate was answered, or its work was done."""
    waits: tuple[Stretch, ...]
    holds: tuple[Stretch, ...] = ()
    """When the whole drill stood still between its start and its end: nobody's work, and no part of its length."""

    @property
    def id(self) -> str:
        """The phase's id."""
        return self.planned.id

    @property
    def actual_ms(self) -> int | None:
        """Its length, less the time the drill was on hold."""
        return None if self.start_ms is None or self.end_ms is None else self.end_ms - self.start_ms - self.held_ms

    @property
    def held_ms(self) -> int:
        """How long the drill was on hold in it."""
        return total(self.holds)

    @property
    def human_ms(self) -> int:
        """The part spent waiting for its gate with none of its steps running."""
        return total(self.waits)

    @property
    def work_ms(self) -> int | None:
        """The rest."""
        return None if self.actual_ms is None else self.actual_ms - self.human_ms

    @property
    def rank(self) -> tuple[int, int]:
        """Orders phases by when they let others go on, then by when their work was done: that decides under a joint gate."""
        start = self.start_ms or 0
        return (start if self.ready_ms is None else self.ready_ms, start if self.worked_ms is None else self.worked_ms)


def courses(timeline: Timeline, works: Mapping[str, Work], asked: Mapping[str, Question]) -> dict[str, Course]:
    """Every phase of the plan, in plan order."""
    home = {phase.id for phase in timeline.plan.failback}
    opened = {fact.data["phase"]: timeline.ms(fact) for fact in reversed(timeline.of(Kind.PHASE_OPENED))}
    closed = _closings(timeline)
    gates = {gate.id: gate for gate in timeline.plan.gates}
    out = {}
    for phase in timeline.plan.all_phases():
        if _taken_up_again(timeline, closed.get(phase.id), failback=phase.id in home):
            del closed[phase.id]
        gate = gates.get(phase.gate or "")
        out[phase.id] = _course(
            timeline,
            phase,
            gate=gate,
            question=asked.get(gate.id) if gate else None,
            rows=[works[step.id] for step in phase.steps],
            marks=(opened.get(phase.id), closed.get(phase.id)),
            failback=phase.id in home,
        )
    return out


def _closings(timeline: Timeline) -> dict[str, tuple[int, str]]:
    """When each phase was closed, and how. Each turn after a hold closes them all again: done once is done, a failure is replaced."""
    closed: dict[str, tuple[int, str]] = {}
    for fact in timeline.of(Kind.PHASE_CLOSED):
        if closed.get(fact.data["phase"], (0, "failed"))[1] == "failed":
            closed[fact.data["phase"]] = timeline.ms(fact), str(fact.data["state"])
    return closed


def _taken_up_again(timeline: Timeline, closed: tuple[int, str] | None, *, failback: bool) -> bool:
    """Whether a phase that had failed goes on since a person lifted the hold; the way home goes on by a failback too."""
    ways = {"proceed", "failback"} if failback else {"proceed"}
    lifted = [timeline.ms(fact) for fact in timeline.of(Kind.OPERATOR_DECIDED) if fact.data["verb"] in ways]
    return closed is not None and closed[1] == "failed" and any(ms > closed[0] for ms in lifted)


def _course(
    timeline: Timeline,
    phase: PlannedPhase,
    *,
    gate: Gate | None,
    question: Question | None,
    rows: list[Work],
    marks: tuple[int | None, tuple[int, str] | None],
    failback: bool,
) -> Course:
    opened, closed = marks
    start = _start(opened, gate, question, rows)
    end, state = _end(timeline, gate, question, rows=rows, closed=closed, started=start, failback=failback)
    holding = question if gate is not None and (gate.blocking or gate.at == "before") else None
    first, last = (0, 0) if start is None else (start, timeline.now_ms if end is None else end)
    held = within(holds(timeline), first, last)
    running = [stretch for row in rows for stretch in row.stretches(timeline.now_ms)]
    asking = [] if holding is None else within(holding.stretches(timeline.now_ms), first, last)
    waits = without(asking, [*running, *held])
    worked = max((row.end_ms for row in rows if row.end_ms is not None), default=None)
    answered = holding.answered_ms if holding is not None and gate is not None and gate.at == "after" else None
    ready = next((ms for ms in (answered, worked if rows else None, end) if ms is not None), None)
    return Course(phase, failback, gate, state, start, end, worked, ready, tuple(waits), tuple(held))


def _start(opened: int | None, gate: Gate | None, question: Question | None, rows: list[Work]) -> int | None:
    places = [] if opened is None else [opened]
    places += [row.start_ms for row in rows if row.start_ms is not None]
    if gate is not None and gate.at == "before" and question is not None:
        places.append(question.asked_ms)
    return min(places, default=None)


def _end(
    timeline: Timeline,
    gate: Gate | None,
    question: Question | None,
    *,
    rows: list[Work],
    closed: tuple[int, str] | None,
    started: int | None,
    failback: bool,
) -> tuple[int | None, PhaseState]:
    """A phase ends when it is closed, and with its blocking gate; what was open when the drill was over or left for good has failed."""
    if closed is not None:
        answered = question.answered_ms if gate is not None and gate.blocking and gate.at == "after" and question is not None else None
        return max(closed[0], answered or closed[0]), _state_named(closed[1])
    if started is None:
        return None, "pending"
    given_up = timeline.given_up_ms
    if not failback and given_up is not None:
        return max(started, given_up), "failed"
    if timeline.over_ms is not None:
        return timeline.over_ms, "failed"
    busy = any(row.state == "running" for row in rows)
    waiting = question is not None and question.state == "open" and gate is not None and (gate.blocking or gate.at == "before")
    return None, "waiting" if waiting and not busy else "running"


def _state_named(name: str) -> PhaseState:
    for state in get_args(PhaseState):
        if state == name:
            return state  # type: ignore[no-any-return]
    return "failed"
