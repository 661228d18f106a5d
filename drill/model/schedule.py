"""The schedule of what happened, run again with one wait or one duration clipped: what a change would have saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drill.model.attempts import Work
from drill.model.courses import Course
from drill.model.questions import Question
from drill.model.spans import Stretch


@dataclass(frozen=True)
class Clip:
    """What would have been shorter. Milliseconds taken off a step or a gate; phases whose work is held to a length."""

    steps: Mapping[str, int] = field(default_factory=dict)
    gates: Mapping[str, int] = field(default_factory=dict)
    phases: Mapping[str, int] = field(default_factory=dict)


@dataclass
class _Run:
    clip: Clip
    start: dict[str, int] = field(default_factory=dict)
    """When each phase began; after a gate before it, when its work could begin."""
    steps: dict[str, int] = field(default_factory=dict)
    worked: dict[str, int] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)


class Schedule:
    """Phases, steps and gates of the drill part with the lengths and lags they had, and the recovery window they explain."""

    def __init__(self, courses: Mapping[str, Course], works: Mapping[str, Work], asked: Mapping[str, Question], window: Stretch) -> None:
        begun = [course for course in courses.values() if not course.failback and course.start_ms is not None]
        self._courses = {course.id: course for course in sorted(begun, key=_start)}
        self._works = works
        self._asked = asked
        self._window = window

    def saved_ms(self, clip: Clip) -> int:
        """How much shorter the recovery would have been; never negative."""
        run = _Run(clip)
        for course in self._courses.values():
            self._phase(run, course)
        loss, recovery = self._window
        return max(0, (recovery - loss) - (self._moved(run, recovery) - self._moved(run, loss)))

    def _phase(self, run: _Run, course: Course) -> None:
        before = [name for name in course.planned.after if name in self._courses]
        was_ready = max((self._was_ready(name) for name in before), default=_start(course))
        ready = max((self._ready(run, name) for name in before), default=_start(course))
        gate = course.gate
        waited_less = run.clip.gates.get(gate.id, 0) if gate is not None and gate.at == "before" else 0
        first = run.start[course.id] = ready + _start(course) - was_ready - waited_less
        ends = [self._step(run, course, work, first=first) for work in self._steps_of(course)]
        worked = max(ends, default=first + _worked(course) - _start(course))
        run.worked[course.id] = self._held_to_budget(run, course, worked)

    @staticmethod
    def _held_to_budget(run: _Run, course: Course, moment: int) -> int:
        budget = run.clip.phases.get(course.id)
        return moment if budget is None else min(moment, run.start[course.id] + budget)

    def _steps_of(self, course: Course) -> list[Work]:
        rows = [self._works[step.id] for step in course.planned.steps]
        return sorted((row for row in rows if row.start_ms is not None), key=_begin)

    def _step(self, run: _Run, course: Course, work: Work, *, first: int) -> int:
        before = [name for name in work.planned.after if name in run.steps]
        if before:
            lag = _begin(work) - max(_end(self._works[name]) for name in before)
            began = max(run.steps[name] + self._length(run, name) for name in before) + lag
        else:
            began = first + _begin(work) - _start(course)
        run.steps[work.planned.id] = began
        return began + self._length(run, work.planned.id)

    def _length(self, run: _Run, step: str) -> int:
        work = self._works[step]
        return max(0, _end(work) - _begin(work) - run.clip.steps.get(step, 0))

    def _question_after(self, course: Course) -> Question | None:
        """The answered question that held up whatever follows the phase."""
        gate = course.gate
        question = self._asked.get(gate.id) if gate is not None and gate.at == "after" and gate.blocking else None
        return question if question is not None and question.answered_ms is not None else None

    def _was_ready(self, name: str) -> int:
        question = self._question_after(self._courses[name])
        return _worked(self._courses[name]) if question is None else question.answered_ms or 0

    def _ready(self, run: _Run, name: str) -> int:
        """When a phase would have let the next ones go on."""
        question = self._question_after(self._courses[name])
        if question is None:
            return run.worked[name]
        if question.id not in run.answered:
            members = [phase for phase in question.phases if phase in run.worked]
            lag = question.asked_ms - max(_worked(self._courses[phase]) for phase in members)
            wait = (question.answered_ms or 0) - question.asked_ms - run.clip.gates.get(question.id, 0)
            run.answered[question.id] = max(run.worked[phase] for phase in members) + lag + max(0, wait)
        return run.answered[question.id]

    def _moved(self, run: _Run, moment: int) -> int:
        """Where a moment of the drill would have come: it keeps its distance to the step, phase or answer it happened in."""
        course = max((one for one in self._courses.values() if _start(one) <= moment), key=_start, default=None)
        if course is None:
            return moment
        question = self._question_after(course)
        if question is not None and moment >= (question.answered_ms or 0):
            return self._ready(run, course.id) + moment - (question.answered_ms or 0)
        anchor = max((row for row in self._steps_of(course) if _begin(row) <= moment), key=_begin, default=None)
        if anchor is None:
            return self._held_to_budget(run, course, run.start[course.id] + moment - _start(course))
        kept = max(0, moment - _begin(anchor) - run.clip.steps.get(anchor.planned.id, 0))
        return self._held_to_budget(run, course, run.steps[anchor.planned.id] + kept)


def _start(course: Course) -> int:
    return course.start_ms or 0


def _worked(course: Course) -> int:
    """When the work of a phase was done: its last step ended, or its gate when it is nothing but a gate."""
    if course.worked_ms is not None:
        return course.worked_ms
    return _start(course) if course.end_ms is None else course.end_ms


def _begin(work: Work) -> int:
    return work.start_ms or 0


def _end(work: Work) -> int:
    if work.end_ms is not None:
        return work.end_ms
    return work.tries[-1].start_ms if work.tries else 0
