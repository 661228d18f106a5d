"""What a scenario file may say: one model per mapping of its grammar, strict about every key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, model_serializer, model_validator

from drill.model.durations import Duration
from drill.model.scenario_channels import MessagesForm
from drill.model.scenario_guards import Guards
from drill.model.scenario_people import ContactForm
from drill.model.scenario_prices import PricesForm
from drill.model.scenario_schedules import ScheduleForm
from drill.model.scenario_sites import Domain, SiteForm, ZoneForm
from drill.model.scenario_values import Form, Freeze, Id, Secret, Span, Words
from drill.model.scenario_vantage import VantageForm

RESERVED: Final = ("after", "timeout", "retries", "skip", "on_failure", "title")
"""Keys of a step that are not its kind."""


def is_expression(value: Any) -> bool:
    """Whether a value, or anything inside it, is known only once earlier steps have run."""
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, Mapping):
        return any(is_expression(item) for item in value.values())
    return isinstance(value, list | tuple) and any(is_expression(item) for item in value)


class ObjectivesForm(Form):
    """What was promised."""

    rto: Span
    rpo: Duration
    rto_binds: Literal["user", "accepted", "none"] = "user"
    """What the RTO ends with: the users' first good sample, or the business's acceptance; none: nothing is lost, and nothing is judged."""


class ProbeForm(Form):
    """A read-only question asked again and again; exactly one of `http` and `tcp`."""

    http: str | None = None
    tcp: str | None = None
    method: Literal["GET", "HEAD", "POST"] = "GET"
    every: Span = 0.1
    timeout: Span = 2.0
    user_view: bool = False
    expect: str | None = None
    connection: Literal["new", "kept"] = Field(
        default="new", description="kept: as a client that never resolves the name again; it keeps its first address and its connection."
    )

    @model_validator(mode="after")
    def _asks_one_thing(self) -> ProbeForm:
        if (self.http is None) == (self.tcp is None):
            raise ValueError("expected exactly one of http and tcp")
        if self.connection == "kept" and self.http is None:
            raise ValueError("expected http with connection: kept: an open connection alone says nothing")
        return self


class CanaryForm(Form):
    """Numbered, acknowledged writes to the database: exactly one of `postgres` and `mysql`."""

    postgres: Secret | None = Field(default=None, description="A connection string of libpq; it may name both sites' hosts.")
    mysql: Secret | None = Field(default=None, description="mysql://user:password@host,host/name")
    every: Span = 0.1

    @model_validator(mode="after")
    def _writes_to_one_engine(self) -> CanaryForm:
        if (self.postgres is None) == (self.mysql is None):
            raise ValueError("expected exactly one of: postgres, mysql")
        return self


class LimitsForm(Form):
    """How far a plan may reach."""

    max_changes: int = Field(ge=0, strict=True)
    allow: tuple[str, ...]
    freeze: tuple[Freeze, ...] = ()
    dead_man: Span = 600.0


class AcknowledgeForm(Form):
    """Who answers for a phase. What is not written comes from `defaults.acknowledge`."""

    when: Literal["before", "after"] = "after"
    ask: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    within: Span | None = None
    quorum: int = Field(default=1, ge=1, strict=True)
    silence: Literal["hold", "abort", "proceed"] = "hold"
    by: Literal["person", "receipt", "system"] = "person"
    joint: Id | None = None
    blocking: bool = True
    four_eyes: bool = False


def _asks(value: Any) -> str:
    return "none" if isinstance(value, str) else "asks"


Acknowledge = Annotated[Annotated[Literal["none"], Tag("none")] | Annotated[AcknowledgeForm, Tag("asks")], Discriminator(_asks)]


class DefaultsForm(Form):
    """What a phase need not repeat."""

    acknowledge: AcknowledgeForm = AcknowledgeForm()


class StepForm(Form):
    """One step: the name of its kind with the kind's parameters, beside the reserved keys."""

    kind: str
    params: dict[str, Any] = Field(default={})
    after: tuple[str, ...] = ()
    timeout: Span | None = None
    retries: int = Field(default=0, ge=0, le=100, strict=True)
    skip: bool = False
    on_failure: Literal["abort", "ask"] = "abort"
    title: Words | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_the_kind(cls, raw: Any) -> Any:
        if not isinstance(raw, Mapping):
            return raw
        kinds = kind_keys(raw)
        params = raw[kinds[0]] if kinds else None
        return {
            **{key: raw[key] for key in RESERVED if key in raw},
            "kind": str(kinds[0]) if kinds else "",
            "params": params if isinstance(params, Mapping) else {},
        }

    @model_serializer(mode="wrap")
    def _as_written(self, inner: Any) -> dict[str, Any]:
        rest = inner(self)
        kind, params = rest.pop("kind"), rest.pop("params", {})
        return {kind: params, **rest}


def kind_keys(step: Mapping[Any, Any]) -> list[Any]:
    """The keys of a written step that name its kind; a sound step has one."""
    return [key for key in step if key not in RESERVED]


class PhaseForm(Form):
    """What a manager follows: its budget, its message, its acknowledgement."""

    title: Words | None = None
    after: tuple[str, ...] = ()
    budget: Span | None = None
    acknowledge: Acknowledge | None = None
    steps: dict[Id, StepForm] = Field(default={})


class FailbackForm(Form):
    """The way home, after the verdict."""

    phases: dict[Id, PhaseForm] = Field(default={})


class Scenario(Form):
    """One scenario file, with its shared files merged and its overrides applied."""

    scenario: Id
    title: Words
    objectives: ObjectivesForm
    sites: dict[Id, SiteForm] = Field(min_length=1)
    zones: dict[Domain, ZoneForm] = Field(default={}, description="Who answers for the names below a domain; else the sandbox does.")
    steady_state: tuple[str, ...] = ()
    probes: dict[Id, ProbeForm] = Field(default={})
    canary: CanaryForm | None = None
    guards: Guards = Field(default={})
    vantage_points: dict[Id, VantageForm] = Field(default={}, description="Other hosts that ask the probes too, with `drill probe`.")
    limits: LimitsForm
    prices: PricesForm | None = Field(default=None, description="What resources cost, for the report: nothing is assumed.")
    contacts: dict[Id, ContactForm] = Field(default={})
    messages: MessagesForm = MessagesForm()
    defaults: DefaultsForm = DefaultsForm()
    phases: dict[Id, PhaseForm] = Field(min_length=1)
    failback: FailbackForm = FailbackForm()
    schedules: dict[Id, ScheduleForm] = Field(default={})

    def document(self) -> dict[str, Any]:
        """The scenario as plain data in the file's own shape, without what was left out; durations in seconds."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)
