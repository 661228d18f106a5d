"""Lowers the TTL of a name ahead of an outage and waits until no resolver may hold the old one, so that a switch is followed soon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from drill.model.dns_spread import from_json, in_words, switchable_ttl, to_json, wait_out
from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step


class DnsLowerTtlParams(Params):
    """Which name, and how low."""

    name: Annotated[str, Field(description="The DNS name that will be moved later.")]
    ttl: Annotated[Duration, AfterValidator(switchable_ttl)]
    type: Annotated[str, Field(pattern="^(A|AAAA|CNAME)$", description="The record type that is moved.")] = "A"


class DnsLowerTtl(Step[DnsLowerTtlParams]):
    """`dns.lower_ttl`: outputs `before_s`, `ttl_s` and `waited_s`. Put it before the outage; its undo gives the old TTL back."""

    kind: ClassVar[str] = "dns.lower_ttl"
    params: ClassVar[type[Params]] = DnsLowerTtlParams
    title: ClassVar[tuple[str, str]] = ("Lower the TTL and wait the old one out", "降低 TTL 并等待旧值过期")
    default_timeout_s: ClassVar[float] = 7200.0
    marks: ClassVar[frozenset[str]] = frozenset({"dns"})

    def ready(self, params: DnsLowerTtlParams, world: World) -> list[str]:
        facts = world.dns.facts(params.name)
        world.dns.read(params.name, params.type)
        if params.ttl >= facts.min_ttl_s:
            return []
        return [f"{facts.provider} allows {params.name} no TTL below {format_duration(facts.min_ttl_s)}"]

    def preview(self, params: DnsLowerTtlParams, world: World) -> list[Effect]:
        present = world.dns.read(params.name, params.type)
        if present.ttl_s <= params.ttl:
            return []
        detail = f"TTL {present.ttl_s}s -> {format_duration(params.ttl)}, then {present.ttl_s}s of waiting"
        return [Effect(verb=Verb.UPDATE, target=params.name, detail=detail, undo="automatic", marks=self.marks)]

    def foresee(self, params: DnsLowerTtlParams, world: World) -> Outputs:
        return {"values": list(world.dns.read(params.name, params.type).values), "ttl_s": int(params.ttl)}

    def run(self, params: DnsLowerTtlParams, world: World, attempt: Attempt) -> Outputs:
        registered = attempt.registered_undo()
        before = from_json(registered["before"]) if registered else world.dns.read(params.name, params.type)
        if before.ttl_s <= params.ttl:
            return {"before_s": before.ttl_s, "ttl_s": before.ttl_s, "values": list(before.values), "waited_s": 0.0}
        after = replace(before, ttl_s=int(params.ttl), raw=None)
        attempt.register_undo({"before": to_json(before), "after": to_json(after)})
        world.dns.swap(before, after)
        waited_s = wait_out(world, attempt, before, ttl_s=after.ttl_s)
        return {"before_s": before.ttl_s, "ttl_s": after.ttl_s, "values": list(after.values), "waited_s": waited_s}

    def undo(self, params: DnsLowerTtlParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        found, written = from_json(undo["before"]), from_json(undo["after"])
        try:
            world.dns.swap(written, found)
        except Fatal as refused:
            if refused.code != "A220":
                raise
            present = world.dns.read(found.name, found.type)
            if set(present.values) != set(found.values):
                raise Fatal(
                    f"{found.name} holds {in_words(present)}; the drill left {in_words(written)}.",
                    code="A227",
                    fix=f"Give it its TTL of {found.ttl_s}s back by hand, once it is where it belongs.",
                ) from refused
            world.dns.swap(present, found)  # it went away and came home, with the TTL of the switch
        attempt.progress("rolled back", detail=f"{in_words(written)} -> {in_words(found)}")
