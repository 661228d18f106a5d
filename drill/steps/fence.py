"""The step `fence`: makes sure that the database of a lost site takes no write, and proves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from drill.model.effects import Effect, Outputs
from drill.model.playbooks import PlaybookName, play
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step


class FenceParams(Params):
    """What a scenario writes under `fence`."""

    site: str = Field(description="The site whose database must take no write any more.")
    playbook: PlaybookName | None = Field(default=None, description="A playbook that fences; the site's own fence proves it afterwards.")


class Fence(Step[FenceParams]):
    """Fences a site's database. Taken back only while no other site has been promoted; after that it rejoins as a replica."""

    kind = "fence"
    params = FenceParams
    title = ("Fence the old primary", "隔离旧主库")
    marks: ClassVar[frozenset[str]] = frozenset({"fence"})
    default_timeout_s = 120.0

    def preview(self, params: FenceParams, world: World) -> list[Effect]:
        return [effect.model_copy(update={"marks": effect.marks | {"fence"}}) for effect in world.fence.preview(params.site)]

    def run(self, params: FenceParams, world: World, attempt: Attempt) -> Outputs:
        attempt.register_undo({"undo": "release", "site": params.site})
        if params.playbook is not None:
            play(params.playbook, params.site, world, attempt, {})
        proof = dict(world.fence.fence(params.site))
        attempt.progress(f"{params.site} takes no write", site=params.site)
        return {"site": params.site, "proof": proof}

    def undo(self, params: FenceParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        world.fence.release(undo["site"])
