"""Step `terraform.destroy`: removes what an earlier `terraform.apply` of the same drill built, and proves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal
from drill.model.ports import Attempt, Workspace, World
from drill.steps.base import Params, Step
from drill.steps.terraform_apply import destroy


class TerraformDestroyParams(Params):
    """`of` is the dotted id of the step that built it."""

    of: str


class TerraformDestroy(Step[TerraformDestroyParams]):
    """Destroys a workspace; nothing to do when it was never built."""

    kind = "terraform.destroy"
    params = TerraformDestroyParams
    title: ClassVar[tuple[str, str]] = ("Remove with Terraform", "用 Terraform 拆除")
    default_timeout_s: ClassVar[float] = 900.0
    marks: ClassVar[frozenset[str]] = frozenset({"destroy"})

    def preview(self, params: TerraformDestroyParams, world: World) -> list[Effect]:
        return [Effect(verb=Verb.DELETE, target=f"standby/{params.of}", detail=f"everything {params.of} built", marks=self.marks)]

    def run(self, params: TerraformDestroyParams, world: World, attempt: Attempt) -> Outputs:
        gone = destroy(Workspace(attempt.drill, params.of, "", {}), world, attempt)
        return {"destroyed": gone}

    def undo(self, params: TerraformDestroyParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        raise Fatal(f"what {params.of} built is not rebuilt by an undo.", code="A244", fix="Run the step again that built it.")
