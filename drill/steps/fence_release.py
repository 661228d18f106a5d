"""The step `fence.release`: lets the machines of a fenced database run again, on the way home, so that it can rejoin as a replica."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Retryable
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step


class FenceReleaseParams(Params):
    """What a scenario writes under `fence.release`."""

    site: str = Field(description="The site whose fence is opened; its database must not take writes by itself then.")


class FenceRelease(Step[FenceReleaseParams]):
    """Opens a fence. The fence itself refuses while that could make two primaries."""

    kind: ClassVar[str] = "fence.release"
    params: ClassVar[type[Params]] = FenceReleaseParams
    title: ClassVar[tuple[str, str]] = ("Open the fence", "解除隔离")
    default_timeout_s: ClassVar[float] = 600.0

    def preview(self, params: FenceReleaseParams, world: World) -> list[Effect]:
        if world.fence.preview(params.site):
            return []
        return [Effect(verb=Verb.UPDATE, target=f"{params.site}/fence", detail="start what the fence stopped", tags={"drill": "allowed"})]

    def run(self, params: FenceReleaseParams, world: World, attempt: Attempt) -> Outputs:
        world.fence.release(params.site)
        if not world.fence.preview(params.site):
            raise Retryable(f"{params.site} is still fenced.", code="A113", fix="Look at its machines before trying again.")
        return {"site": params.site}
