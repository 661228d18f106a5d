"""Reads what Terraform says: its events for people, its plans, its outputs and its failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from drill.adapters.terraform_process import Ended
from drill.model.errors import Fatal, Retryable
from drill.model.ports import TerraformEvent

_TOLD: Final = frozenset({"apply_start", "apply_complete", "apply_errored", "provision_complete", "resource_drift"})
_Known = tuple[type[Fatal] | type[Retryable], str, str, str]
_VERSION: Final[_Known] = (Fatal, "A240", "the module does not take this Terraform", "Install one that its required_version takes.")
_FORMAT: Final[_Known] = (Fatal, "A242", "the Terraform state cannot be read", "Use the Terraform that wrote it.")
_LOCKED: Final[_Known] = (Retryable, "A140", "the Terraform state is locked", "Wait for its holder, or end it.")
_NO_NETWORK: Final[_Known] = (Retryable, "A142", "a provider or module was not found", "See that its registry or mirror answers.")
_KNOWN: Final[Mapping[str, _Known]] = {
    "Unsupported Terraform Core version": _VERSION,
    "Unsupported state file format": _FORMAT,  # Terraform calls it a lock error as well
    "acquiring the state lock": _LOCKED,
    "Failed to query available provider packages": _NO_NETWORK,
    "Failed to install provider": _NO_NETWORK,
    "Error accessing remote module registry": _NO_NETWORK,
}


class Teller:
    """Passes on what a person cares about. Times are those of Terraform's own stamps: its `elapsed_seconds` are whole."""

    def __init__(self, on_event: Callable[[TerraformEvent], None]) -> None:
        self._on_event = on_event
        self._begun: dict[tuple[str, str], datetime] = {}

    def __call__(self, event: Mapping[str, Any]) -> None:
        if event.get("type") not in _TOLD:
            return
        about = event.get("hook") or event.get("change") or {}
        address, action = str(about.get("resource", {}).get("addr", "")), str(about.get("action", ""))
        elapsed_s = self._elapsed_s(str(event["type"]), (address, action), event.get("@timestamp"))
        self._on_event(TerraformEvent(str(event["type"]), address, action, elapsed_s, str(event.get("@message", ""))))

    def _elapsed_s(self, kind: str, what: tuple[str, str], stamp: object) -> float | None:
        try:
            at = datetime.fromisoformat(str(stamp))
        except ValueError:
            return None
        if kind == "apply_start":
            self._begun[what] = at
        begun = self._begun.pop(what, None) if kind in {"apply_complete", "apply_errored"} else None
        return round((at - begun).total_seconds(), 3) if begun else None


def outputs_of(applied: Ended) -> dict[str, Any]:
    """The outputs an apply ended with, without sensitive ones."""
    told = [event["outputs"] for event in applied.events if event.get("type") == "outputs"]
    return {name: row["value"] for name, row in (told[-1] if told else {}).items() if "value" in row and not row.get("sensitive")}


def failure_of(ended: Ended, command: str) -> Fatal | Retryable:
    """The error of a command that did not succeed."""
    if ended.stopped:
        code = "A141" if command == "apply" else "A190"
        return Retryable(f"terraform {command} was stopped; its state is kept.", code=code, fix="A new plan goes on from there.")
    text = ended.stderr + "".join(f"{each.get('summary', '')} {each.get('detail', '')} " for each in ended.errors)
    for words, (error, code, what, fix) in _KNOWN.items():
        if words in text:
            return error(f"{what}: {ended.why}", code=code, fix=fix)
    if command == "apply":
        return Retryable(f"terraform apply failed: {ended.why}", code="A141", fix="A new plan goes on from there.")
    return Fatal(f"terraform {command} failed: {ended.why}", code="A241", fix="Mend the module or its variables.")
