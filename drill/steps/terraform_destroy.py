"""Step `terraform.destroy`: removes what an earlier `terraform.apply` of the same drill built, and proves it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from drill.model.effects import Effect, Outputs, Verb
from drill.model.ports import Attempt, Workspace, World
from drill.steps.base import Params, Step
from drill.steps.terraform_apply import destroy


class TerraformDestroyParams(Params):
    """`of` is the dotted id of the step that built it, `site` is where it did."""

    of: str = Field(json_schema_extra={"of_kind": "terraform.apply"})
    site: str = "standby"


class TerraformDestroy(Step[TerraformDestroyParams]):
    """Destroys a workspace; nothing to do when it was never built. Puts out `destroyed` (addresses, over all tries) and `count`."""

    kind = "terraform.destroy"
    params = TerraformDestroyParams
    title: ClassVar[tuple[str, str]] = ("Remove with Terraform", "用 Terraform 拆除")
    default_timeout_s: ClassVar[float] = 900.0
    marks: ClassVar[frozenset[str]] = frozenset({"destroy"})

    def preview(self, params: TerraformDestroyParams, world: World) -> list[Effect]:
        return [Effect(verb=Verb.DELETE, target=f"{params.site}/{params.of}", detail=f"everything {params.of} built", marks=self.marks)]

    def run(self, params: TerraformDestroyParams, world: World, attempt: Attempt) -> Outputs:
        seen = [address for note in attempt.earlier("planned") for address in note.get("addresses", ())]
        gone = destroy(Workspace(attempt.drill, params.of, "", {}), world, attempt, site=params.site)
        every = list(dict.fromkeys([*seen, *gone]))  # a try that was interrupted may have removed some of it already
        return {"destroyed": every, "count": len(every)}
