"""The tools a step runs: Ansible and Terraform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


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
    """One resource a plan would change.

    `unknown` is Terraform's mask of values that are known only after apply, `hidden` names those that are sensitive and left out of
    `before` and `after`; `provider` is its full address.
    """

    address: str
    type: str
    actions: tuple[str, ...]
    after: Mapping[str, Any]
    before: Mapping[str, Any] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    provider: str = ""
    imported: bool = False


@dataclass(frozen=True)
class TerraformPlan:
    """A saved plan. `sha256` is of the plan file; `outputs` are those that are known before it is applied and no secret.

    `regions` holds what each provider configuration says its region is, empty when that cannot be told; `denied` is what the team's own
    Rego has against the plan; `drift` is what changed outside of Terraform since the last apply, each address with what happened to it.
    """

    changes: tuple[TerraformChange, ...]
    sha256: str
    outputs: Mapping[str, Any] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)
    denied: tuple[str, ...] = ()
    drift: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Workspace:
    """One Terraform directory and state: one per drill and step.

    `backend` holds one entry, where the state is kept instead of beside the module: `{"s3": {"bucket": …, "region": …}}`. Another holder of
    the state's lock is waited for as long as `lock_timeout_s`.
    """

    drill: str
    step: str
    module: str
    variables: Mapping[str, Any]
    backend: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lock_timeout_s: float = 30.0


class Terraform(Protocol):
    """Runs Terraform on one workspace at a time."""

    def plan(self, workspace: Workspace, *, destroy: bool = False, stopping: Callable[[], bool] = ...) -> TerraformPlan:
        """Make and save a plan; ends what a dead engine left running on the workspace first.

        A destroy needs no module and no variables: they are in the workspace. Raises: Fatal: there is no Terraform (A240), the module is
        wrong (A241), or the state is not the one that was left (A242). Retryable: somebody works on it (A140), a provider is not found
        (A142), the disk is full (A143), or it was stopped (A190). InDoubt: something of a dead engine does not end (A340).
        """

    def apply(self, workspace: Workspace, *, stopping: Callable[[], bool], on_event: Callable[[TerraformEvent], None]) -> Mapping[str, Any]:
        """Apply the saved plan exactly, once, and return the outputs.

        Raises: Retryable: it failed or was stopped half-way: plan again (A141). Fatal: there is no saved plan (A245).
        """

    def resources(self, workspace: Workspace) -> list[str]:
        """Addresses in the state, and of what Terraform was making when it was killed; empty when there is none.

        Raises: Fatal: the state is not the one that was left, so that nobody knows (A242).
        """

    def tagged(self, workspace: Workspace, *, provider: str, region: str) -> list[str] | None:
        """What carries the tags of this drill and step in a region, as a provider of sites itself says, not the state.

        Nothing (`None`) when this release has no way to ask that provider. Raises: StepError: it could not be asked.
        """

    def preview(self, module: str, variables: Mapping[str, Any]) -> TerraformPlan:
        """What a first apply would create, without leaving anything behind."""
