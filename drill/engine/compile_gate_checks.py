"""What is wrong with the questions a scenario asks people: who, how many, whether each can ever be answered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from drill.engine.compile_outline import AcknowledgeOutline, Outline, PhaseOutline, mapping
from drill.model.graph import find_cycle
from drill.model.problem import Problem, did_you_mean

MERGED: Final = ("ask", "then", "within", "quorum", "silence", "by", "blocking", "four_eyes")
"""What the members of a joint gate must agree on."""
HAND: Final = {"ask", "then", "within", "quorum", "silence"}
"""What a step that a person does may say about who is asked."""


def gate_problems(seen: Outline) -> Iterator[Problem]:
    """Every mistake in the acknowledgements of a scenario."""
    for phase in seen.phases:
        if phase.acknowledge is not None:
            yield from _people(phase.id, phase.acknowledge, seen)
    for name, members in joint_members(seen).items():
        yield from _joint(name, members, seen)
    yield from _deadlock(seen)


def hand_problems(data: Mapping[str, Any], seen: Outline, by_hand: Collection[str]) -> Iterator[Problem]:
    """Every mistake in whom the steps of these kinds ask."""
    inherited = mapping(mapping(data.get("defaults")).get("acknowledge"))
    usual = {name: value for name, value in inherited.items() if name in HAND}
    for step in (step for step in seen.steps() if step.kind in by_hand):
        own = {name: value for name, value in step.params.items() if name in HAND}
        yield from _people(step.id, AcknowledgeOutline(own, usual, (*step.at, step.kind)), seen)


def joint_members(seen: Outline) -> dict[str, list[PhaseOutline]]:
    """The phases of each joint gate, as written."""
    found: dict[str, list[PhaseOutline]] = {}
    for phase in seen.phases:
        name = phase.acknowledge.get("joint") if phase.acknowledge else None
        if isinstance(name, str):
            found.setdefault(name, []).append(phase)
    return found


def _people(phase: str, acknowledge: AcknowledgeOutline, seen: Outline) -> Iterator[Problem]:
    asked, then = acknowledge.names("ask"), acknowledge.names("then")
    for at, name in [*asked, *then]:
        if name not in seen.contacts:
            yield Problem(at, "S023", f"there is no contact '{name}'.", did_you_mean(name, seen.contacts))
    before: set[str] = set()
    for at, name in [*asked, *then]:
        if name in before:
            yield Problem(
                at, "S027", f"'{name}' has been asked already: asking again is no escalation.", "Name somebody else under 'then'."
            )
        before.add(name)
    if not asked and acknowledge.get("by") != "system":
        fix = "Write 'ask' here or under defaults.acknowledge, or 'acknowledge: none'."
        yield Problem(acknowledge.at, "S033", f"'{phase}' asks nobody.", fix)
    if acknowledge.get("within") is None:
        yield Problem(acknowledge.at, "S033", f"the gate of '{phase}' has no limit.", "Write 'within' here or under defaults.acknowledge.")
    quorum: Any = acknowledge.get("quorum", 1)
    if isinstance(quorum, int) and asked and quorum > len(before):
        what = f"{quorum} answers are needed, but only {len(before)} are asked."
        yield Problem(acknowledge.where("quorum"), "S034", what, "Ask more people, or lower the quorum.")


def _joint(name: str, members: list[PhaseOutline], seen: Outline) -> Iterator[Problem]:
    first = members[0]
    taken = {phase.id: phase for phase in seen.phases}
    for phase in members:
        acknowledge = phase.acknowledge
        if acknowledge is None:
            continue
        at = acknowledge.where("joint")
        if name in taken:
            yield Problem(at, "S022", f"'{name}' is a phase: a joint gate needs a name of its own.", "Rename the gate.")
        if acknowledge.get("when") == "before":
            yield Problem(acknowledge.where("when"), "S035", f"the joint gate '{name}' stands after its phases.", "Drop 'when'.")
        if phase.part != first.part:
            yield Problem(at, "S035", f"'{name}' joins '{first.id}' of the drill with '{phase.id}' of the failback.", "Use two gates.")
        for key in MERGED:
            theirs = next((row.acknowledge.own for row in members if row.acknowledge and key in row.acknowledge.own), {})
            if key in acknowledge.own and acknowledge.own[key] != theirs[key]:
                what = f"the members of '{name}' do not agree on '{key}'."
                yield Problem(acknowledge.where(key), "S035", what, "Write it once.")


def _deadlock(seen: Outline) -> Iterator[Problem]:
    """A joint gate opens when all its phases ended, so none of them may wait for its answer."""
    if find_cycle({phase.id: [name for _, name in phase.after] for phase in seen.phases}):
        return  # said already, and more simply
    graph: dict[str, list[str]] = {}
    doors: dict[str, str] = {}
    for phase in seen.phases:
        joint = phase.acknowledge.get("joint") if phase.acknowledge else None
        if phase.acknowledge and isinstance(joint, str) and phase.acknowledge.get("blocking", True) is not False:
            doors[phase.id] = f"gate '{joint}'"
            graph.setdefault(doors[phase.id], []).append(phase.id)
    for phase in seen.phases:
        graph[phase.id] = [doors.get(name, name) for _, name in phase.after]
    cycle = find_cycle(graph)
    if cycle:
        stuck = next(phase for phase in seen.phases if phase.id in cycle and phase.id in doors)
        at = stuck.acknowledge.where("joint") if stuck.acknowledge else stuck.at
        yield Problem(
            at, "S036", f"this gate can never be answered: {' -> '.join(cycle)}.", "Join only phases that do not wait for each other."
        )
