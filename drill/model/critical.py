"""The critical path of a plan: how long its budgets take, with and without its gates, and where there is slack."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from drill.model.graph import ancestors, topological
from drill.model.plan import Gate, Plan, PlannedPhase


@dataclass(frozen=True)
class Schedule:
    """When each node can start at the earliest, seconds from the start; `path` is the first longest chain, in order."""

    start_s: Mapping[str, float]
    slack_s: Mapping[str, float]
    path: tuple[str, ...]
    length_s: float


@dataclass(frozen=True)
class CriticalPath:
    """Budgets from the loss of the site to the last phase. `slack` is by phase, without gates. Seconds."""

    path: tuple[str, ...]
    with_gates_s: float
    without_gates_s: float
    slack: Mapping[str, float]
    unbudgeted: tuple[str, ...]
    """Phases with steps on which no budget is set: they count as no time."""


def schedule(length_s: Mapping[str, float], after: Mapping[str, Sequence[str]]) -> Schedule:
    """The earliest schedule of nodes with lengths; every name in `after` is a node.

    Raises: ValueError: the nodes wait for each other in a cycle.
    """
    order = topological({node: after.get(node, ()) for node in length_s})
    start: dict[str, float] = {}
    for node in order:
        start[node] = max((start[name] + length_s[name] for name in after.get(node, ())), default=0.0)
    total = max((start[node] + length_s[node] for node in order), default=0.0)
    latest: dict[str, float] = {}
    for node in reversed(order):
        followers = [latest[name] for name in order if node in after.get(name, ())]
        latest[node] = min(followers, default=total) - length_s[node]
    slack = {node: max(0.0, round(latest[node] - start[node], 6)) for node in length_s}
    return Schedule(start, slack, _longest(order, length_s, after, start), total)


def _longest(
    order: Sequence[str], length_s: Mapping[str, float], after: Mapping[str, Sequence[str]], start: Mapping[str, float]
) -> tuple[str, ...]:
    if not order:
        return ()
    node = max(reversed(order), key=lambda name: start[name] + length_s[name])
    path = [node]
    while after.get(node):
        node = max(after[node], key=lambda name: start[name] + length_s[name])
        path.append(node)
    return tuple(reversed(path))


def critical_path(plan: Plan, *, losing: Collection[str] = ()) -> CriticalPath:
    """What the budgets of the drill proper add up to, from the phases that lose the site on; from the start when none are named.

    A gate counts with its whole window when something waits for its answer, and, where the RTO binds the business's
    acceptance, also at the end.
    """
    graph = {phase.id: phase.after for phase in plan.phases}
    counted = [phase for phase in plan.phases if not losing or phase.id in losing or ancestors(graph, phase.id) & set(losing)]
    names = {phase.id for phase in counted}
    budgets = {phase.id: phase.budget_s or 0.0 for phase in counted}
    bare = schedule(budgets, {phase.id: [name for name in phase.after if name in names] for phase in counted})
    asked = schedule(*_with_gates(plan, counted, losing))
    return CriticalPath(
        path=bare.path,
        with_gates_s=round(asked.length_s, 3),
        without_gates_s=round(bare.length_s, 3),
        slack=bare.slack_s,
        unbudgeted=tuple(phase.id for phase in counted if phase.steps and phase.budget_s is None),
    )


def _with_gates(plan: Plan, counted: Sequence[PlannedPhase], losing: Collection[str]) -> tuple[dict[str, float], dict[str, list[str]]]:
    names = {phase.id for phase in counted}
    gates = {phase.id: plan.gate(phase.gate) for phase in counted if phase.gate}
    waited_for = {name for phase in counted for name in phase.after}
    length = {phase.id: phase.budget_s or 0.0 for phase in counted}
    after: dict[str, list[str]] = {}
    for phase in counted:
        after[phase.id] = [_done(name, gates) for name in phase.after if name in names]
        gate = gates.get(phase.id)
        if gate is None or not gate.blocking:
            continue
        node = f"gate {gate.id}"
        if gate.at == "before":
            before_the_loss = phase.id in losing or not (losing or phase.after)
            length[node] = 0.0 if before_the_loss else gate.within_s
            after[node], after[phase.id] = after[phase.id], [node]
        else:
            counts = plan.objectives.rto_binds == "accepted" or waited_for.intersection(gate.phases)
            length[node] = gate.within_s if counts else 0.0
            after.setdefault(node, []).append(phase.id)
    return length, after


def _done(phase_id: str, gates: Mapping[str, Gate]) -> str:
    gate = gates.get(phase_id)
    return f"gate {gate.id}" if gate and gate.blocking and gate.at == "after" else phase_id
