"""Ports for a dry run: what can be looked at without touching anything, and refusals for the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drill.adapters.terraform import TerraformCli
from drill.model.ports import RecordSet, Sample, TerraformEvent, TerraformPlan, Workspace
from drill.model.propagation import Agreement, PropagationResult, ServerAnswers
from drill.model.rehearsal import NotRehearsed, holds_unknown, write_refused


class RehearsedTerraform:
    """Real previews in a directory that is gone afterwards, each once; nothing else (port Terraform)."""

    def __init__(self, terraform: TerraformCli) -> None:
        self._terraform = terraform
        self._seen: dict[str, TerraformPlan] = {}

    def preview(self, module: str, variables: Mapping[str, Any]) -> TerraformPlan:
        """Raises: NotRehearsed: a variable is an output of a step that has not run. Fatal: no such module, or no Terraform."""
        if holds_unknown(variables) or holds_unknown(module):
            raise NotRehearsed(f"{module} has variables that are known only after apply.")
        key = repr((module, variables))
        if key not in self._seen:
            self._seen[key] = self._terraform.preview(module, variables)
        return self._seen[key]

    def plan(self, workspace: Workspace, *, destroy: bool = False, stopping: Callable[[], bool] = lambda: False) -> TerraformPlan:
        raise write_refused(f"save a Terraform plan of {workspace.step}")

    def apply(self, workspace: Workspace, *, stopping: Callable[[], bool], on_event: Callable[[TerraformEvent], None]) -> Mapping[str, Any]:
        raise write_refused(f"apply Terraform in {workspace.step}")

    def resources(self, workspace: Workspace) -> list[str]:
        raise NotRehearsed(f"what {workspace.step} has built is known only in a drill.")

    def tagged(self, workspace: Workspace, *, provider: str, region: str) -> list[str] | None:
        raise NotRehearsed(f"what {provider} has of {workspace.step} is known only in a drill.")


class RehearsedProbes:
    """Asks nobody (port ProbeRunner)."""

    def ask(self, probe: str) -> Sample:
        raise NotRehearsed(f"a dry run does not ask the probe {probe!r}.")


class RehearsedPropagation:
    """Watches no server (port Propagation)."""

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
        raise NotRehearsed(f"a dry run does not ask the servers of {after.name}.")
