"""A tolerant reading of a scenario's data: names and references with their paths, whatever else is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from drill.model.problem import Path
from drill.model.scenario import kind_keys

Part = Literal["drill", "failback"]
Names = list[tuple[Path, str]]
"""Names as they were written, each with its path."""


@dataclass(frozen=True)
class StepOutline:
    """One written step. `id` is dotted."""

    id: str
    at: Path
    kind: str
    params: Mapping[str, Any]
    after: Names


@dataclass(frozen=True)
class AcknowledgeOutline:
    """What a phase asks for once the defaults are applied, and where each part of it was written."""

    own: Mapping[str, Any]
    inherited: Mapping[str, Any]
    at: Path

    def get(self, key: str, default: Any = None) -> Any:
        """The value that holds: the phase's own, else the default's."""
        return self.own.get(key, self.inherited.get(key, default))

    def where(self, key: str) -> Path:
        """The path of the value that holds."""
        if key in self.own or key not in self.inherited:
            return (*self.at, key)
        return ("defaults", "acknowledge", key)

    def names(self, key: str) -> Names:
        """A list of contacts with their paths."""
        return names(self.get(key), self.where(key))


@dataclass(frozen=True)
class PhaseOutline:
    """One written phase. `acknowledge` is nothing when it asks nobody."""

    id: str
    part: Part
    at: Path
    after: Names
    acknowledge: AcknowledgeOutline | None
    steps: tuple[StepOutline, ...]


@dataclass(frozen=True)
class Outline:
    """Everything that is named, and everything that names something."""

    phases: tuple[PhaseOutline, ...]
    sites: frozenset[str]
    probes: frozenset[str]
    contacts: frozenset[str]

    def part(self, part: Part) -> list[PhaseOutline]:
        """The phases of one part, as written."""
        return [phase for phase in self.phases if phase.part == part]

    def steps(self) -> list[StepOutline]:
        """Every step of both parts."""
        return [step for phase in self.phases for step in phase.steps]


def mapping(value: Any) -> Mapping[str, Any]:
    """The value when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def names(value: Any, at: Path) -> Names:
    """The texts of a list, with their paths."""
    return [((*at, index), name) for index, name in enumerate(value) if isinstance(name, str)] if isinstance(value, list | tuple) else []


def outline(data: Mapping[str, Any]) -> Outline:
    """The outline of a scenario's data."""
    inherited = mapping(mapping(data.get("defaults")).get("acknowledge"))
    found = [_phase(name, phase, ("phases", name), "drill", inherited) for name, phase in mapping(data.get("phases")).items()]
    back = mapping(mapping(data.get("failback")).get("phases"))
    found += [_phase(name, phase, ("failback", "phases", name), "failback", inherited) for name, phase in back.items()]
    known = {key: frozenset(mapping(data.get(key))) for key in ("sites", "probes", "contacts")}
    return Outline(tuple(found), known["sites"], known["probes"], known["contacts"])


def _phase(name: str, written: Any, at: Path, part: Part, inherited: Mapping[str, Any]) -> PhaseOutline:
    phase = mapping(written)
    asks = phase.get("acknowledge")
    acknowledge = None if isinstance(asks, str) else AcknowledgeOutline(mapping(asks), inherited, (*at, "acknowledge"))
    steps = tuple(_step(name, key, step, (*at, "steps", key)) for key, step in mapping(phase.get("steps")).items())
    return PhaseOutline(name, part, at, names(phase.get("after"), (*at, "after")), acknowledge, steps)


def _step(phase: str, name: str, written: Any, at: Path) -> StepOutline:
    step = mapping(written)
    kinds = kind_keys(step)
    kind = str(kinds[0]) if kinds else ""
    return StepOutline(f"{phase}.{name}", at, kind, mapping(step.get(kind)), names(step.get("after"), (*at, "after")))
