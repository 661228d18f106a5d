"""What is wrong with the names of a scenario: what waits for what, who is meant, which site, which step. Every mistake at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from drill.engine.compile_gate_checks import gate_problems, hand_problems
from drill.engine.compile_ground_checks import ground_problems
from drill.engine.compile_guard_checks import guard_problems
from drill.engine.compile_outline import Names, Outline, PhaseOutline, StepOutline, names, outline
from drill.engine.compile_rota import people_problems
from drill.engine.compile_vantage_checks import kept_problems, vantage_problems
from drill.engine.expressions import BadExpression, find_step, references, texts
from drill.model.graph import ancestors, find_cycle
from drill.model.problem import Path, Problem, did_you_mean
from drill.steps.base import Step

Kinds = Mapping[str, Step[Any]]

_REFERS: Final[Mapping[str, str]] = {"site": "site", "probe": "probe", "of": "step"}
"""What a parameter of this name refers to, unless its field says otherwise: `Field(json_schema_extra={"refers": "site"})`.
A kind that has both `from` and `to` moves something between sites."""


def scenario_problems(data: Mapping[str, Any], kinds: Kinds) -> list[Problem]:
    """Everything wrong with the references of a scenario, given as the file's own data; wrong shapes are the grammar's to report."""
    seen = outline(data)
    found = [
        *_same_sites(data.get("sites")),
        *ground_problems(data, seen, kinds),
        *_phase_problems(seen),
        *gate_problems(seen),
        *hand_problems(data, seen, {name for name, kind in kinds.items() if kind.by_hand}),
        *guard_problems(data, seen),
        *vantage_problems(data, seen),
        *kept_problems(data, seen),
        *people_problems(data),
    ]
    for at, probe in names(data.get("steady_state"), ("steady_state",)):
        found += _unknown(at, probe, seen.probes, "S025", "probe")
    for phase in seen.phases:
        for step in phase.steps:
            found += _params_problems(step, seen, kinds)
            for below, text in texts(step.params):
                found += _expression_problems((*step.at, step.kind, *below), text, _visible(seen, phase, step), seen)
    for top in ("probes", "guards"):
        for below, text in texts(data.get(top, {}), (top,)):
            found += _expression_problems(below, text, None, seen)
    return list(dict.fromkeys(found))


def _same_sites(sites: Any) -> Iterator[Problem]:
    """Two names for one place: what is lost and fenced under the one would be promoted under the other."""
    seen: list[tuple[str, Any]] = []
    for name, site in sites.items() if isinstance(sites, Mapping) else ():
        twin = next((earlier for earlier, other in seen if isinstance(site, Mapping) and other == site), None)
        if twin is not None:
            yield Problem(
                ("sites", name), "S041", f"'{name}' is the same place as '{twin}'.", "Name another region, or tell them apart.", on_key=True
            )
        seen.append((name, site))


def _phase_problems(seen: Outline) -> Iterator[Problem]:
    drill, failback = seen.part("drill"), seen.part("failback")
    for phase in failback:
        if phase.id in {row.id for row in drill}:
            what = f"'{phase.id}' is already a phase of the drill."
            yield Problem(phase.at, "S022", what, f"Call it '{phase.id}_home', for example.", on_key=True)
    for part in (drill, failback):
        ids = [phase.id for phase in part]
        others = {phase.id for phase in seen.phases} - set(ids)
        for phase in part:
            yield from _waits(phase.after, phase.id, ids, "phase", others)
            steps = [step.id.partition(".")[2] for step in phase.steps]
            for step in phase.steps:
                yield from _waits(step.after, step.id.partition(".")[2], steps, "step", set())
            yield from _cycle({step.id.partition(".")[2]: step.after for step in phase.steps}, "step")
            if not phase.steps and phase.acknowledge is None:
                yield Problem(phase.at, "S031", f"'{phase.id}' has neither steps nor a gate.", "Give it one, or remove it.", on_key=True)
        yield from _cycle({phase.id: phase.after for phase in part}, "phase")


def _waits(after: Names, own: str, known: Collection[str], what: str, others: Collection[str]) -> Iterator[Problem]:
    for at, name in after:
        if name in known:
            continue
        if name in others:
            yield Problem(
                at, "S020", f"'{own}' waits for '{name}', which is in the other part.", "The failback starts after the drill; drop it."
            )
        else:
            yield Problem(at, "S020", f"'{own}' waits for '{name}', but there is no such {what}.", did_you_mean(name, known))


def _cycle(after: Mapping[str, Names], what: str) -> Iterator[Problem]:
    cycle = find_cycle({name: [before for _, before in waits] for name, waits in after.items()})
    if cycle:
        at = next(at for at, before in after[cycle[1]] if before == cycle[0])
        yield Problem(at, "S021", f"each {what} waits for the one before it, in a circle: {' -> '.join(cycle)}.", "Drop one 'after'.")


def _unknown(at: Path, name: str, known: Collection[str], code: str, what: str) -> list[Problem]:
    return [] if name in known else [Problem(at, code, f"there is no {what} '{name}'.", did_you_mean(name, known))]


def _params_problems(step: StepOutline, seen: Outline, kinds: Kinds) -> Iterator[Problem]:
    if step.kind not in kinds:
        return
    known: Mapping[str, tuple[str, Callable[[], Collection[str]]]] = {
        "site": ("S024", lambda: seen.sites),
        "probe": ("S025", lambda: seen.probes),
        "step": ("S026", lambda: [row.id for row in seen.steps() if row.id != step.id]),  # long in a long plan, and seldom asked for
    }
    fields = {field.alias or name: field.json_schema_extra for name, field in kinds[step.kind].params.model_fields.items()}
    moves = dict.fromkeys(("from", "to"), "site") if {"from", "to"} <= fields.keys() else {}
    for key, extra in fields.items():
        usual = {**_REFERS, **moves}.get(key)
        refers = extra.get("refers", usual) if isinstance(extra, dict) else usual
        value = step.params.get(key)
        if isinstance(refers, str) and refers in known and isinstance(value, str) and "{{" not in value:
            code, ids = known[refers]
            at = (*step.at, step.kind, key)
            yield from _unknown(at, value, ids(), code, refers)
            yield from _wrong_kind(at, value, extra, seen, kinds)


def _wrong_kind(at: Path, value: str, extra: Any, seen: Outline, kinds: Kinds) -> Iterator[Problem]:
    """A field may ask for a step of a certain sort: `json_schema_extra={"of_kind": "terraform.apply"}`, or `{"of_mark": "outage"}`."""
    asked = extra if isinstance(extra, dict) else {}
    kind, mark = asked.get("of_kind"), asked.get("of_mark")
    meant = next((row for row in seen.steps() if row.id == value), None) if kind or mark else None
    if meant is None or meant.kind not in kinds:
        return

    def fits(row: StepOutline) -> bool:
        return row.kind in kinds and (row.kind == kind if kind else mark in kinds[row.kind].marks)

    if not fits(meant):
        others = [row.id for row in seen.steps() if fits(row)]
        what = f"'{value}' is '{meant.kind}', but '{kind}' is needed here." if kind else f"'{value}' ('{meant.kind}') makes no {mark}."
        yield Problem(
            at, "S046", what, f"Name {' or '.join(others)}." if others else "No step of this scenario is one: add it, or drop this step."
        )


def _visible(seen: Outline, phase: PhaseOutline, step: StepOutline) -> list[str]:
    part = seen.part(phase.part)
    earlier = ancestors({row.id: [name for _, name in row.after] for row in part}, phase.id)
    inside = ancestors({row.id.partition(".")[2]: [name for _, name in row.after] for row in phase.steps}, step.id.partition(".")[2])
    open_steps = [row.id for other in part if other.id in earlier for row in other.steps]
    if phase.part == "failback":
        open_steps += [row.id for other in seen.part("drill") for row in other.steps]
    return [*open_steps, *(f"{phase.id}.{name}" for name in sorted(inside))]


def _expression_problems(at: Path, text: str, visible: Sequence[str] | None, seen: Outline) -> Iterator[Problem]:
    try:
        found = references(text)
    except BadExpression as error:
        yield Problem(at, "S030", f"'{text}' cannot be used: {error}.", "For example {{ steps.capacity.outputs.addresses }}.")
        return
    for row in found:
        if row.root == "sites":
            yield from _site_problems(at, row.names, seen)
        elif visible is None:
            yield Problem(
                at, "S030", "probes and guards are asked all the time: they cannot use the outputs of steps.", "Use {{ sites.… }}."
            )
        else:
            yield from _step_problems(at, row.names, visible, seen)


def _site_problems(at: Path, path: Sequence[str], seen: Outline) -> list[Problem]:
    if not path:
        return [Problem(at, "S024", "'sites' needs the name of a site.", did_you_mean("", seen.sites))]
    return _unknown(at, path[0], seen.sites, "S024", "site")


def _step_problems(at: Path, path: Sequence[str], visible: Sequence[str], seen: Outline) -> Iterator[Problem]:
    shown = ".".join(takewhile(lambda name: name != "outputs", path)) or "steps"
    every = [step.id for step in seen.steps()]
    meant, used = find_step(path, visible)
    anywhere, _ = find_step(path, every)
    if not anywhere:
        known = [*every, *(step.partition(".")[2] for step in every)]
        yield Problem(at, "S026", f"there is no step '{shown}'.", did_you_mean(path[0] if path else "", known))
    elif not meant:
        what = f"'{anywhere[0]}' does not come before this step, so its outputs are not there yet."
        yield Problem(at, "S028", what, "Wait for it with 'after', or use another step.")
    elif len(meant) > 1 or (used == 1 and path[0] in {phase.id for phase in seen.phases} and path[0] not in every):
        others = " or ".join(f"steps.{step}" for step in meant)
        yield Problem(at, "S029", f"'{path[0]}' may mean more than one thing here.", f"Write {others}.")
    elif list(path[used : used + 1]) != ["outputs"]:
        yield Problem(
            at,
            "S030",
            f"a step is looked at through its outputs, not '{'.'.join(path[used:]) or 'itself'}'.",
            f"Write steps.{meant[0]}.outputs.…",
        )
