"""A plan as text: the DAG as a tree per phase, what each step would change, the critical path, the warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from drill.model.critical import CriticalPath
from drill.model.effects import Effect
from drill.model.plan import Gate, Guard, Plan, PlannedPhase, PlannedStep, VantagePoint
from drill.views.figures import cells, printable, promised

_LEAST_WIDTH = 40


def render_plan(plan: Plan, *, effects: Mapping[str, Sequence[Effect]], critical: CriticalPath, warnings: Sequence[str], width: int) -> str:
    """The plan as lines of at most `width` cells (at least 40), ending in a newline; no escapes. `effects` is by step id."""
    watched = [*map(_guard_line, plan.guards), *map(_vantage_line, plan.vantage_points)]
    lines = [*_head(plan), *watched, "", *_part(plan, plan.phases, effects, critical)]
    if plan.failback:
        lines += ["", "failback, after the verdict", *_part(plan, plan.failback, effects, None)]
    lines += ["", *_tail(plan, effects, critical)]
    lines += [f"warning: {warning}" for warning in warnings]
    room = max(width, _LEAST_WIDTH)
    return "".join(f"{part}\n" for line in lines for part in wrapped(printable(line), room))


def _head(plan: Plan) -> Iterator[str]:
    yield f"{plan.scenario}: {plan.title.en}" + ("" if plan.title.zh == plan.title.en else f" ({plan.title.zh})")
    promised_text = f"RTO {promised(plan.objectives.rto_s)} ({plan.objectives.rto_binds}), RPO {promised(plan.objectives.rpo_s)}"
    yield f"mode {plan.mode}, {promised_text}, plan {plan.digest()[:12]}"


def _guard_line(guard: Guard) -> str:
    asked = {
        "probe": f"probe {guard.probe} misses {guard.misses} in a row",
        "prometheus": f"`{guard.query}` does not hold for {promised(guard.for_s)} ({guard.url})",
        "alertmanager": f"the alert {guard.alert} fires ({guard.url})",
    }
    return f"guard {guard.id}: the drill ends when {asked[guard.asks]}"


def _vantage_line(point: VantagePoint) -> str:
    counts = "its users count" if point.user_view else "shown, does not count"
    way = "over HTTP or by file" if point.key else "by file only: it has no key"
    return f"seen from {point.id} too: {', '.join(point.probes)}; {counts}; {way}"


def _part(
    plan: Plan, phases: Sequence[PlannedPhase], effects: Mapping[str, Sequence[Effect]], critical: CriticalPath | None
) -> Iterator[str]:
    for phase in phases:
        yield _phase_line(phase, critical)
        gates = [gate for gate in plan.gates if gate.id == phase.gate]
        yield from (_gate_line(gate, phase) for gate in gates if gate.at == "before")
        for depth, step in _tree(phase.steps):
            yield from _step_lines(step, depth, effects.get(step.id))
            yield from (f"    {'  ' * depth}{_gate_line(gate, phase)}" for gate in plan.gates if gate.id == step.id)
        yield from (_gate_line(gate, phase) for gate in gates if gate.at == "after")
        if not gates:
            yield f"    ✉ status to {', '.join(phase.notify)}, no answer asked" if phase.notify else "    ✉ no answer asked"


def _phase_line(phase: PlannedPhase, critical: CriticalPath | None) -> str:
    words = [f"■ {phase.id}"]
    if phase.after:
        words.append(f"after {', '.join(phase.after)}")
    words.append(f"budget {promised(phase.budget_s)}" if phase.budget_s is not None else "no budget")
    if critical is not None and phase.id in critical.path:
        words.append("critical")
    elif critical is not None and phase.id in critical.slack:
        words.append(f"slack {promised(critical.slack[phase.id])}")
    return "  ".join(words)


def _gate_line(gate: Gate, phase: PlannedPhase) -> str:
    if len(gate.phases) > 1 and gate.phases[-1] != phase.id:
        return f"    ☎ joint gate {gate.id} with {', '.join(name for name in gate.phases if name != phase.id)}"
    then = f" → {', '.join(gate.then)}" if gate.then else ""
    notes = [f"within {promised(gate.within_s)}"]
    if gate.quorum > 1:
        notes.append(f"{gate.quorum} answers")
    if not gate.blocking:
        notes.append("does not block")
    joint = f" (joint: {', '.join(gate.phases)})" if len(gate.phases) > 1 else ""
    return f"    ☎ gate {gate.id}{joint} asks {', '.join(gate.ask)}{then}, {', '.join(notes)}; silence: {gate.silence}"


def _tree(steps: Sequence[PlannedStep]) -> Iterator[tuple[int, PlannedStep]]:
    """Steps in plan order, each one level below the deepest step it waits for."""
    depth: dict[str, int] = {}
    for step in steps:
        depth[step.id] = max((depth.get(before, -1) + 1 for before in step.after), default=0)
        yield depth[step.id], step


def _step_lines(step: PlannedStep, depth: int, effects: Sequence[Effect] | None) -> Iterator[str]:
    indent = "    " + "  " * depth
    marks = [word for word, on in (("skipped", step.skip), ("point of no return", step.no_return)) if on]
    tries = f", {step.retries} {'retry' if step.retries == 1 else 'retries'}" if step.retries else ""
    note = f"  [{', '.join(marks)}]" if marks else ""
    yield f"{indent}{'└ ' if depth else '• '}{step.id}  {step.kind}  (≤ {promised(step.timeout_s)}{tries}){note}"
    for effect in effects or ():
        count = f" ×{effect.count}" if effect.count > 1 else ""
        detail = f"  {effect.detail}" if effect.detail else ""
        yield f"{indent}    {_VERBS.get(effect.verb, '·')} {effect.verb} {effect.target}{count}{detail}  (undo: {effect.undo})"
    if effects is not None and not effects:
        yield f"{indent}    · changes nothing"


_VERBS = {"create": "+", "update": "~", "delete": "-", "stop": "!", "send": "→", "read": "?"}


def _tail(plan: Plan, effects: Mapping[str, Sequence[Effect]], critical: CriticalPath) -> Iterator[str]:
    rto_s = plan.objectives.rto_s
    yield f"critical path: {' → '.join(critical.path) or 'none'}"
    for words, seconds in (("without gates", critical.without_gates_s), ("with gates", critical.with_gates_s)):
        judged = f" {'exceed' if seconds > rto_s else 'fit'} the RTO of {promised(rto_s)}" if plan.objectives.rto_binds != "none" else ""
        yield f"  budgets {words}: {promised(seconds)}{judged}"
    if critical.unbudgeted:
        yield f"  without a budget, counted as no time: {', '.join(critical.unbudgeted)}"
    changes = sum(effect.count for listed in effects.values() for effect in listed if effect.verb != "read")
    if effects:
        yield f"changes: {changes} of at most {plan.limits.max_changes}"


def wrapped(line: str, width: int) -> Iterator[str]:
    """The line in parts of at most `width` cells, broken between words where there are any; nothing of it is left out."""
    if cells(line) <= width:
        yield line
        return
    indent = " " * min(len(line) - len(line.lstrip()) + 6, width // 3)
    part = line[: len(line) - len(line.lstrip())]
    begun = False
    for word in line.split():
        if begun and cells(f"{part} {word}") > width:
            yield part
            part, begun = indent, False
        part = f"{part} {word}" if begun else part + word
        begun = True
        while cells(part) > width:
            cut = next(n for n in range(len(part), 0, -1) if cells(part[:n]) <= width)
            yield part[:cut]
            part = indent + part[cut:]
    yield part
