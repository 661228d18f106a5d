"""Port Terraform over the command line: one private directory and one local state per drill and step."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from drill.adapters.ansible_leftovers import end_leftovers
from drill.adapters.terraform_binary import terraform_argv
from drill.adapters.terraform_process import Command, Ended
from drill.model.errors import Fatal, Retryable
from drill.model.ports import TerraformChange, TerraformEvent, TerraformPlan, Workspace

_PLAN: Final = "drill.tfplan"
_STATE: Final = "terraform.tfstate"
_NO_NETWORK: Final = 'provider_installation {\n  filesystem_mirror {\n    path = "/nonexistent"\n  }\n}\n'
_TOLD: Final = {"apply_start", "apply_complete", "apply_errored", "provision_complete", "resource_drift"}
_LOCK_TIMEOUT: Final = "30s"


class TerraformCli:
    """Workspaces lie under `home/drills/<drill>/terraform/<step>`; modules are found below `project` unless absolute.

    `environment` is added to Terraform's own small one, for providers' credentials.
    """

    def __init__(self, home: Path, project: Path, mark: str, environment: Mapping[str, str]) -> None:
        self._home = home
        self._project = project
        self._mark = mark
        self._environment = dict(environment)

    def plan(self, workspace: Workspace, *, destroy: bool = False, stopping: Callable[[], bool] = lambda: False) -> TerraformPlan:
        end_leftovers(self._mark)
        directory = self._directory(workspace)
        if not destroy or not (directory / _STATE).exists():
            self._lay(workspace.module, directory, workspace.variables)
        return self._planned(self._command(directory), directory, destroy=destroy, stopping=stopping)

    def apply(self, workspace: Workspace, *, stopping: Callable[[], bool], on_event: Callable[[TerraformEvent], None]) -> Mapping[str, Any]:
        directory = self._directory(workspace)
        command = self._command(directory)
        ended = command.run(
            "apply",
            _PLAN,
            stopping=stopping,
            on_event=lambda event: _tell(event, on_event),
            json=True,
            input=False,
            lock_timeout=_LOCK_TIMEOUT,
        )
        (directory / _PLAN).unlink(missing_ok=True)
        if ended.code != 0:
            raise _failure(ended, "apply")
        return {name: row.get("value") for name, row in (command.read("output") or {}).items() if not row.get("sensitive")}

    def resources(self, workspace: Workspace) -> list[str]:
        directory = self._directory(workspace)
        if not (directory / _STATE).exists():
            return []
        shown = self._command(directory).read("show") or {}
        return sorted(row["address"] for row in _all_resources(shown.get("values", {}).get("root_module", {})))

    def preview(self, module: str, variables: Mapping[str, Any]) -> TerraformPlan:
        with tempfile.TemporaryDirectory(prefix="drill-preview-") as scratch:
            directory = Path(scratch)
            self._lay(module, directory, variables)
            return self._planned(self._command(directory), directory, destroy=False, stopping=lambda: False)

    def _directory(self, workspace: Workspace) -> Path:
        path = self._home / "drills" / workspace.drill / "terraform" / workspace.step
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def _command(self, directory: Path) -> Command:
        return Command(terraform_argv(), directory, mark=self._mark, environment=self._environment)

    def _lay(self, module: str, directory: Path, variables: Mapping[str, Any]) -> None:
        """Copy the module in, so that a destroy needs nothing else, and write its variables. Raises: Fatal: no such module (A241)."""
        source = Path(module) if Path(module).is_absolute() else self._project / module
        files = sorted(source.glob("*.tf"))
        if not files:
            raise Fatal(
                f"{source} holds no Terraform module.", code="A241", fix="Name a directory with .tf files, as seen from the project."
            )
        for file in files:
            shutil.copy2(file, directory / file.name)
        (directory / "cli.tfrc").write_text(_NO_NETWORK if _built_in_only(files) else "", encoding="utf-8")
        variables_file = directory / "drill.auto.tfvars.json"
        variables_file.touch(mode=0o600)
        variables_file.write_text(json.dumps(variables), encoding="utf-8")

    @staticmethod
    def _planned(command: Command, directory: Path, *, destroy: bool, stopping: Callable[[], bool]) -> TerraformPlan:
        if not _built_in_only(sorted(directory.glob("*.tf"))):
            ended = command.run("init", stopping=stopping, json=True, input=False, lock_timeout=_LOCK_TIMEOUT)
            if ended.code != 0:
                raise _failure(ended, "init")
        extra: dict[str, Any] = {"destroy": True} if destroy else {}
        ended = command.run("plan", stopping=stopping, json=True, out=_PLAN, input=False, lock_timeout=_LOCK_TIMEOUT, **extra)
        if ended.code != 0:
            raise _failure(ended, "plan")
        shown = command.read("show", _PLAN) or {}
        return TerraformPlan(tuple(_changes(shown)), hashlib.sha256((directory / _PLAN).read_bytes()).hexdigest())


def _built_in_only(files: list[Path]) -> bool:
    """Whether a module needs no provider but Terraform's own, and so no `init`."""
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    return "required_providers" not in text and 'provider "' not in text and 'module "' not in text


def _changes(shown: Mapping[str, Any]) -> list[TerraformChange]:
    rows = shown.get("resource_changes", ())
    changes = [
        TerraformChange(row["address"], row["type"], tuple(row["change"]["actions"]), row["change"].get("after") or {})
        for row in rows
        if row.get("mode") == "managed"
    ]
    return [change for change in changes if change.actions != ("no-op",)]


def _all_resources(module: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    below = [row for child in module.get("child_modules", ()) for row in _all_resources(child)]
    return [*(row for row in module.get("resources", ()) if row.get("mode") == "managed"), *below]


def _tell(event: Mapping[str, Any], on_event: Callable[[TerraformEvent], None]) -> None:
    if event.get("type") not in _TOLD:
        return
    hook = event.get("hook") or event.get("change") or {}
    address = str(hook.get("resource", {}).get("addr", ""))
    elapsed = hook.get("elapsed_seconds")
    on_event(
        TerraformEvent(
            str(event["type"]),
            address,
            str(hook.get("action", "")),
            float(elapsed) if elapsed is not None else None,
            str(event.get("@message", "")),
        )
    )


def _failure(ended: Ended, command: str) -> Fatal | Retryable:
    if ended.stopped:
        return Retryable(f"terraform {command} was stopped; its state is kept.", code="A190", fix="A new plan goes on from there.")
    text = ended.why + " ".join(str(each.get("detail", "")) for each in ended.errors)
    if "Unsupported state file format" in text:
        return Fatal(f"the Terraform state cannot be read: {ended.why}", code="A242", fix="Restore terraform.tfstate.backup beside it.")
    if "acquiring the state lock" in text:
        return Retryable(f"the Terraform state is locked: {ended.why}", code="A140", fix="Wait for its holder, or end it.")
    if command == "apply":
        return Retryable(f"terraform apply failed: {ended.why}", code="A141", fix="A new plan goes on from there; see the diagnostics.")
    return Fatal(f"terraform {command} failed: {ended.why}", code="A241", fix="Mend the module or its variables.")
