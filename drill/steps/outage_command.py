"""The step `outage.command`: takes a site away with a team's own program, and can always give it back with another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from drill.model.effects import Effect, Outputs
from drill.model.events import Kind
from drill.model.ports import Attempt, World
from drill.steps.base import Params
from drill.steps.command import CommandParams, RunCommand, done


class OutageCommandParams(CommandParams):
    """Which site, which program, and which one gives it back: without that nobody could end the outage."""

    site: str = Field(description="The site to cut off.")

    @model_validator(mode="after")
    def _has_a_way_back(self) -> Self:
        if self.undo is None or not self.changes:
            raise ValueError("an outage needs its 'undo', and says what it changes")
        return self


class OutageCommand(RunCommand):
    """An outage as the rules know it: it starts the clock of the users, and the dead man ends it with the same `undo`."""

    kind: ClassVar[str] = "outage.command"
    params: ClassVar[type[Params]] = OutageCommandParams
    title: ClassVar[tuple[str, str]] = ("Cut the site off with a program", "用命令切断站点")
    default_timeout_s: ClassVar[float] = 60.0
    marks: ClassVar[frozenset[str]] = frozenset({"outage"})

    def ready(self, params: OutageCommandParams, world: World) -> list[str]:  # type: ignore[override]
        cut = [f"{params.site} is cut off already"] if done(params, world) else []
        return [*super().ready(params, world), *cut]

    def leftovers(self, params: OutageCommandParams, world: World, drill: str, step: str) -> list[str]:  # type: ignore[override]
        return [f"{params.site} is still cut off"] if done(params, world) else []

    def preview(self, params: CommandParams, world: World) -> list[Effect]:
        return [effect.model_copy(update={"marks": self.marks}) for effect in super().preview(params, world)]

    def way_back(self, params: OutageCommandParams) -> dict[str, Any]:  # type: ignore[override]
        programs = {name: argv for name, argv in (("back", params.undo), ("check", params.check)) if argv is not None}
        return {"undo": "restore", "site": params.site, "programs": {name: asdict(params.command(argv)) for name, argv in programs.items()}}

    def run(self, params: OutageCommandParams, world: World, attempt: Attempt) -> Outputs:  # type: ignore[override]
        begun_s = world.clock.mono_s()
        outputs = super().run(params, world, attempt)
        key = f"{attempt.step}/{Kind.OUTAGE_INJECTED}"
        attempt.witness(Kind.OUTAGE_INJECTED, key, site=params.site, method="command", step=attempt.step, begun_s=begun_s)
        return {"site": params.site, **outputs}

    def undo(self, params: CommandParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        super().undo(params, world, attempt, undo)
        attempt.witness(Kind.OUTAGE_ENDED, f"{attempt.step}/{Kind.OUTAGE_ENDED}", site=undo["site"])
