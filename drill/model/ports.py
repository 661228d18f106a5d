"""What the engine and the steps need from the outside. Adapters fulfil these; contract tests hold every adapter to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from drill.model.events import Fact, Kind
from drill.model.ports_ground import (
    DatabaseAccess,
    Dns,
    Engine,
    Fence,
    Ground,
    GuardRunner,
    Outage,
    ProbeRunner,
    Propagation,
    RecordSet,
    Sample,
)
from drill.model.ports_inbox import Inbox, Kept
from drill.model.ports_own import (
    Answered,
    Call,
    Command,
    Commands,
    ConfigPlace,
    Configs,
    Counted,
    Databases,
    Ended,
    HttpCalls,
    KafkaAccess,
    OwnGround,
    PartitionEnd,
    Queues,
    StandbyState,
)
from drill.model.ports_people import Audited, Auditor, InboundMessage, Messenger, OutboundMessage, Receipt, ReplySource, SendResult
from drill.model.ports_record import Artifacts, Clock, Journal, Secrets
from drill.model.ports_tools import Ansible, PlayResult, TaskEvent, Terraform, TerraformChange, TerraformEvent, TerraformPlan, Workspace
from drill.model.ports_traffic import Lever, Levers, NameFacts, Steering

__all__ = [
    "Ansible",
    "Answered",
    "Artifacts",
    "Attempt",
    "Audited",
    "Auditor",
    "Call",
    "Clock",
    "Command",
    "Commands",
    "ConfigPlace",
    "Configs",
    "Counted",
    "DatabaseAccess",
    "Databases",
    "Dns",
    "Ended",
    "Engine",
    "Fence",
    "Ground",
    "GuardRunner",
    "HttpCalls",
    "InboundMessage",
    "Inbox",
    "Journal",
    "KafkaAccess",
    "Kept",
    "Lever",
    "Levers",
    "Messenger",
    "NameFacts",
    "Outage",
    "OutboundMessage",
    "OwnGround",
    "PartitionEnd",
    "PlayResult",
    "ProbeRunner",
    "Propagation",
    "Queues",
    "Receipt",
    "RecordSet",
    "ReplySource",
    "Sample",
    "Secrets",
    "SendResult",
    "StandbyState",
    "Steering",
    "TaskEvent",
    "Terraform",
    "TerraformChange",
    "TerraformEvent",
    "TerraformPlan",
    "Workspace",
    "World",
]


class World(Protocol):
    """Everything a step may touch, by role. Wiring builds it from the plan; a test from fakes."""

    @property
    def ground(self) -> Ground: ...

    @property
    def outage(self) -> Outage: ...

    @property
    def outages(self) -> Mapping[str, Outage]:
        """Other ways to take a site away, by their names: `stop`, `fis`."""

    @property
    def fence(self) -> Fence: ...

    @property
    def dns(self) -> Dns: ...

    @property
    def levers(self) -> Levers: ...

    @property
    def propagation(self) -> Propagation: ...

    @property
    def ansible(self) -> Ansible: ...

    @property
    def terraform(self) -> Terraform: ...

    @property
    def probes(self) -> ProbeRunner: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def own(self) -> OwnGround: ...


class Attempt(Protocol):
    """What one try of a step may say and ask. The engine owns time-outs, retries and the journal behind it."""

    drill: str
    step: str
    number: int

    def progress(self, what: str, **fields: Any) -> None:
        """Record a StepProgressed fact."""

    def earlier(self, what: str) -> Sequence[Mapping[str, Any]]:
        """The fields of what this step said in these very words in its tries so far, oldest first."""

    def witness(self, kind: Kind, key: str, **fields: Any) -> None:
        """Record a fact of another kind that this step saw, such as OutageInjected."""

    def register_undo(self, undo: Mapping[str, Any]) -> None:
        """Write down how to take the effect back. Must come before the act; durable when it returns."""

    def registered_undo(self) -> Mapping[str, Any] | None:
        """What an earlier attempt of this step registered."""

    def stopping(self) -> bool:
        """Whether to end soon: an abort, or the time is up."""

    def remaining_s(self) -> float:
        """Seconds until this attempt's time-out."""

    def artifact(self, name: str, content: bytes) -> str:
        """Keep raw output; returns its SHA-256."""

    def wait_for(self, kind: Kind, match: Callable[[Fact], bool], *, within_s: float | None = None) -> Fact:
        """Follow the journal from its start until such a fact is there, at most `within_s` or to the end of the attempt.

        Raises: Retryable: stopped or timed out (A190).
        """
