"""What every Terraform of ours promises: the one in memory and the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.model.errors import Fatal
from drill.model.ports import Terraform, TerraformEvent, Workspace
from tests.adapters.terraform_place import ENGINES, Place
from tests.fakes import FakeTerraform

MODULE = """
variable "names" { type = set(string) }
resource "terraform_data" "app" { for_each = var.names }
output "names" { value = keys(terraform_data.app) }
"""
ADDRESSES = ['terraform_data.app["b1"]', 'terraform_data.app["b2"]']
VARIABLES = {"names": ["b1", "b2"]}


@pytest.fixture(params=["memory", *ENGINES])
def terraform(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terraform]:
    if request.param == "memory":
        yield FakeTerraform(*ADDRESSES, outputs={"names": ["b1", "b2"]})
        return
    monkeypatch.delenv("DRILL_TERRAFORM", raising=False)
    if request.param == "wheel":
        monkeypatch.setenv("PATH", "")
    yield Place(tmp_path).cli


@pytest.fixture
def module(tmp_path: Path) -> str:
    return Place(tmp_path).module(MODULE)


def _apply(terraform: Terraform, workspace: Workspace) -> tuple[dict[str, object], list[TerraformEvent]]:
    events: list[TerraformEvent] = []
    outputs = terraform.apply(workspace, stopping=lambda: False, on_event=events.append)
    return dict(outputs), [event for event in events if event.type.startswith("apply_")]


def test_what_is_planned_is_built_told_put_out_and_destroyed_again(terraform: Terraform, module: str) -> None:
    workspace = Workspace("d1", "rebuild.capacity", module, VARIABLES)

    preview = terraform.preview(module, VARIABLES)
    untouched = terraform.resources(workspace)
    planned = terraform.plan(workspace)
    outputs, told = _apply(terraform, workspace)
    built = terraform.resources(workspace)
    again = terraform.plan(workspace)
    doomed = terraform.plan(Workspace("d1", "rebuild.capacity", "", {}), destroy=True)
    nothing, gone = _apply(terraform, workspace)

    assert untouched == []
    assert [(change.address, change.actions) for change in preview.changes] == [(address, ("create",)) for address in ADDRESSES]
    assert [(change.address, change.type) for change in planned.changes] == [(address, "terraform_data") for address in ADDRESSES]
    assert len(planned.sha256) == 64
    assert preview.outputs == planned.outputs == outputs == {"names": ["b1", "b2"]}
    assert built == ADDRESSES
    assert {(event.type, event.address, event.action) for event in told} == {
        (kind, address, "create") for kind in ("apply_start", "apply_complete") for address in ADDRESSES
    }
    assert all(event.elapsed_s is not None for event in told if event.type == "apply_complete")
    assert again.changes == ()
    assert [(change.address, change.actions) for change in doomed.changes] == [(address, ("delete",)) for address in ADDRESSES]
    assert (nothing, {event.action for event in gone}) == ({}, {"delete"})
    assert terraform.resources(workspace) == []


def test_a_plan_is_applied_once(terraform: Terraform, module: str) -> None:
    workspace = Workspace("d1", "rebuild.capacity", module, VARIABLES)
    with pytest.raises(Fatal, match="A245"):
        _apply(terraform, workspace)
    terraform.plan(workspace)
    _apply(terraform, workspace)

    with pytest.raises(Fatal, match="A245"):
        _apply(terraform, workspace)


def test_every_drill_and_step_has_its_own_state(terraform: Terraform, module: str) -> None:
    built, other = Workspace("d1", "rebuild.capacity", module, VARIABLES), Workspace("d1", "rebuild.network", module, VARIABLES)
    terraform.plan(built)
    _apply(terraform, built)

    assert terraform.resources(other) == []
    assert terraform.resources(Workspace("d2", "rebuild.capacity", module, VARIABLES)) == []
    assert len(terraform.plan(other).changes) == 2
