"""Moves the traffic by a global load balancer's own lever, and proof that it has taken hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from drill.model.dns_spread import endpoint, resolver
from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal, Retryable
from drill.model.ports import Attempt, Lever, RecordSet, Steering, World
from drill.model.propagation import Agreement, ServerAnswers
from drill.steps.base import Params, Step


class GslbSwitchParams(Params):
    """Which name goes where, and when that counts as done."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Annotated[str, Field(description="The name users ask for; its lever is named with the scenario's zones.")]
    to: Annotated[str, Field(description="The site that gets the traffic.")]
    from_: Annotated[str | None, Field(alias="from", description="The site that has it; the switch is refused when it does not.")] = None
    within: Annotated[Duration, Field(gt=0, description="How long the provider, and then the resolvers, may need.")] = 60.0
    every: Annotated[Duration, Field(gt=0)] = 0.5
    ttl: Annotated[Duration, Field(gt=0, description="How long resolvers keep the provider's answer: how long they may be stale.")] = 60.0
    resolvers: Annotated[
        tuple[Annotated[str, AfterValidator(resolver)], ...],
        Field(description="Servers or resolvers that have to answer with the site's addresses: address or address:port."),
    ] = ()


class GslbSwitch(Step[GslbSwitchParams]):
    """`gslb.switch`: outputs `before` and `after` (sites), `api_s` (control plane), `effective_s`, and `settled_s` (DNS) with resolvers."""

    kind: ClassVar[str] = "gslb.switch"
    params: ClassVar[type[Params]] = GslbSwitchParams
    title: ClassVar[tuple[str, str]] = ("Switch the traffic at the global load balancer", "切换全局流量管理")
    default_timeout_s: ClassVar[float] = 300.0
    marks: ClassVar[frozenset[str]] = frozenset({"dns"})

    def pulls(self, params: Mapping[str, Any]) -> Literal["", "record", "lever"]:
        return "lever"

    def ready(self, params: GslbSwitchParams, world: World) -> list[str]:
        present = world.levers.lever(params.name).read()
        trouble = []
        if params.from_ is not None and present.site != params.from_:
            trouble.append(f"{params.name} is with '{present.site or 'no single site'}', not with '{params.from_}' ({present.detail})")
        return trouble

    def preview(self, params: GslbSwitchParams, world: World) -> list[Effect]:
        lever = world.levers.lever(params.name)
        present = lever.read()
        if present.site == params.to and present.forced:
            return []
        return [switch_effect(lever, present, params.to, self.marks)]

    def foresee(self, params: GslbSwitchParams, world: World) -> Outputs:
        return {"after": params.to}

    def run(self, params: GslbSwitchParams, world: World, attempt: Attempt) -> Outputs:
        lever = world.levers.lever(params.name)
        registered = attempt.registered_undo()
        before = from_json(registered["before"]) if registered else lever.read()
        if registered is None:
            if params.from_ is not None and before.site not in {params.from_, params.to}:
                raise Fatal(
                    f"{params.name} is with '{before.site}', not with '{params.from_}' ({before.detail}).",
                    code="A226",
                    fix="See who moved it; correct `from`, or put it back first.",
                )
            attempt.register_undo(undo_of(lever, before, params.to))
        started_s = world.clock.mono_s()
        after = lever.steer(before, params.to)
        api_s = round(world.clock.mono_s() - started_s, 3)
        attempt.progress("api acknowledged", detail=f"{before.detail} -> {after.detail}", took_s=api_s)
        effective_s = wait_for_site(params, world, attempt, lever, since_s=started_s)
        outputs = {"before": before.site, "after": params.to, "api_s": api_s, "effective_s": effective_s, "reach": lever.facts.reach}
        return outputs | _answers(params, world, attempt, since_s=started_s)

    def undo(self, params: GslbSwitchParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        put_back(params.name, world, attempt, undo)


def switch_effect(lever: Lever, present: Steering, to: str, marks: frozenset[str], *, late: str = "") -> Effect:
    """What pulling the lever would change. Raises: Fatal: it cannot go there (A226)."""
    lever.wanted(to)
    facts = lever.facts
    control = facts.reach == "control-plane"
    detail = (
        f"{present.site or 'no single site'} -> {to} ({present.detail}), by {facts.provider}{', control plane' if control else ''}{late}"
    )
    return Effect(
        verb=Verb.UPDATE, target=present.name, detail=detail, undo="automatic", marks=marks | ({"control-plane"} if control else set())
    )


def undo_of(lever: Lever, before: Steering, to: str) -> dict[str, Any]:
    """How to take a switch back, known before it is made."""
    return {
        "before": to_json(before),
        "written": to_json(Steering(before.name, to, forced=True, detail=f"forced to {to}", raw=lever.wanted(to))),
    }


def put_back(name: str, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
    """Restore what a lever held before the drill forced it. Raises: Fatal: somebody else switched it since (A227)."""
    lever = world.levers.lever(name)
    found, written = from_json(undo["before"]), from_json(undo["written"])
    try:
        lever.restore(found, written)
    except Fatal as refused:
        if refused.code != "A220":
            raise
        raise Fatal(
            f"{name}: {lever.read().detail}; the drill found it with {found.detail} and it was {written.detail}.",
            code="A227",
            fix="Somebody else has switched it: decide by hand what is right.",
        ) from refused
    attempt.progress("rolled back", detail=f"{written.detail} -> {found.detail}")


def wait_for_site(params: GslbSwitchParams, world: World, attempt: Attempt, lever: Lever, *, since_s: float) -> float:
    """Seconds until the provider itself says that the site serves. Raises: Retryable: it does not in time (A125)."""
    limit_s = min(params.within, attempt.remaining_s())
    while True:
        present = lever.read()
        took_s = world.clock.mono_s() - since_s
        if present.site == params.to:
            attempt.progress("provider serves it", detail=present.detail, took_s=round(took_s, 3))
            return round(took_s, 3)
        if took_s >= limit_s or attempt.stopping():
            raise Retryable(
                f"{params.name} was switched, but the provider still serves '{present.site}' ({present.detail}).",
                code="A125",
                fix="Look at the pools and their health there; trying again goes on waiting.",
            )
        world.clock.sleep(params.every)


def _answers(params: GslbSwitchParams, world: World, attempt: Attempt, *, since_s: float) -> dict[str, Any]:
    """What the resolvers answer; each is named, none fails the step but by never following within its time (A121)."""
    if not params.resolvers:
        return {}
    addresses = tuple(str(value) for value in world.ground.attributes(params.to).get("addresses", ()))
    old = tuple(str(value) for value in world.ground.attributes(params.from_).get("addresses", ())) if params.from_ else ()
    after, before = (RecordSet(params.name, "A", int(params.ttl), values) for values in (addresses, old))
    lead_s = world.clock.mono_s() - since_s
    caches = tuple(map(endpoint, params.resolvers))
    within_s = min(max(params.within, params.ttl), attempt.remaining_s())
    agreement = Agreement(need=3, every_s=params.every, within_s=within_s, caches=caches)
    result = world.propagation.watch([], after, before, agreement=agreement, stopping=attempt.stopping, on_change=_silent)
    behind = [f"{row.server} {row.state} {', '.join(row.values) or row.error}".strip() for row in result.servers if row.settled_s is None]
    if behind:
        raise Retryable(
            f"{params.name} was switched, but not every resolver follows within {format_duration(within_s)}: {'; '.join(behind)}.",
            code="A121",
            fix="See what lies between them and the provider; trying again goes on watching.",
        )
    settled_s = round((result.settled_s or 0.0) + lead_s, 3)
    attempt.progress("resolvers follow", detail=f"{len(result.servers)} resolver(s)", took_s=settled_s)
    first_s = round((result.first_new_s or 0.0) + lead_s, 3)
    return {"resolvers": [row.server for row in result.servers], "first_new_s": first_s, "settled_s": settled_s}


def _silent(_row: ServerAnswers) -> None:
    """Every row is told at the end."""


def to_json(steering: Steering) -> dict[str, Any]:
    """A steering for an undo."""
    return {"name": steering.name, "site": steering.site, "forced": steering.forced, "detail": steering.detail, "raw": steering.raw}


def from_json(row: Mapping[str, Any]) -> Steering:
    """The steering an undo holds."""
    return Steering(row["name"], row["site"], row["forced"], detail=row["detail"], raw=row["raw"])
