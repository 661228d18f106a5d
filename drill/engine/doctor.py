"""The doctor: preflight alone, before anybody is asked. Every examination gives its advice, a line each; nothing is written or touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from drill.engine.attempt import bug
from drill.engine.preflight import Check, Preflight
from drill.engine.safety import Violation
from drill.model.errors import DrillError
from drill.model.plan import Plan
from drill.model.ports import Secrets

Level = Literal["ok", "warning", "error"]
_MIB: Final = 1024 * 1024
ROOM_NEEDED: Final = 200 * _MIB
"""Less free space than this, in bytes, and a drill may stop half-way."""
ROOM_WANTED: Final = 1024 * _MIB
CLOCK_LIMIT_S: Final = 2.0
"""Clocks of machines that share drills may differ by this: deadlines are wall-clock times."""


@dataclass(frozen=True)
class Advice:
    """What one look found. `error`: the drill would be refused, or stop half-way; `warning`: it may run, and a person should know."""

    name: str
    level: Level
    detail: str
    fix: str = ""
    code: str = ""


class Examination(Protocol):
    """One thing the doctor looks at. A new one is a small class and a test; it changes nothing."""

    @property
    def name(self) -> str:
        """What its advice is called when it cannot even look."""

    def advice(self) -> Iterable[Advice]:
        """What it finds. Raises: DrillError: it cannot look, which is an error of the ground."""


def examine(examinations: Sequence[Examination]) -> list[Advice]:
    """All advice, in order; one that cannot look keeps none of the others from looking."""
    found: list[Advice] = []
    for each in examinations:
        try:
            found += each.advice()
        except Exception as error:  # noqa: BLE001 - told as this examination's advice, with its code
            known = error if isinstance(error, DrillError) else bug(error)
            found.append(Advice(each.name, "error", known.what, known.fix, known.code))
    return found


def once(advice: Sequence[Advice]) -> list[Advice]:
    """The same without errors that say again what an earlier one has said of something else: one cause, one line."""
    said: set[str] = set()
    kept = []
    for each in advice:
        if each.level != "error" or each.detail not in said:
            kept.append(each)
        said |= {each.detail} if each.level == "error" else set()
    return kept


def fit(advice: Sequence[Advice]) -> bool:
    """Whether the drill may run."""
    return all(each.level != "error" for each in advice)


@dataclass(frozen=True)
class Looked:
    """Anything that is found or not: a tool with its version, a free site. `look` says what it found."""

    name: str
    look: Callable[[], str]

    def advice(self) -> Iterable[Advice]:
        yield Advice(self.name, "ok", self.look())


@dataclass(frozen=True)
class SafetyRules:
    """The rules that hold before anything is touched: fence before promote, TTL, freeze, limits."""

    broken: Sequence[Violation]
    name: str = "safety rules"

    def advice(self) -> Iterable[Advice]:
        for each in self.broken:
            yield Advice(f"{self.name} {each.step}".rstrip(), "error", each.what, each.fix, each.code)
        kinds = {"fence": "P001", "dns ttl": "P002", "freeze": "P003"}
        for name, code in kinds.items():
            if code not in {each.code for each in self.broken}:
                yield Advice(name, "ok", "no rule is broken")


@dataclass(frozen=True)
class SecretsSet:
    """Whether every secret the plan names has a value here; the value is not looked at."""

    plan: Plan
    secrets: Secrets
    name: str = "secrets"

    def advice(self) -> Iterable[Advice]:
        names = self._named()
        missing = []
        for reference in names:
            try:
                self.secrets.get(reference)
            except DrillError as error:
                missing.append(Advice(f"secret {reference.removeprefix('secret:')}", "error", error.what, error.fix, error.code))
        yield from missing
        if not missing:
            yield Advice(self.name, "ok", f"{len(names)} of {len(names)} are set")

    def _named(self) -> list[str]:
        """Every `secret:NAME` anywhere in the plan."""
        found: dict[str, None] = {}

        def walk(value: object) -> None:
            if isinstance(value, str) and value.startswith("secret:"):
                found[value] = None
            elif isinstance(value, dict):
                for each in value.values():
                    walk(each)
            elif isinstance(value, list):
                for each in value:
                    walk(each)

        walk(self.plan.model_dump(mode="json"))
        return list(found)


@dataclass(frozen=True)
class Room:
    """Whether the disk behind a place has room. `free` returns bytes."""

    place: str
    free: Callable[[], int]

    @property
    def name(self) -> str:
        return f"disk space {self.place}"

    def advice(self) -> Iterable[Advice]:
        free = self.free()
        level: Level = "error" if free < ROOM_NEEDED else "warning" if free < ROOM_WANTED else "ok"
        fix = "" if level == "ok" else f"Free space: a drill wants {ROOM_WANTED // _MIB} MiB."
        yield Advice(self.name, level, f"{free // _MIB} MiB free", fix, "F081" if level == "error" else "")


@dataclass(frozen=True)
class ClockInStep:
    """Whether this machine's clock agrees with the one that every machine shares. `ahead_s` returns by how much it is ahead of it."""

    ahead_s: Callable[[], float]
    name: str = "clock"

    def advice(self) -> Iterable[Advice]:
        ahead_s = self.ahead_s()
        ok = abs(ahead_s) <= CLOCK_LIMIT_S
        detail = f"{abs(ahead_s):.1f} s {'ahead of' if ahead_s >= 0 else 'behind'} the database's clock"
        yield Advice(self.name, "ok" if ok else "error", detail, "" if ok else "Synchronise the clocks: deadlines are wall-clock times.")


@dataclass(frozen=True)
class LiveGround:
    """The preflight of a drill on the ground as it is now: contacts, texts, steady state, guards, lag, names, limits."""

    preflight: Preflight
    name: str = "preflight"

    def advice(self) -> Iterable[Advice]:
        return [_as_advice(check) for check in self.preflight.run()]


def _as_advice(check: Check) -> Advice:
    return Advice(check.name, "ok" if check.ok else "error", check.detail, check.fix, check.code)


@dataclass(frozen=True)
class Unlooked:
    """What can only be looked at once the ground is there."""

    detail: str
    fix: str
    name: str = "live ground"

    def advice(self) -> Iterable[Advice]:
        yield Advice(self.name, "warning", self.detail, self.fix)


@dataclass(frozen=True)
class CannotMove:
    """What stays with this machine when it dies in the middle of a drill: each row is what, and what to do. One line for each remedy."""

    rows: Sequence[tuple[str, str]]
    name: str = "cannot move"

    def advice(self) -> Iterable[Advice]:
        for fix in dict.fromkeys(fix for _, fix in self.rows):
            yield Advice(self.name, "warning", "; ".join(what for what, by in self.rows if by == fix), fix)
        if not self.rows:
            yield Advice(self.name, "ok", "another worker can take every drill over")


def what_stays(*, shared: bool, home: str, sandbox: bool = False) -> list[tuple[str, str]]:
    """What another machine cannot take over. `shared`: the database is one that several machines use.

    `sandbox`: the ground is on this machine too and goes with it, so no dead man on another one would have anything to end.
    """
    dead_man = (
        "the dead man covers the death of the engine's process, not of this host",
        "Run workers on two hosts at least; each brings its own dead man when it takes over.",
    )
    if shared:
        return [] if sandbox else [dead_man]
    url = "Set DRILL_DATABASE_URL to a Postgres outside the drilled region."
    return [
        (f"the journal is a SQLite file below {home}: no other machine can go on with a drill", url),
        ("the state of Terraform is a file on this machine", url),
        ("kept output of tools is in files on this machine", url),
        (f"the key of reply codes and the workspaces are below {home}, on this host only", url),
        *([] if sandbox else [dead_man]),
    ]
