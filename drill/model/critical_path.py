"""The critical path of what happened: walked back from the end, always to the predecessor that finished last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drill.model.attempts import Work
from drill.model.courses import Course


@dataclass(frozen=True)
class CriticalPath:
    """Ids in the order they happened: making one of them shorter would have made the drill shorter."""

    phases: tuple[str, ...]
    steps: tuple[str, ...]


def critical_path(courses: Mapping[str, Course], works: Mapping[str, Work]) -> CriticalPath:
    """Through the phases of the drill part that began, and through the steps of each."""
    begun = {course.id: course for course in courses.values() if not course.failback and course.start_ms is not None}
    open_ones = [course for course in begun.values() if course.end_ms is None]
    last = max(open_ones or begun.values(), key=lambda course: course.rank, default=None)
    phases: list[Course] = []
    while last is not None and last not in phases:
        phases.insert(0, last)
        last = max((begun[name] for name in last.planned.after if name in begun), key=lambda course: course.rank, default=None)
    steps = [step for course in phases for step in _steps(course, works)]
    return CriticalPath(tuple(course.id for course in phases), tuple(steps))


def _steps(course: Course, works: Mapping[str, Work]) -> list[str]:
    rows = [works[step.id] for step in course.planned.steps if works[step.id].start_ms is not None]
    running = [row for row in rows if row.end_ms is None]
    last = max(running or rows, key=_end, default=None)
    path: list[str] = []
    while last is not None and last.planned.id not in path:
        path.insert(0, last.planned.id)
        before = [works[name] for name in last.planned.after if name in works and works[name].start_ms is not None]
        last = max(before, key=_end, default=None)
    return path


def _end(row: Work) -> int:
    return row.end_ms if row.end_ms is not None else (row.start_ms or 0)
