"""Watches a provider's own health checks move the traffic by themselves, and moves it only when they have not after a limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs
from drill.model.errors import Retryable
from drill.model.ports import Attempt, Lever, Steering, World
from drill.steps.base import Params, Step
from drill.steps.gslb_switch import from_json, put_back, switch_effect, undo_of


class GslbAwaitParams(Params):
    """Which name should move where by itself, and how long that may take."""

    name: Annotated[str, Field(description="The name users ask for; its lever is named with the scenario's zones.")]
    to: Annotated[str, Field(description="The site the health checks should choose.")]
    limit: Annotated[Duration, Field(gt=0, description="How long they may take; then the drill acts, or the step fails.")] = 180.0
    act: Annotated[bool, Field(description="Whether the drill moves the traffic itself after the limit.")] = True
    every: Annotated[Duration, Field(gt=0)] = 1.0
    within: Annotated[Duration, Field(gt=0, description="How long the provider may need once the drill has acted.")] = 60.0


class GslbAwait(Step[GslbAwaitParams]):
    """`gslb.await`: outputs `by` (`provider` or `drill`), `took_s`, `after` (site)."""

    kind: ClassVar[str] = "gslb.await"
    params: ClassVar[type[Params]] = GslbAwaitParams
    title: ClassVar[tuple[str, str]] = ("Wait for the provider's health checks to switch", "等待健康检查自动切换")
    default_timeout_s: ClassVar[float] = 600.0
    marks: ClassVar[frozenset[str]] = frozenset({"dns"})

    def pulls(self, params: Mapping[str, Any]) -> Literal["", "record", "lever"]:
        return "lever" if params.get("act", True) else ""

    def ready(self, params: GslbAwaitParams, world: World) -> list[str]:
        present = world.levers.lever(params.name).read()
        if present.forced:
            return [f"{params.name} is forced ({present.detail}): its health checks decide nothing"]
        if present.site == params.to:
            return [f"{params.name} is with '{params.to}' already: there is nothing to wait for"]
        return []

    def preview(self, params: GslbAwaitParams, world: World) -> list[Effect]:
        lever = world.levers.lever(params.name)
        present = lever.read()
        if present.site == params.to or not params.act:
            return []
        late = f", only when its health checks have not within {format_duration(params.limit)}"
        return [switch_effect(lever, present, params.to, self.marks, late=late)]

    def foresee(self, params: GslbAwaitParams, world: World) -> Outputs:
        return {"after": params.to}

    def run(self, params: GslbAwaitParams, world: World, attempt: Attempt) -> Outputs:
        lever = world.levers.lever(params.name)
        started_s = world.clock.mono_s()
        registered = attempt.registered_undo()
        by = "provider"
        before = from_json(registered["before"]) if registered else _watch(params, world, attempt, lever)
        if before.site != params.to or registered:
            by = "drill"
            attempt.register_undo(undo_of(lever, before, params.to))
            lever.steer(before, params.to)
            attempt.progress(
                "the drill acts", detail=f"the health checks of {params.name} had not moved it within {format_duration(params.limit)}"
            )
            _until(params, world, attempt, lever)
        took_s = round(world.clock.mono_s() - started_s, 3)
        attempt.progress("traffic moved", detail=f"to {params.to}, by the {by}", took_s=took_s)
        return {"by": by, "after": params.to, "took_s": took_s, "limit_s": params.limit, "reach": lever.facts.reach}

    def undo(self, params: GslbAwaitParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        put_back(params.name, world, attempt, undo)


def _watch(params: GslbAwaitParams, world: World, attempt: Attempt, lever: Lever) -> Steering:
    """Look until the traffic has moved or the limit is over; returns what holds then.

    Raises: Retryable: stopped (A164), or it has not moved and the drill must not (A126).
    """
    until_s = world.clock.mono_s() + params.limit
    last = ""
    while True:
        present = lever.read()
        if present.detail != last:
            attempt.progress("health checks", detail=f"{present.detail}{_health(present)}")
            last = present.detail
        if present.site == params.to:
            return present
        if attempt.stopping():
            raise Retryable(f"waiting for {params.name} was stopped.", code="A164", fix="Nothing was changed: waiting again is safe.")
        if world.clock.mono_s() >= until_s:
            break
        world.clock.sleep(params.every)
    if not params.act:
        raise Retryable(
            f"the health checks of {params.name} have not moved it within {format_duration(params.limit)} ({present.detail}).",
            code="A126",
            fix="Look at the checks' intervals and thresholds, and at what they ask.",
        )
    return present


def _until(params: GslbAwaitParams, world: World, attempt: Attempt, lever: Lever) -> None:
    """Raises: Retryable: the provider does not serve the site in time (A125)."""
    until_s = world.clock.mono_s() + min(params.within, attempt.remaining_s())
    while (present := lever.read()).site != params.to:
        if world.clock.mono_s() >= until_s or attempt.stopping():
            raise Retryable(
                f"{params.name} was switched, but the provider still serves '{present.site}' ({present.detail}).",
                code="A125",
                fix="Look at the pools and their health there; trying again goes on waiting.",
            )
        world.clock.sleep(params.every)


def _health(present: Steering) -> str:
    said = ", ".join(f"{site} {'well' if well else 'down'}" for site, well in present.healthy.items())
    return f" ({said})" if said else ""
