"""Step `terraform.apply`: builds what a module describes at a site, as planned and not otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, field_validator

from drill.model.built import free_of_charge, told_of, type_of
from drill.model.durations import Duration
from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal
from drill.model.plan_policy import RULES, bounds_of, refuse_broken
from drill.model.ports import Attempt, TerraformChange, TerraformEvent, TerraformPlan, Workspace, World
from drill.steps.base import Params, Step

_PRIVATE: Final = re.compile(r"secret|password|token|access_key|conn_str")
_IN_ADDRESS: Final = re.compile(r"://[^/@\s]*:[^/@\s]+@")


_LAG_S: Final = 60.0
"""How long a provider may go on listing what is gone."""
_LOOK_EVERY_S: Final = 5.0


class TerraformApplyParams(Params):
    """`module` is a directory as seen from the project; `site` is where it builds.

    `backend` keeps the state elsewhere than on this machine, each drill's and step's at a place of its own; whoever holds it is waited for
    as long as `lock_timeout`.
    """

    module: str
    site: str = "standby"
    variables: dict[str, Any] = Field(default_factory=dict)
    backend: dict[Literal["s3", "http", "pg"], dict[str, Any]] = Field(
        default_factory=dict,
        max_length=1,
        description="Such as {s3: {bucket: drill-state, region: eu-west-1}}; credentials come from the environment.",
    )
    lock_timeout: Annotated[Duration, Field(gt=0)] = 30.0

    @field_validator("variables")
    @classmethod
    def _hold_no_secret(cls, variables: dict[str, Any]) -> dict[str, Any]:
        secrets = [text for text in _texts(variables) if text.startswith("secret:")]
        if secrets:
            raise ValueError(f"{', '.join(secrets)}: a variable would write the secret down. Give it to Terraform as TF_VAR_name.")
        return variables

    @field_validator("backend")
    @classmethod
    def _keep_apart(cls, backend: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for kind, settings in backend.items():
            taken = sorted({"key", "schema_name", "workspace_key_prefix"} & settings.keys())
            if taken:
                raise ValueError(f"{kind}.{taken[0]} is not yours to say: every drill and step has a state of its own.")
            private = sorted(name for name in settings if _PRIVATE.search(name)) + [
                text for text in _texts(settings) if _IN_ADDRESS.search(text)
            ]
            if private or any(text.startswith("secret:") for text in _texts(settings)):
                raise ValueError(
                    f"{kind} would write a secret down. Give it as AWS_…, TF_HTTP_USERNAME and TF_HTTP_PASSWORD, or PG_CONN_STR."
                )
        return backend

    def workspace(self, drill: str, step: str) -> Workspace:
        """Its workspace in a drill."""
        return Workspace(
            drill, step, self.module, self.variables, {str(kind): row for kind, row in self.backend.items()}, self.lock_timeout
        )


class TerraformApply(Step[TerraformApplyParams]):
    """Plans, holds the plan to the policy, then applies exactly that plan; every resource becomes a progress fact with its time.

    Puts out what the module does, and `created` (addresses of its resources) and `count` (how many they are).
    """

    kind = "terraform.apply"
    params = TerraformApplyParams
    title: ClassVar[tuple[str, str]] = ("Build with Terraform", "用 Terraform 构建")
    default_timeout_s: ClassVar[float] = 900.0

    def preview(self, params: TerraformApplyParams, world: World) -> list[Effect]:
        plan = world.terraform.preview(params.module, params.variables)
        refuse_broken(plan, bounds_of(world.ground.attributes(params.site)))
        held = Effect(verb=Verb.READ, target=f"{params.site}/policy", detail=f"the plan keeps every rule: {', '.join(RULES)}", count=0)
        return [*(_effect(params.site, change) for change in plan.changes), held]

    def foresee(self, params: TerraformApplyParams, world: World) -> Outputs:
        plan = world.terraform.preview(params.module, params.variables)
        created = sorted(change.address for change in plan.changes if "create" in change.actions)
        return {**plan.outputs, "created": created, "count": len(created)}

    def run(self, params: TerraformApplyParams, world: World, attempt: Attempt) -> Outputs:
        attempt.register_undo({"undo": "destroy", "module": params.module, "site": params.site})
        workspace = params.workspace(attempt.drill, attempt.step)
        plan = world.terraform.plan(workspace, stopping=attempt.stopping)
        _tell_drift(plan, attempt)
        refuse_broken(plan, bounds_of(world.ground.attributes(params.site), attempt.drill))
        attempt.progress("planned", changes=len(plan.changes), plan_sha256=plan.sha256, policy=list(RULES))
        outputs = world.terraform.apply(workspace, stopping=attempt.stopping, on_event=lambda event: note(attempt, event))
        created = world.terraform.resources(workspace)
        attempt.progress(_cost(created), count=len(created))
        return {**outputs, "created": created, "count": len(created)}

    def undo(self, params: TerraformApplyParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        destroy(params.workspace(attempt.drill, attempt.step), world, attempt, site=params.site)

    def leftovers(self, params: TerraformApplyParams, world: World, drill: str, step: str) -> list[str]:
        left = world.terraform.resources(params.workspace(drill, step))
        unknown = [] if left else _tagged(params.workspace(drill, step), world, params.site) or []
        return [
            *(f"{address} of {step} still exists" for address in left),
            *(f"{name} at {params.site} carries the tags of {step}" for name in unknown),
        ]


def destroy(workspace: Workspace, world: World, attempt: Attempt, *, site: str) -> list[str]:
    """Destroy everything in a workspace and return what was there.

    Raises: Retryable: Terraform failed (A141). Fatal: something is left although it said it was done (A243), or is not the drill's (A246).
    """
    before = world.terraform.resources(workspace)
    if before:
        plan = world.terraform.plan(workspace, destroy=True, stopping=attempt.stopping)
        _tell_drift(plan, attempt)
        refuse_broken(plan, bounds_of(world.ground.attributes(site), attempt.drill))
        attempt.progress("planned", changes=len(plan.changes), plan_sha256=plan.sha256, addresses=before)
        world.terraform.apply(workspace, stopping=attempt.stopping, on_event=lambda event: note(attempt, event))
    left = world.terraform.resources(workspace)
    if left:
        raise Fatal(f"{', '.join(left)} still exist(s) after the destroy.", code="A243", fix="Remove it by hand.")
    if before:
        _prove_gone(workspace, world, attempt, site=site)
    return before


def _prove_gone(workspace: Workspace, world: World, attempt: Attempt, *, site: str) -> None:
    """Ask the provider itself until it knows of nothing that carries the drill's tags: a state may forget, a list of tags lags behind."""
    left, looks = _tagged(workspace, world, site), 1
    while left and looks <= _LAG_S / _LOOK_EVERY_S and not attempt.stopping():
        world.clock.sleep(_LOOK_EVERY_S)
        left, looks = _tagged(workspace, world, site), looks + 1
    if left:
        what = f"{site} still has {', '.join(left)}, which carry the drill's tags although its state is empty"
        raise Fatal(f"{what}.", code="A243", fix="Remove it by hand.")
    if left is not None:
        attempt.progress("the provider knows of nothing that carries the drill's tags", site=site, looks=looks)


def _tagged(workspace: Workspace, world: World, site: str) -> list[str] | None:
    said = world.ground.attributes(site)
    return world.terraform.tagged(workspace, provider=str(said.get("provider", "sandbox")), region=str(said.get("region", "")))


def _tell_drift(plan: TerraformPlan, attempt: Attempt) -> None:
    for address, action in plan.drift:
        attempt.progress(f"{address} drifted: {action}", address=address, action=action)


def note(attempt: Attempt, event: TerraformEvent) -> None:
    """One line of Terraform's as a fact."""
    if event.type == "resource_drift":
        attempt.progress(f"{event.address} drifted: {event.action}", address=event.address, action=event.action)
    elif event.type in {"apply_complete", "apply_errored"}:
        words = "failed" if event.type == "apply_errored" else "done"
        attempt.progress(f"{event.address} {event.action} {words}", address=event.address, action=event.action, took_s=event.elapsed_s)
    elif event.type == "apply_start":
        attempt.progress(f"{event.address} {event.action} started", address=event.address, action=event.action)


def _effect(site: str, change: TerraformChange) -> Effect:
    deletes = "delete" in change.actions
    verb = Verb.DELETE if deletes else Verb.CREATE if "create" in change.actions else Verb.UPDATE
    return Effect(
        verb=verb,
        target=f"{site}/{change.address}",
        detail="+".join(change.actions),
        tags=_tags(change.after),
        undo="automatic",
        marks=frozenset({"destroy"} if deletes else ()),
    )


def _tags(after: Mapping[str, Any]) -> dict[str, str]:
    """What the provider will tag it with, under the name that providers use for it."""
    found: Mapping[str, Any] = next((after[name] for name in ("tags_all", "tags", "labels") if isinstance(after.get(name), Mapping)), {})
    return {str(name): str(value) for name, value in found.items()}


def _cost(addresses: Sequence[str]) -> str:
    """How many of each type: `built 2 aws_instance, 1 aws_lb; charged until it is destroyed`. The report says for how long."""
    free = all(free_of_charge(type_of(address)) for address in addresses)
    return f"built {told_of(addresses) or 'nothing'}{'' if free else '; charged until it is destroyed'}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for below in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(below)
