"""Step `terraform.apply`: builds what a module describes at a site, as planned and not otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal
from drill.model.ports import Attempt, TerraformChange, TerraformEvent, Workspace, World
from drill.steps.base import Params, Step


class TerraformApplyParams(Params):
    """`module` is a directory as seen from the project; `site` is where it builds."""

    module: str
    site: str
    variables: dict[str, Any] = Field(default_factory=dict)


class TerraformApply(Step[TerraformApplyParams]):
    """Plans, then applies exactly that plan; every resource becomes a progress fact with its time."""

    kind = "terraform.apply"
    params = TerraformApplyParams
    title: ClassVar[tuple[str, str]] = ("Build with Terraform", "用 Terraform 构建")
    default_timeout_s: ClassVar[float] = 900.0

    def preview(self, params: TerraformApplyParams, world: World) -> list[Effect]:
        return [_effect(params.site, change) for change in world.terraform.preview(params.module, params.variables).changes]

    def foresee(self, params: TerraformApplyParams, world: World) -> Outputs:
        return world.terraform.preview(params.module, params.variables).outputs

    def run(self, params: TerraformApplyParams, world: World, attempt: Attempt) -> Outputs:
        attempt.register_undo({"undo": "destroy", "module": params.module, "site": params.site})
        workspace = Workspace(attempt.drill, attempt.step, params.module, params.variables)
        plan = world.terraform.plan(workspace, stopping=attempt.stopping)
        attempt.progress("planned", changes=len(plan.changes), plan_sha256=plan.sha256)
        outputs = world.terraform.apply(workspace, stopping=attempt.stopping, on_event=lambda event: note(attempt, event))
        return {**outputs, "created": world.terraform.resources(workspace)}

    def undo(self, params: TerraformApplyParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        destroy(Workspace(attempt.drill, attempt.step, params.module, params.variables), world, attempt)

    def leftovers(self, params: TerraformApplyParams, world: World, drill: str, step: str) -> list[str]:
        left = world.terraform.resources(Workspace(drill, step, params.module, params.variables))
        return [f"{address} of {step} still exists" for address in left]


def destroy(workspace: Workspace, world: World, attempt: Attempt) -> list[str]:
    """Destroy everything in a workspace and return what was there.

    Raises: Retryable: Terraform failed. Fatal: something is left although it said it was done (A243).
    """
    before = world.terraform.resources(workspace)
    if before:
        world.terraform.plan(workspace, destroy=True, stopping=attempt.stopping)
        world.terraform.apply(workspace, stopping=attempt.stopping, on_event=lambda event: note(attempt, event))
    left = world.terraform.resources(workspace)
    if left:
        raise Fatal(f"{', '.join(left)} still exist(s) after the destroy.", code="A243", fix="Remove it by hand; the state names it.")
    return before


def note(attempt: Attempt, event: TerraformEvent) -> None:
    """One line of Terraform's as a fact."""
    if event.type == "resource_drift":
        attempt.progress(f"{event.address} drifted: {event.action}", address=event.address)
    elif event.type in {"apply_complete", "apply_errored"}:
        words = "failed" if event.type == "apply_errored" else "done"
        attempt.progress(f"{event.address} {event.action} {words}", address=event.address, took_s=event.elapsed_s)
    elif event.type == "apply_start":
        attempt.progress(f"{event.address} {event.action} started", address=event.address)


def _effect(site: str, change: TerraformChange) -> Effect:
    verbs = {"create": Verb.CREATE, "delete": Verb.DELETE, "update": Verb.UPDATE, "read": Verb.READ}
    verb = Verb.DELETE if "delete" in change.actions else verbs.get(change.actions[0], Verb.UPDATE)
    return Effect(
        verb=verb, target=f"{site}/{change.address}", detail="+".join(change.actions), tags={"drill": "allowed"}, undo="automatic"
    )
