"""Gives the decision over a name back, on the way home: the lever is put where the drill found it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from drill.model.effects import Effect, Outputs, Verb
from drill.model.ports import Attempt, World
from drill.model.way_back import undo_written_by
from drill.steps.base import Params, Step
from drill.steps.gslb_switch import put_back


class GslbRestoreParams(Params):
    """Whose switch is taken back."""

    of: Annotated[str, Field(description="The gslb.switch or gslb.await, as phase.step.", json_schema_extra={"of_mark": "dns"})]
    name: Annotated[str, Field(description="The name it moved.")]


class GslbRestore(Step[GslbRestoreParams]):
    """`gslb.restore`: a lever that was forced is as it was found, such as left to its health checks. Outputs `restored` and `site`."""

    kind: ClassVar[str] = "gslb.restore"
    params: ClassVar[type[Params]] = GslbRestoreParams
    title: ClassVar[tuple[str, str]] = ("Give the traffic back to the health checks", "恢复流量管理的自动判定")
    default_timeout_s: ClassVar[float] = 120.0
    marks: ClassVar[frozenset[str]] = frozenset({"dns"})

    def ready(self, params: GslbRestoreParams, world: World) -> list[str]:
        world.levers.lever(params.name).read()
        return []

    def preview(self, params: GslbRestoreParams, world: World) -> list[Effect]:
        facts = world.levers.lever(params.name).facts
        detail = f"as {params.of} found it, by {facts.provider}"
        return [Effect(verb=Verb.UPDATE, target=params.name, detail=detail, undo="none", marks=self.marks)]

    def run(self, params: GslbRestoreParams, world: World, attempt: Attempt) -> Outputs:
        undo = undo_written_by(params.of, attempt)
        if undo:
            put_back(params.name, world, attempt, undo)
        present = world.levers.lever(params.name).read()
        return {"restored": bool(undo), "site": present.site, "forced": present.forced}
