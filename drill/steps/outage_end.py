"""The step `outage.end`: on the way home, gives a site back that `outage.command` cut off, by the program it named."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pydantic import Field

from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Retryable
from drill.model.events import Kind
from drill.model.own_runs import LOOK_S, Doubt, ended_well
from drill.model.ports import Attempt, Command, World
from drill.steps.base import Params, Step

_FOUND_WITHIN_S: Final = 1.0


class OutageEndParams(Params):
    """Which outage of which site."""

    of: str = Field(description="The step that cut the site off, as phase.step.", json_schema_extra={"of_kind": "outage.command"})
    site: str = Field(description="The site to give back.")


class OutageEnd(Step[OutageEndParams]):
    """Runs what the outage registered as its way back, which must be harmless to run again."""

    kind: ClassVar[str] = "outage.end"
    params: ClassVar[type[Params]] = OutageEndParams
    title: ClassVar[tuple[str, str]] = ("Give the site back with a program", "用命令恢复站点")
    default_timeout_s: ClassVar[float] = 120.0

    def preview(self, params: OutageEndParams, world: World) -> list[Effect]:
        return [Effect(verb=Verb.UPDATE, target=f"{params.site}/outage", detail=f"runs the undo of {params.of}", tags={"drill": "allowed"})]

    def run(self, params: OutageEndParams, world: World, attempt: Attempt) -> Outputs:
        fact = attempt.wait_for(Kind.UNDO_REGISTERED, lambda fact: fact.data.get("step") == params.of, within_s=_FOUND_WITHIN_S)
        programs = fact.data["undo"]["programs"]
        ended_well(_command(programs["back"]), world, attempt, doubt=Doubt(converges=True, done=lambda: None))
        if "check" in programs:
            seen = world.own.commands.look(_command(programs["check"]), timeout_s=LOOK_S)
            if seen is None or seen.exit_code == 0:
                raise Retryable(f"{params.site} is still cut off.", code="A188", fix="See what its check looks at, then try again.")
        attempt.witness(Kind.OUTAGE_ENDED, f"{attempt.step}/{Kind.OUTAGE_ENDED}", site=params.site)
        return {"site": params.site, "of": params.of}


def _command(written: dict[str, Any]) -> Command:
    """A program as it stands in the record."""
    return Command(**{**written, "argv": tuple(written["argv"]), "inherit": tuple(written["inherit"])})
