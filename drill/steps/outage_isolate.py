"""The step `outage.isolate`: takes a site away, as a lost region would be, and can always give it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from drill.model.effects import Effect, Outputs
from drill.model.events import Kind
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step


class OutageIsolateParams(Params):
    """What a scenario writes under `outage.isolate`."""

    site: str = Field(description="The site to cut off.")


class OutageIsolate(Step[OutageIsolateParams]):
    """Cuts a site off. The way back is written down before the cut, so that a killed drill can always be undone."""

    kind: ClassVar[str] = "outage.isolate"
    params: ClassVar[type[Params]] = OutageIsolateParams
    title: ClassVar[tuple[str, str]] = ("Cut the site off", "切断站点")
    default_timeout_s: ClassVar[float] = 60.0
    marks: ClassVar[frozenset[str]] = frozenset({"outage"})

    def ready(self, params: OutageIsolateParams, world: World) -> list[str]:
        return [f"{params.site} is cut off already"] if world.outage.isolated(params.site) else []

    def leftovers(self, params: OutageIsolateParams, world: World, drill: str, step: str) -> list[str]:
        return [f"{params.site} is still cut off"] if world.outage.isolated(params.site) else []

    def preview(self, params: OutageIsolateParams, world: World) -> list[Effect]:
        return [effect.model_copy(update={"marks": effect.marks | self.marks}) for effect in world.outage.preview(params.site)]

    def run(self, params: OutageIsolateParams, world: World, attempt: Attempt) -> Outputs:
        """The key of the fact has no attempt number: a second try after a crash finds the site cut off since the first."""
        attempt.register_undo({"undo": "restore", "site": params.site})
        begun_s = world.clock.mono_s()
        snapshot = dict(world.outage.isolate(params.site))
        method = str(snapshot.get("method", "isolate"))
        key = f"{attempt.step}/{Kind.OUTAGE_INJECTED}"
        attempt.witness(Kind.OUTAGE_INJECTED, key, site=params.site, method=method, step=attempt.step, begun_s=begun_s)
        return {"site": params.site, **snapshot}

    def undo(self, params: OutageIsolateParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        world.outage.restore(undo["site"], {})
        attempt.witness(Kind.OUTAGE_ENDED, f"{attempt.step}/{Kind.OUTAGE_ENDED}", site=undo["site"])
