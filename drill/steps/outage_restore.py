"""The step `outage.restore`: gives a site back that an earlier step cut off, on the way home."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Retryable
from drill.model.events import Kind
from drill.model.ports import Attempt, World
from drill.model.way_back import undo_written_by
from drill.steps.base import Params, Step
from drill.steps.outage_isolate import way_of


class OutageRestoreParams(Params):
    """What a scenario writes under `outage.restore`."""

    of: str = Field(description="The step that cut the site off, as phase.step.", json_schema_extra={"of_mark": "outage"})
    site: str = Field(description="The site to give back.")


class OutageRestore(Step[OutageRestoreParams]):
    """Ends an outage. What is fenced stays fenced: a database comes back by rejoining, not by waking up."""

    kind: ClassVar[str] = "outage.restore"
    params: ClassVar[type[Params]] = OutageRestoreParams
    title: ClassVar[tuple[str, str]] = ("Give the site back", "恢复站点")
    default_timeout_s: ClassVar[float] = 120.0

    def preview(self, params: OutageRestoreParams, world: World) -> list[Effect]:
        if not any(outage.isolated(params.site) for outage in (world.outage, *world.outages.values())):
            return []
        return [
            Effect(verb=Verb.UPDATE, target=f"{params.site}/outage", detail=f"end the outage of {params.of}", tags={"drill": "allowed"})
        ]

    def run(self, params: OutageRestoreParams, world: World, attempt: Attempt) -> Outputs:
        undo = undo_written_by(params.of, attempt)
        outage = way_of(world, str(undo.get("way", "")))
        outage.restore(params.site, undo.get("snapshot", {}))
        if outage.isolated(params.site):
            raise Retryable(f"{params.site} is still cut off.", code="A113", fix="Look at the site's outage before trying again.")
        attempt.witness(Kind.OUTAGE_ENDED, f"{attempt.step}/{Kind.OUTAGE_ENDED}", site=params.site)
        return {"site": params.site, "of": params.of}
