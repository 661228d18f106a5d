"""What a plan may never do: the rules that hold before anything is touched, each violation with its limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from drill.engine.expressions import visible_steps
from drill.model.critical import CriticalPath
from drill.model.durations import format_duration, parse_duration_s
from drill.model.effects import Effect, Verb
from drill.model.errors import UnsafePlan
from drill.model.freeze import parse_freeze
from drill.model.plan import Mode, Plan, PlannedStep
from drill.steps.base import Step


class Violation(UnsafePlan):
    """A rule that a plan breaks. `step` is the dotted id of the step that breaks it, or empty."""

    def __init__(self, what: str, *, fix: str, code: str, step: str = "") -> None:
        super().__init__(what, fix=fix, code=code)
        self.step = step


Effects = Mapping[str, Sequence[Effect]]
"""What each previewed step would change, by dotted id; a step that cannot be previewed yet is absent."""


def violations(plan: Plan, kinds: Mapping[str, Step[Any]], *, now: datetime, effects: Effects | None = None) -> list[Violation]:
    """Every rule the plan breaks. `now` is aware; without `effects` only what the step kinds declare is known."""
    marks = {step.id: kinds[step.kind].marks.union(*(row.marks for row in (effects or {}).get(step.id, ()))) for step in plan.steps()}
    return [*_unfenced(plan, marks), *_slow_names(plan), *_frozen(plan, now), *unsafe_effects(plan, effects or {})]


def unsafe_effects(plan: Plan, effects: Effects) -> list[Violation]:
    """Targets outside `limits.allow` (P004), and more changes than `limits.max_changes` (P005). Reading is no change."""
    changes = {step: [row for row in rows if row.verb is not Verb.READ] for step, rows in effects.items()}
    found = [
        Violation(
            f"{step} would {row.verb} '{row.target}', which limits.allow does not cover.",
            code="P004",
            fix="Add it to limits.allow, or narrow the step.",
            step=step,
        )
        for step, rows in changes.items()
        for row in rows
        if not any(_covers(pattern, row) for pattern in plan.limits.allow)
    ]
    count = sum(row.count for rows in changes.values() for row in rows)
    if count > plan.limits.max_changes:
        what = f"the plan makes {count} changes, more than limits.max_changes = {plan.limits.max_changes}."
        found.append(Violation(what, code="P005", fix="Narrow the plan, or raise the limit on purpose."))
    return found


def losing_phases(plan: Plan, kinds: Mapping[str, Step[Any]], effects: Effects | None = None) -> tuple[str, ...]:
    """The phases of the drill proper in which a site is lost: the recovery time starts there."""
    losing = [
        step.phase
        for phase in plan.phases
        for step in phase.steps
        if "outage" in kinds[step.kind].marks or any("outage" in row.marks for row in (effects or {}).get(step.id, ()))
    ]
    return tuple(dict.fromkeys(losing))


def budget_warnings(plan: Plan, critical: CriticalPath) -> list[str]:
    """Where the budgets along the critical path do not fit the recovery time objective, where it binds anything."""
    rto = format_duration(plan.objectives.rto_s)
    chain = " -> ".join(critical.path)
    found = []
    if critical.without_gates_s > plan.objectives.rto_s:
        found.append(f"the budgets of {chain} add up to {format_duration(critical.without_gates_s)}, more than the RTO of {rto}.")
    elif critical.with_gates_s > plan.objectives.rto_s:
        worst = format_duration(critical.with_gates_s)
        found.append(f"the budgets fit the RTO of {rto}, but with every gate answered at its limit they add up to {worst}.")
    judged = found if plan.objectives.rto_binds != "none" else []
    return [*judged, *(f"'{phase}' has no budget: it counts as no time here." for phase in critical.unbudgeted)]


def unmeasured_warnings(plan: Plan, losing: Sequence[str]) -> list[str]:
    """What nothing would measure although the plan loses something: such a drill can only end with 1."""
    if not losing:
        return []
    found = []
    if not any(probe.user_view for probe in plan.probes):
        found.append("no probe has user_view: true, so nothing measures the RTO and the drill cannot end with 0.")
    if plan.canary is None:
        found.append("there is no canary, so nothing measures the RPO and the drill cannot end with 0.")
    return found


def _unfenced(plan: Plan, marks: Mapping[str, frozenset[str]]) -> Iterator[Violation]:
    drill = {phase.id for phase in plan.phases}
    for step in plan.steps():
        if "promote" not in marks[step.id] or step.skip:
            continue
        upstream = [plan.step(name) for name in visible_steps(plan, step.id)]
        fences = [row for row in upstream if "fence" in marks[row.id] and not row.skip and (row.phase in drill) == (step.phase in drill)]
        if not fences:
            yield Violation(
                f"'{step.id}' promotes with no fence before it: both sites could take writes.",
                code="P001",
                fix="Add a fence step and list it under 'after'.",
                step=step.id,
            )
        elif all(_site(row) and _site(row) == _site(step) for row in fences):
            yield Violation(
                f"'{step.id}' promotes '{_site(step)}', and '{fences[0].id}' fences that same site.",
                code="P001",
                fix="Fence the site that is given up.",
                step=step.id,
            )


def _site(step: PlannedStep) -> Any:
    return step.params.get("site")


def _slow_names(plan: Plan) -> Iterator[Violation]:
    for step in plan.steps():
        ttl = step.params.get("ttl")
        if not isinstance(ttl, str) or "{{" in ttl:
            continue
        if parse_duration_s(ttl) > plan.objectives.rto_s:
            rto = format_duration(plan.objectives.rto_s)
            what = f"'{step.id}' leaves a TTL of {ttl}, longer than the RTO of {rto}: clients keep the lost site."
            yield Violation(what, code="P002", fix="Shorten the TTL.", step=step.id)


def _frozen(plan: Plan, now: datetime) -> Iterator[Violation]:
    if plan.mode is Mode.DRY_RUN:
        return
    for text in plan.limits.freeze:
        if parse_freeze(text).holds(now):
            yield Violation(
                f"no drill may run now: limits.freeze holds {text}.", code="P003", fix="Wait until it is over, or do a dry run."
            )


def _covers(pattern: str, effect: Effect) -> bool:
    """`site/tag:key=value` covers what stands below the site and carries the tag; anything else is matched as a file name is."""
    place, tagged, tag = pattern.partition("tag:")
    if tagged:
        key, _, value = tag.partition("=")
        return effect.target.startswith(place) and effect.tags.get(key) == value
    return fnmatchcase(effect.target, pattern)
