"""Dry runs on one screen: what each step would do, what stands in the way, and whether every phase would run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drill.model.plan import Plan, PlannedPhase
from drill.model.rehearsal import Look, Rehearsal
from drill.views.figures import printable, promised


def render_rehearsals(rehearsals: Sequence[Rehearsal]) -> str:
    """Lines ending in a newline: one scenario step by step, several as one line each with what is wrong below it. No escapes.

    What several skip for one reason stands together, after them.
    """
    lines = list(_whole(rehearsals[0])) if len(rehearsals) == 1 else [line for row in rehearsals for line in _brief(row)]
    if len(rehearsals) > 1:
        lines += [*_skipped_by(rehearsals), "", _sum(rehearsals)]
    return "".join(f"{printable(line)}\n" for line in lines)


def _whole(row: Rehearsal) -> Iterator[str]:
    if row.plan is None:
        yield from _findings(row)
        return
    yield f"{row.plan.scenario}: {row.plan.title.en}"
    yield "dry run: nothing is touched, nothing is measured"
    yield ""
    yield from _phases(row, row.plan.phases)
    if row.plan.failback:
        yield "failback, after the verdict"
        yield from _phases(row, row.plan.failback)
    yield ""
    yield from _bounds(row)
    yield from (f"warning: {warning}" for warning in row.warnings)
    yield from _named(row)
    yield _verdict(row)


def _phases(row: Rehearsal, phases: Sequence[PlannedPhase]) -> Iterator[str]:
    blocked = row.blocked_phases()
    for phase in phases:
        looks = [look for look in row.looks if look.phase == phase.id]
        changes = sum(look.changes for look in looks)
        words = [f"budget {promised(phase.budget_s)}"] if phase.budget_s is not None else []
        words += [f"{changes} change{'' if changes == 1 else 's'}"] if looks else []
        words += _asked(row.plan, phase)
        yield f"  {'x' if phase.id in blocked else '+'} {phase.id:<14}{', '.join(words)}"
        yield from (f"      {look.about:<22}{_said(look)}" for look in looks)


def _asked(plan: Plan | None, phase: PlannedPhase) -> list[str]:
    gates = [gate for gate in plan.gates if gate.id == phase.gate] if plan else []
    return [f"{'asks' if gate.at == 'after' else 'asks first'} {' -> '.join((*gate.ask, *gate.then))}" for gate in gates]


def _said(look: Look) -> str:
    if look.state == "ready":
        return look.detail
    return f"{'WOULD FAIL' if look.state == 'refused' else 'skipped'}: {look.detail}"


def _bounds(row: Rehearsal) -> Iterator[str]:
    if row.plan is None or row.critical is None:
        return
    limit = row.plan.limits.max_changes
    yield f"changes: {row.changes} of at most {limit}, failback included"
    budgets = f"{promised(row.critical.without_gates_s)} without gates, {promised(row.critical.with_gates_s)} with them"
    judged = f"RTO {promised(row.plan.objectives.rto_s)}" if row.plan.objectives.rto_binds != "none" else "no RTO is judged"
    yield f"budgets: {budgets}; {judged}"


def _named(row: Rehearsal) -> Iterator[str]:
    """What was skipped and what was refused; things with one reason share a line."""
    for word, looks in (("skipped", row.skipped), ("refused", row.refused)):
        yield from (f"{word}: {', '.join(about)}: {reason}" for reason, about in _by_reason(looks).items())


def _by_reason(looks: Sequence[Look]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for look in looks:
        found.setdefault(look.reason, []).append(look.about)
    return found


def _skipped_by(rehearsals: Sequence[Rehearsal]) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for row in rehearsals:
        for reason, about in _by_reason(row.skipped).items():
            found.setdefault(reason, []).append(f"{row.name}: {', '.join(about)}")
    yield from [""] if found else []
    for reason, each in found.items():
        yield from (f"skipped: {reason}", *(f"  {one}" for one in each))


def _brief(row: Rehearsal) -> Iterator[str]:
    yield f"{row.path}: {_verdict(row)}"
    if row.plan is None:
        yield from (f"  {line}" for line in _findings(row))
        return
    yield from (f"  warning: {warning}" for warning in row.warnings)
    yield from (f"  refused: {', '.join(about)}: {reason}" for reason, about in _by_reason(row.refused).items())


def _findings(row: Rehearsal) -> Iterator[str]:
    yield from (str(finding) for finding in row.findings)


def _verdict(row: Rehearsal) -> str:
    if row.plan is None:
        return f"invalid, {len(row.findings)} error{'' if len(row.findings) == 1 else 's'}"
    phases, blocked = len(row.plan.all_phases()), len(row.blocked_phases())
    if blocked:
        return f"{phases - blocked} of {phases} phases would run, {len(row.refused)} refusal(s)"
    return f"all {phases} phases would run" + (f" as far as can be seen: {len(row.skipped)} thing(s) skipped" if row.skipped else "")


def _sum(rehearsals: Sequence[Rehearsal]) -> str:
    good = sum(row.exit_code == 0 for row in rehearsals)
    invalid = sum(row.plan is None for row in rehearsals)
    parts = [f"{good} of {len(rehearsals)} scenarios would run"]
    parts += [f"{invalid} invalid"] if invalid else []
    refused = len(rehearsals) - good - invalid
    return ", ".join([*parts, *([f"{refused} refused"] if refused else [])])
