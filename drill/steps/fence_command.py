"""The step `fence.command`: a team's own program makes sure that a lost site takes no write, and another one proves it."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from drill.model.effects import Effect, Outputs
from drill.model.errors import Fatal
from drill.model.ports import Attempt, World
from drill.steps.base import Params
from drill.steps.command import CommandParams, RunCommand, done


class FenceCommandParams(CommandParams):
    """Which site, which program fences it, and which one proves that it does."""

    site: str = Field(description="The site that must take no write any more.")

    @model_validator(mode="after")
    def _has_a_proof(self) -> Self:
        if self.check is None or not self.changes:
            raise ValueError("a fence needs a 'check' that proves it, and says what it changes")
        return self


class FenceCommand(RunCommand):
    """A fence as the rules know it: a promote may come after it. Unproved, it is none."""

    kind: ClassVar[str] = "fence.command"
    params: ClassVar[type[Params]] = FenceCommandParams
    title: ClassVar[tuple[str, str]] = ("Fence the old primary with a program", "用命令隔离旧主库")
    default_timeout_s: ClassVar[float] = 120.0
    marks: ClassVar[frozenset[str]] = frozenset({"fence"})

    def preview(self, params: CommandParams, world: World) -> list[Effect]:
        return [effect.model_copy(update={"marks": self.marks}) for effect in super().preview(params, world)]

    def run(self, params: FenceCommandParams, world: World, attempt: Attempt) -> Outputs:  # type: ignore[override]
        outputs = super().run(params, world, attempt)
        if done(params, world) is not True:
            raise Fatal(f"the fence of {params.site} is not proved: its check does not say so.", code="A210", fix="Fence it by hand first.")
        attempt.progress(f"{params.site} takes no write", site=params.site)
        return {"site": params.site, **outputs}
