"""Reads a saved Terraform plan, as `terraform show -json` tells it, into what steps and rules look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drill.adapters.terraform_process import Ended
from drill.model.errors import Fatal
from drill.model.ports import TerraformChange, TerraformPlan

Rego = Callable[[Mapping[str, Any]], tuple[str, ...]]
"""What the team's own Rego has against a plan."""


def plan_of(shown: Ended, sha256: str, rego: Rego = lambda _plan: ()) -> TerraformPlan:
    """The plan that `show` printed; values that are sensitive are left out. Raises: Fatal: it printed none, or in another form (A241)."""
    found = next((event for event in shown.events if "format_version" in event), None)
    if found is None:
        raise Fatal("terraform show printed no plan.", code="A241", fix="Run it by hand in the workspace.")
    try:
        return _read(found, sha256, rego)
    except (KeyError, TypeError, AttributeError) as error:
        what = f"terraform show printed a plan that is not of a form we know ({found['format_version']}): {error!r}."
        raise Fatal(what, code="A241", fix="Use a Terraform or OpenTofu whose plans are of format 1.") from error


def _read(found: Mapping[str, Any], sha256: str, rego: Rego) -> TerraformPlan:
    changes = [_change(row) for row in found.get("resource_changes", ()) if row.get("mode") == "managed" and _does_something(row["change"])]
    outputs = {
        name: row["after"]
        for name, row in found.get("output_changes", {}).items()
        if row["actions"] != ["delete"]
        and "after" in row
        and not _any_true(row.get("after_unknown"))
        and not _any_true(row.get("after_sensitive"))
    }
    drift = [(row["address"], "+".join(row["change"]["actions"])) for row in found.get("resource_drift", ())]
    return TerraformPlan(tuple(changes), sha256, outputs, _regions(found), rego(found), tuple(drift))


def _does_something(change: Mapping[str, Any]) -> bool:
    return bool(change["actions"] != ["no-op"] or "importing" in change)  # an import alone changes nothing but whose it is


def _change(row: Mapping[str, Any]) -> TerraformChange:
    change = row["change"]
    unknown = change.get("after_unknown")
    return TerraformChange(
        row["address"],
        row["type"],
        tuple(change["actions"]),
        _open_values(change, "after"),
        _open_values(change, "before"),
        unknown=_mapping(unknown),
        hidden=frozenset().union(*(_hidden(change, side) for side in ("after", "before"))),
        provider=row.get("provider_name", ""),
        imported="importing" in change,
    )


def _open_values(change: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    hidden = _hidden(change, side)
    return {name: value for name, value in (change.get(side) or {}).items() if name not in hidden}


def _hidden(change: Mapping[str, Any], side: str) -> frozenset[str]:
    """Names of values that are sensitive, or hold something that is."""
    mask = change.get(f"{side}_sensitive")
    return frozenset(change.get(side) or {}) if mask is True else frozenset(name for name, row in _mapping(mask).items() if _any_true(row))


def _regions(plan: Mapping[str, Any]) -> dict[str, str]:
    """What each provider configuration says its region is: written out, or a variable of the root module."""
    found = {}
    for name, row in plan.get("configuration", {}).get("provider_config", {}).items():
        said = row.get("expressions", {}).get("region", {})
        looked_up = said.get("references", ())
        value = said.get("constant_value", "")
        if len(looked_up) == 1 and looked_up[0].startswith("var.") and "module_address" not in row:
            value = plan.get("variables", {}).get(looked_up[0].removeprefix("var."), {}).get("value", "")
        found[name] = value if isinstance(value, str) else ""
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _any_true(mask: object) -> bool:
    below = mask.values() if isinstance(mask, Mapping) else mask if isinstance(mask, list) else ()
    return mask is True or any(map(_any_true, below))
