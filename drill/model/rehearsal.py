"""What a dry run finds out: for each step what it would do or why that cannot be seen, and whether every phase would run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from drill.model.critical import CriticalPath
from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal, Finding
from drill.model.events import Fact, Kind
from drill.model.plan import Plan

KNOWN_AFTER_APPLY: Final = "(known after apply)"
"""Stands where an output of a step that has not run will be."""

_INVALID, _REFUSED = 2, 3


class NotRehearsed(Fatal):
    """Only a drill can know it: a dry run has nobody to ask. The step that needs it is skipped and named."""

    default_code = "A271"


class WriteRefused(Fatal):
    """A preview tried to change the world, which a dry run makes impossible: the step is wrong."""

    default_code = "A270"


def write_refused(what: str) -> WriteRefused:
    """The refusal of a port's writing method."""
    return WriteRefused(f"a preview tried to {what}; a dry run changes nothing.", fix="This is a bug of the step: it must only look.")


def holds_unknown(value: Any) -> bool:
    """Whether a value, or anything in it, is known only after an apply."""
    if isinstance(value, str):
        return KNOWN_AFTER_APPLY in value
    if isinstance(value, Mapping):
        return any(holds_unknown(item) for item in (*value.keys(), *value.values()))
    return isinstance(value, list | tuple) and any(holds_unknown(item) for item in value)


LookState = Literal["ready", "skipped", "refused"]


@dataclass(frozen=True)
class Look:
    """One thing a dry run looked at. `phase` is empty for the plan as a whole; `changes` counts against `limits.max_changes`."""

    about: str
    state: LookState
    detail: str
    phase: str = ""
    code: str = ""
    fix: str = ""
    changes: int = 0

    def fact(self) -> dict[str, Any]:
        """The payload of its PreflightChecked fact."""
        rest = {key: value for key, value in self.__dict__.items() if key != "about"}
        return {"check": self.about, "ok": self.state != "refused", **rest}

    def sentence(self) -> str:
        """What it is, and why it was refused or skipped, with its code and remedy."""
        return f"{self.about}: {self.reason}"

    @property
    def reason(self) -> str:
        """Why it was refused or skipped, with its code and remedy."""
        return f"{f'[{self.code}] ' if self.code else ''}{self.detail} {self.fix}".strip()


def looks_of(facts: Sequence[Fact]) -> tuple[Look, ...]:
    """What was looked at, in order, as the journal of a dry run tells it."""
    rows = (dict(fact.data) for fact in facts if fact.kind is Kind.PREFLIGHT_CHECKED)
    return tuple(Look(about=row.pop("check"), **{key: value for key, value in row.items() if key != "ok"}) for row in rows)


@dataclass(frozen=True)
class Rehearsal:
    """The dry run of one scenario file; without a `plan` the file is invalid, as `findings` say."""

    path: str
    findings: tuple[Finding, ...] = ()
    plan: Plan | None = None
    critical: CriticalPath | None = None
    looks: tuple[Look, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()

    @property
    def name(self) -> str:
        """The scenario's name, or its path when it cannot be read."""
        return self.plan.scenario if self.plan else self.path

    @property
    def exit_code(self) -> int:
        """0: every phase would run. 2: the file is invalid. 3: the plan is unsafe, or a step would be refused."""
        if self.plan is None:
            return _INVALID
        return _REFUSED if self.refused else 0

    @property
    def refused(self) -> tuple[Look, ...]:
        """What stands in the way."""
        return tuple(look for look in self.looks if look.state == "refused")

    @property
    def skipped(self) -> tuple[Look, ...]:
        """What could not be looked at."""
        return tuple(look for look in self.looks if look.state == "skipped")

    @property
    def changes(self) -> int:
        """How many changes the previewed steps would make, failback included."""
        return sum(look.changes for look in self.looks)

    def blocked_phases(self) -> tuple[str, ...]:
        """Phases that would not run: one of their own steps is refused, or they wait for such a phase; all, when the plan as a whole is."""
        if self.plan is None:
            return ()
        phases = self.plan.all_phases()
        if any(not look.phase for look in self.refused):
            return tuple(phase.id for phase in phases)
        blocked = {look.phase for look in self.refused}
        if blocked & {phase.id for phase in self.plan.phases}:
            blocked |= {phase.id for phase in self.plan.failback}
        for phase in phases:  # in execution order: what a phase waits for comes before it
            if blocked & set(phase.after):
                blocked.add(phase.id)
        return tuple(phase.id for phase in phases if phase.id in blocked)


def told_effects(effects: Sequence[Effect]) -> str:
    """What a step would do, in one line: `would stop primary/postgres, primary/a1`; a single change with its detail."""
    changes = [row for row in effects if row.verb is not Verb.READ]
    if not changes:
        return "would change nothing"
    if len(changes) == 1 and changes[0].detail:
        return f"would {changes[0].verb} {_target(changes[0])} ({changes[0].detail})"
    verbs = dict.fromkeys(str(row.verb) for row in changes)
    return "would " + "; ".join(f"{verb} {', '.join(_target(row) for row in changes if row.verb == verb)}" for verb in verbs)


def _target(effect: Effect) -> str:
    return effect.target if effect.count == 1 else f"{effect.target} (x{effect.count})"
