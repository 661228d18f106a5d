"""The step `outage.isolate`: takes a site away, as a lost region would be, and can always give it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from drill.model.effects import Effect, Outputs
from drill.model.errors import Fatal
from drill.model.events import Kind
from drill.model.ports import Attempt, Outage, World
from drill.steps.base import Params, Step


class OutageIsolateParams(Params):
    """What a scenario writes under a step that takes a site away."""

    site: str = Field(description="The site to cut off.")


class OutageIsolate(Step[OutageIsolateParams]):
    """Cuts a site off. The way back is written down before the cut, so that a killed drill can always be undone."""

    kind: ClassVar[str] = "outage.isolate"
    params: ClassVar[type[Params]] = OutageIsolateParams
    title: ClassVar[tuple[str, str]] = ("Cut the site off", "切断站点")
    default_timeout_s: ClassVar[float] = 60.0
    marks: ClassVar[frozenset[str]] = frozenset({"outage"})
    way: ClassVar[str] = ""
    """Which of the world's other outages it is; empty: the world's own."""

    def ready(self, params: OutageIsolateParams, world: World) -> list[str]:
        return [f"{params.site} is cut off already"] if self._outage(world).isolated(params.site) else []

    def leftovers(self, params: OutageIsolateParams, world: World, drill: str, step: str) -> list[str]:
        return [f"{params.site} is still cut off"] if self._outage(world).isolated(params.site) else []

    def preview(self, params: OutageIsolateParams, world: World) -> list[Effect]:
        return [effect.model_copy(update={"marks": effect.marks | self.marks}) for effect in self._outage(world).preview(params.site)]

    def run(self, params: OutageIsolateParams, world: World, attempt: Attempt) -> Outputs:
        """The key of the fact has no attempt number: a second try after a crash finds the site cut off since the first."""
        outage = self._outage(world)
        undo = attempt.registered_undo()
        if undo is None:  # a second try must not take the cut for how the site was
            snapshot = dict(outage.snapshot(params.site))
            undo = {"undo": "restore", "site": params.site, **({"snapshot": snapshot} if snapshot else {})}
            attempt.register_undo({**undo, "way": self.way} if self.way else undo)
        begun_s = world.clock.mono_s()
        cut = dict(outage.isolate(params.site, undo.get("snapshot", {})))
        method = str(cut.get("method", "isolate"))
        key = f"{attempt.step}/{Kind.OUTAGE_INJECTED}"
        attempt.witness(Kind.OUTAGE_INJECTED, key, site=params.site, method=method, step=attempt.step, begun_s=begun_s)
        _tell_what_goes_on(attempt, params.site, list(cut.get("not_cut", ())))
        return {"site": params.site, **cut}

    def undo(self, params: OutageIsolateParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        self._outage(world).restore(undo["site"], undo.get("snapshot", {}))
        attempt.witness(Kind.OUTAGE_ENDED, f"{attempt.step}/{Kind.OUTAGE_ENDED}", site=undo["site"])

    def _outage(self, world: World) -> Outage:
        return way_of(world, self.way)


def way_of(world: World, way: str) -> Outage:
    """The outage of this name; the world's own without one. Raises: Fatal: the providers of this plan have no such way (A217)."""
    if not way:
        return world.outage
    if way not in world.outages:
        raise Fatal(f"no site of this plan can be taken away by '{way}'.", code="A217", fix="Use outage.isolate, or another provider.")
    return world.outages[way]


def _tell_what_goes_on(attempt: Attempt, site: str, not_cut: list[str]) -> None:
    """An outage that spares something proves less than a lost region would: the report says so."""
    if not_cut:
        what = f"the outage of {site} did not cut: {'; '.join(not_cut)}."
        fix = "Judge the result with that in mind, or rehearse these apart."
        attempt.witness(Kind.FINDING_RAISED, f"{attempt.step}/not-cut", code="D530", what=what, fix=fix, severity="info")
