"""A plan: what will happen, frozen. It travels as JSON into engine and journal: editing the YAML cannot change a running drill."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

from drill.model.effects import Resume
from drill.model.errors import JournalBroken
from drill.model.events import canonical
from drill.model.plan_channels import Messages
from drill.model.plan_prices import Prices
from drill.model.plan_probes import Canary, Guard, Probe, VantagePoint

__all__ = [
    "PLAN_VERSION",
    "Canary",
    "Contact",
    "Frozen",
    "Gate",
    "Guard",
    "Limits",
    "Messages",
    "Mode",
    "Objectives",
    "Plan",
    "PlannedPhase",
    "PlannedStep",
    "Probe",
    "Site",
    "Text",
    "VantagePoint",
    "Zone",
    "ZoneProvider",
    "plan_digest",
]

PLAN_VERSION = 1


def plan_digest(written: Mapping[str, Any]) -> str:
    """SHA-256 of a plan as it was written down: a release that knows more fields must come to the same digest."""
    return hashlib.sha256(canonical(written).encode()).hexdigest()


class Frozen(BaseModel):
    """A value that cannot change and knows no field it was not given."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Frozen):
    """The same words in both languages of the product."""

    en: str
    zh: str


class Mode(StrEnum):
    """Where a drill runs. A figure never leaves its mode: a sandbox RTA is not the business's."""

    SANDBOX = "sandbox"
    LIVE = "live"
    DRY_RUN = "dry-run"


class Objectives(Frozen):
    """What was promised. Seconds."""

    rto_s: float
    rpo_s: float
    rto_binds: Literal["user", "accepted", "none"] = "user"


class Site(Frozen):
    """A place that can be lost or can take over. `options` are the provider's own keys."""

    id: str
    provider: str
    region: str
    options: dict[str, Any] = {}


ZoneProvider = Literal["route53", "alidns", "gtm", "rfc2136", "arc", "sandbox"]


class Zone(Frozen):
    """Who answers for the names at and below `id`. `servers` and `resolver` are an address, with a port where it is not 53."""

    id: str
    provider: ZoneProvider
    servers: tuple[str, ...] = ()
    resolver: str = ""
    options: dict[str, Any] = {}

    def holds(self, name: str) -> bool:
        """Whether a name lies in this zone."""
        full, mine = name.rstrip(".").lower(), self.id.rstrip(".").lower()
        return full == mine or full.endswith(f".{mine}")


class Contact(Frozen):
    """A person. Numbers and addresses are secret references, never values."""

    id: str
    title: str
    sms: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    language: Literal["en", "zh"] = "en"
    channels: tuple[str, ...] = ("sms",)
    user: str = ""
    """The account this person uses where drills are started."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plans of older releases keep their digest."""
        row: dict[str, Any] = write(self)
        return row if self.user else {name: value for name, value in row.items() if name != "user"}


class Limits(Frozen):
    """How far a plan may reach."""

    max_changes: int
    allow: tuple[str, ...]
    freeze: tuple[str, ...] = ()
    dead_man_s: float = 600.0


class Gate(Frozen):
    """A question to people that holds the plan until it is answered. One message and one code, also for joint gates.

    `id` is the phase's id, or the joint gate's name. `at` says whether it stands before or after the phases.
    """

    id: str
    phases: tuple[str, ...]
    at: Literal["before", "after"] = "after"
    ask: tuple[str, ...]
    then: tuple[str, ...] = ()
    within_s: float
    quorum: int = 1
    silence: Literal["hold", "abort", "proceed"] = "hold"
    by: Literal["person", "receipt", "system"] = "person"
    blocking: bool = True
    destructive: bool = False
    four_eyes: bool = False

    @property
    def by_hand(self) -> bool:
        """Whether it asks a person to do a step: then it has the step's dotted id."""
        return "." in self.id


class PlannedStep(Frozen):
    """One step. `params` are the scenario's, expressions unresolved; `after` names step ids of the same phase."""

    id: str
    phase: str
    kind: str
    title: Text
    params: dict[str, Any]
    after: tuple[str, ...] = ()
    timeout_s: float = 600.0
    retries: int = 0
    on_failure: Literal["abort", "ask"] = "abort"
    skip: bool = False
    resume: Resume = Resume.RERUN
    no_return: bool = False
    """Once it has started, nothing rolls back by itself."""


class PlannedPhase(Frozen):
    """One phase. `after` names phase ids of the same part."""

    id: str
    title: Text
    after: tuple[str, ...] = ()
    budget_s: float | None = None
    steps: tuple[PlannedStep, ...] = ()
    gate: str | None = None
    """The id of its gate, or nothing when it only sends its status."""
    notify: tuple[str, ...] = ()
    """Contacts who get the status text when no gate asks them."""


class Plan(Frozen):
    """Everything a drill needs to know, in execution order."""

    version: int = PLAN_VERSION
    scenario: str
    title: Text
    mode: Mode
    objectives: Objectives
    sites: tuple[Site, ...]
    zones: tuple[Zone, ...] = ()
    steady_state: tuple[str, ...] = ()
    probes: tuple[Probe, ...] = ()
    canary: Canary | None = None
    guards: tuple[Guard, ...] = ()
    vantage_points: tuple[VantagePoint, ...] = ()
    contacts: tuple[Contact, ...] = ()
    messages: Messages = Messages()
    limits: Limits
    prices: Prices | None = None
    phases: tuple[PlannedPhase, ...]
    failback: tuple[PlannedPhase, ...] = ()
    gates: tuple[Gate, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _of_this_release_or_an_older_one(cls, written: Any) -> Any:
        """Raises: JournalBroken: a newer release wrote it (J007)."""
        version = written.get("version", PLAN_VERSION) if isinstance(written, dict) else PLAN_VERSION
        if isinstance(version, int) and version > PLAN_VERSION:
            raise JournalBroken(
                f"the drill's plan was written by a newer release (format {version}, this one reads {PLAN_VERSION}).",
                code="J007",
                fix="Use the newer release; nothing was changed.",
            )
        return written

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plans of older releases keep their digest."""
        row: dict[str, Any] = write(self)
        return {name: value for name, value in row.items() if value or name not in {"zones", "vantage_points", "prices"}}

    def digest(self) -> str:
        """SHA-256 of the plan: what a person approved."""
        return plan_digest(self.model_dump(mode="json"))

    def all_phases(self) -> tuple[PlannedPhase, ...]:
        """Phases of the drill proper, then those of the failback."""
        return self.phases + self.failback

    def steps(self) -> tuple[PlannedStep, ...]:
        """Every step in plan order, failback included."""
        return tuple(step for phase in self.all_phases() for step in phase.steps)

    def step(self, step_id: str) -> PlannedStep:
        """The step with this dotted id. Raises: KeyError: there is none."""
        return _only(self.steps(), step_id)

    def phase(self, phase_id: str) -> PlannedPhase:
        """The phase with this id. Raises: KeyError: there is none."""
        return _only(self.all_phases(), phase_id)

    def gate(self, gate_id: str) -> Gate:
        """The gate with this id. Raises: KeyError: there is none."""
        return _only(self.gates, gate_id)

    def contact(self, contact_id: str) -> Contact:
        """The contact with this id. Raises: KeyError: there is none."""
        return _only(self.contacts, contact_id)

    def site(self, site_id: str) -> Site:
        """The site with this id. Raises: KeyError: there is none."""
        return _only(self.sites, site_id)

    def zone_of(self, name: str) -> Zone | None:
        """The closest zone that holds a name; nothing when the plan says nothing about it."""
        return max((zone for zone in self.zones if zone.holds(name)), key=lambda zone: len(zone.id), default=None)

    def probe(self, probe_id: str) -> Probe:
        """The probe with this id. Raises: KeyError: there is none."""
        return _only(self.probes, probe_id)

    def vantage_point(self, point_id: str) -> VantagePoint:
        """The vantage point with this id. Raises: KeyError: there is none."""
        return _only(self.vantage_points, point_id)


class _Named(Protocol):
    @property
    def id(self) -> str: ...


_Row = TypeVar("_Row", bound=_Named)


def _only(rows: tuple[_Row, ...], wanted: str) -> _Row:
    for row in rows:
        if row.id == wanted:
            return row
    raise KeyError(wanted)
