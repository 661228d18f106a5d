"""Where a drill stands, in the words of a status text: for a person who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drill.model.durations import format_duration
from drill.model.plan import Plan
from drill.model.progress import Progress
from drill.model.wording import STATES, Language

_AND: Final[Mapping[Language, str]] = {"en": " and ", "zh": "与"}
_STATES: Final = {"running": "started", "succeeded": "done", "skipped": "skipped"}


def standing(progress: Progress, plan: Plan, language: Language, *, since_start_s: float) -> dict[str, str]:
    """The variables of a status text: the phases under way, else the last that ended, else the first."""
    running = [phase for phase, state in progress.phases.items() if state == "running"]
    last = list(progress.phases)[-1:]
    named = running or last
    titles = [getattr(phase.title, language) for phase in plan.all_phases() if phase.id in named]
    if not titles:
        first = [getattr(phase.title, language) for phase in plan.all_phases()][:1]
        return {"phase": first[0] if first else plan.scenario, "state": STATES["starting"][language], "took": "0s"}
    state = STATES[_STATES.get(progress.phases[named[0]], "failed")][language]
    return {"phase": _AND[language].join(titles), "state": state, "took": format_duration(float(max(1, round(since_start_s))))}
