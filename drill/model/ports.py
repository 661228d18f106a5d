"""What the engine and the steps need from the outside. Adapters fulfil these; contract tests hold every adapter to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from drill.model.effects import Effect
from drill.model.events import Draft, Fact, Kind
from drill.model.propagation import Agreement, PropagationResult, ServerAnswers

# ---------------------------------------------------------------- the record


class Clock(Protocol):
    """Time as one process sees it."""

    @property
    def epoch(self) -> str:
        """Boot id and process: `mono_s` of two facts compare only within one boot."""

    def now(self) -> datetime:
        """Aware UTC."""

    def mono_s(self) -> float:
        """Monotonic seconds, the same for every process of this boot."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Journal(Protocol):
    """The append-only chain of facts of many drills. Any process may append; one call is one transaction."""

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        """Store the drafts in order and return them as facts; a draft whose key is stored already yields the stored fact.

        Raises: JournalBroken: `token` is stale (J010), or the store cannot be written (J020: full, read-only, unreachable).
        """

    def read(self, drill: str, *, after: int = 0, kinds: frozenset[Kind] | None = None) -> list[Fact]:
        """Facts with `seq` above `after`, in order. An unknown drill has none."""

    def follow(self, drill: str, *, after: int, wait_s: float) -> list[Fact]:
        """As `read`, but waits up to `wait_s` for the first fact; neither repeats nor skips."""

    def find(self, drill: str, key: str) -> Fact | None:
        """The fact stored under this key."""

    def drills(self) -> list[str]:
        """Ids of every drill, oldest first."""

    def take_token(self, drill: str) -> int:
        """A fencing token above every earlier one; from now on writes that carry an older one are refused."""


class Artifacts(Protocol):
    """Raw tool output, kept outside the journal and named by its content."""

    def put(self, drill: str, name: str, content: bytes) -> str:
        """Store and return the SHA-256 in hex. The same content twice is stored once."""

    def get(self, drill: str, sha256: str) -> bytes:
        """Raises: KeyError: nothing is stored under it."""

    def names(self, drill: str) -> Mapping[str, str]:
        """Name of each artifact by its SHA-256."""


class Secrets(Protocol):
    """Values that never enter a plan, a fact or a log."""

    def get(self, reference: str) -> str:
        """The value of `secret:NAME`. Raises: PreflightFailed: it is not set (F010)."""


# ---------------------------------------------------------------- people


@dataclass(frozen=True)
class OutboundMessage:
    """One text to one person on one channel. `id` is our ledger's and travels as the provider's OutId."""

    id: str
    contact: str
    address: str = field(repr=False)
    language: Literal["en", "zh"] = "en"
    purpose: Literal["gate", "joint", "status", "escalation", "hold", "result"] = "status"
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Template variables, each at most 35 characters. May hold the reply code under `code`."""


@dataclass(frozen=True)
class SendResult:
    """What the provider said. `accepted` is not delivered."""

    state: Literal["accepted", "rejected", "in_doubt"]
    provider: str
    provider_id: str = ""
    code: str = ""
    detail: str = ""
    """Redacted: no number, no reply code."""
    retryable: bool = False


@dataclass(frozen=True)
class InboundMessage:
    """One raw answer. `id` is the provider's message id, the same for a repeated delivery."""

    id: str
    address: str = field(repr=False)
    text: str = field(repr=False)
    sent_at: datetime | None
    """When the carrier says it was sent; second precision."""
    handle: str = field(repr=False)
    """What `done` needs."""


class Messenger(Protocol):
    """Sends texts over one channel."""

    channel: str

    def send(self, message: OutboundMessage) -> SendResult:
        """Send once; never retries an unanswered send."""

    def look_up(self, message: OutboundMessage) -> Literal["accepted", "delivered", "failed", "unknown"]:
        """What became of a send."""


class ReplySource(Protocol):
    """Where answers arrive, at least once each."""

    def receive(self, wait_s: float) -> list[InboundMessage]:
        """Up to 16 answers, waiting up to `wait_s` for the first. Raises: Retryable: the provider does not answer."""

    def done(self, message: InboundMessage) -> None:
        """The answer is stored: never deliver it again."""


# ---------------------------------------------------------------- the ground


class Outage(Protocol):
    """Takes a site away and gives it back."""

    def preview(self, site: str) -> list[Effect]:
        """What would be cut and is not cut yet."""

    def isolate(self, site: str) -> Mapping[str, Any]:
        """Cut the site off; returns what `restore` needs. Idempotent."""

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        """Give everything back that is not fenced. Idempotent."""

    def isolated(self, site: str) -> bool:
        """Whether the site is cut off now."""


class Fence(Protocol):
    """Makes sure the database of a site takes no write, whatever else happens to the site."""

    def preview(self, site: str) -> list[Effect]:
        """Empty when fenced."""

    def fence(self, site: str) -> Mapping[str, Any]:
        """Fence and prove it; returns the proof. Idempotent.

        Raises: Fatal: it could not be proved that the database takes no write (A210).
        """

    def release(self, site: str) -> None:
        """Give the database back as it was. Only while no other site has been promoted; after that it rejoins as a replica.

        Raises: Fatal: another site is writable (A211).
        """


@dataclass(frozen=True)
class RecordSet:
    """One DNS record set as it is served. `raw` is the provider's own form, for the exact rollback."""

    name: str
    type: str
    ttl_s: int
    values: tuple[str, ...]
    raw: Any = None


class Dns(Protocol):
    """The authoritative side of a zone. Writing is a compare-and-swap."""

    def read(self, name: str, rtype: str = "A") -> RecordSet:
        """What the provider holds now. Raises: Fatal: no such name (A221)."""

    def swap(self, before: RecordSet, after: RecordSet) -> None:
        """Replace `before` by `after`, or change nothing. Already `after` is success.

        Raises: Fatal: somebody else changed it (A220, names the present values). InDoubt: no answer, and reading back failed.
        """

    def servers(self, name: str) -> Sequence[tuple[str, int]]:
        """Address and port of every authoritative server."""


class Propagation(Protocol):
    """Watches name servers take up a change."""

    def watch(
        self,
        servers: Sequence[tuple[str, int]],
        after: RecordSet,
        before: RecordSet,
        *,
        agreement: Agreement,
        stopping: Callable[[], bool],
        on_change: Callable[[ServerAnswers], None],
    ) -> PropagationResult:
        """Ask until every server agrees on `after`, or until the time for it is over, or a stop.

        `on_change` is called in the caller's thread whenever a server's state changes or it settles. Never raises for a silent server.
        """


@dataclass(frozen=True)
class TaskEvent:
    """One finished Ansible task."""

    task: str
    host: str
    state: Literal["ok", "changed", "failed", "skipped", "unreachable"]
    took_s: float
    detail: str = ""


@dataclass(frozen=True)
class PlayResult:
    """How a playbook ended. `outputs` is what `set_stats` collected."""

    state: Literal["successful", "failed", "unreachable", "stopped", "timeout"]
    outputs: Mapping[str, Any]
    changed: int
    tasks: tuple[TaskEvent, ...]
    failure: str = ""


class Ansible(Protocol):
    """Runs playbooks."""

    def play(
        self,
        playbook: str,
        *,
        inventory: Mapping[str, Any],
        variables: Mapping[str, Any],
        check: bool,
        timeout_s: float,
        stopping: Callable[[], bool],
        on_task: Callable[[TaskEvent], None],
    ) -> PlayResult:
        """Run one playbook to its end; on stop or time-out nothing of it is left running.

        `playbook` is a path, or a file name in the project's `playbooks/`. Raises: Fatal: there is no such playbook, or no Ansible (A230).
        """


@dataclass(frozen=True)
class TerraformEvent:
    """One line of the machine-readable UI that a person cares about."""

    type: str
    address: str
    action: str
    elapsed_s: float | None
    detail: str = ""


@dataclass(frozen=True)
class TerraformChange:
    """One resource a plan would change."""

    address: str
    type: str
    actions: tuple[str, ...]
    after: Mapping[str, Any]


@dataclass(frozen=True)
class TerraformPlan:
    """A saved plan. `sha256` is of the plan file."""

    changes: tuple[TerraformChange, ...]
    sha256: str


@dataclass(frozen=True)
class Workspace:
    """One Terraform directory and state: one per drill and step."""

    drill: str
    step: str
    module: str
    variables: Mapping[str, Any]


class Terraform(Protocol):
    """Runs Terraform on one workspace at a time."""

    def plan(self, workspace: Workspace, *, destroy: bool = False, stopping: Callable[[], bool] = ...) -> TerraformPlan:
        """Make and save a plan; ends what a dead engine left running on the workspace first.

        Raises: Fatal: the module is wrong or there is no Terraform (A240, A241). Retryable: the state is locked (A140).
        """

    def apply(self, workspace: Workspace, *, stopping: Callable[[], bool], on_event: Callable[[TerraformEvent], None]) -> Mapping[str, Any]:
        """Apply the saved plan exactly and return the outputs. Raises: Retryable: it failed or was stopped half-way: plan again (A141)."""

    def resources(self, workspace: Workspace) -> list[str]:
        """Addresses in the state; empty when there is none."""

    def preview(self, module: str, variables: Mapping[str, Any]) -> TerraformPlan:
        """What a first apply would create, without leaving anything behind."""


@dataclass(frozen=True)
class Sample:
    """One probe's answer. Times are monotonic seconds."""

    sent_s: float
    received_s: float | None
    ok: bool
    error: str
    site: str
    address: str


class ProbeRunner(Protocol):
    """Asks one probe once, resolving its name anew."""

    def ask(self, probe: str) -> Sample:
        """Never raises for a failed probe: that is its answer."""


@dataclass(frozen=True)
class DatabaseAccess:
    """How to reach the database of a site. No password: it is in `passfile`, or trust is configured."""

    host: str
    port: int
    user: str
    dbname: str
    bin_dir: Path
    passfile: Path | None = None
    data_dir: str = ""

    def conninfo(self) -> str:
        """A libpq connection string without secrets."""
        passfile = f" passfile={self.passfile}" if self.passfile else ""
        return f"host={self.host} port={self.port} user={self.user} dbname={self.dbname}{passfile}"


class Ground(Protocol):
    """What is known about the sites: addresses, databases, inventories."""

    def attributes(self, site: str) -> Mapping[str, Any]:
        """Facts that expressions over `sites` may use: addresses, ports."""

    def database(self, site: str) -> DatabaseAccess:
        """How to reach the site's database. Raises: Fatal: it has none (A250)."""

    def inventory(self, site: str) -> Mapping[str, Any]:
        """An Ansible inventory of the site: its server in group `pg_target`, the other one in `pg_peer`, each with its host variables."""

    def last_primary_lsn(self) -> str:
        """The newest position seen on the primary before it was lost; empty when none was seen."""


class World(Protocol):
    """Everything a step may touch, by role. Wiring builds it from the plan; a test from fakes."""

    @property
    def ground(self) -> Ground: ...

    @property
    def outage(self) -> Outage: ...

    @property
    def fence(self) -> Fence: ...

    @property
    def dns(self) -> Dns: ...

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


class Attempt(Protocol):
    """What one try of a step may say and ask. The engine owns time-outs, retries and the journal behind it."""

    drill: str
    step: str
    number: int

    def progress(self, what: str, **fields: Any) -> None:
        """Record a StepProgressed fact."""

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
