"""Moves the traffic: one DNS name from one site to another, and proof that every authoritative server says so."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from drill.model.dns_spread import (
    Change,
    agreement_of,
    dissent,
    from_json,
    in_words,
    resolver,
    switchable_ttl,
    to_json,
    wait_in_sync,
    wait_out,
    watch,
)
from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs, Stale, Verb
from drill.model.errors import Fatal
from drill.model.ports import Attempt, NameFacts, RecordSet, World
from drill.steps.base import Params, Step

_READY_S = 5.0

_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?\.?", re.IGNORECASE)


def _listed(value: Any) -> Any:
    """One value may be written without brackets; an expression is one until it has its values."""
    return [value] if isinstance(value, str) else value


class DnsSwitchParams(Params):
    """Where a name goes and when that counts as done."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Annotated[str, Field(description="The DNS name to move; never the top of its zone.")]
    to: Annotated[str, Field(description="The site that gets the traffic.")]
    from_: Annotated[str | None, Field(alias="from", description="The site that has it; the switch is refused when it does not.")] = None
    values: Annotated[
        Annotated[tuple[str, ...], Field(min_length=1)] | None,
        BeforeValidator(_listed),
        WithJsonSchema({"type": ["array", "string", "null"], "items": {"type": "string"}, "minItems": 1}),
        Field(description="Addresses, or one host name; without them, the addresses the site is known by."),
    ] = None
    ttl: Annotated[Duration, AfterValidator(switchable_ttl)]
    answers_in_a_row: Annotated[int, Field(ge=1, le=100)] = 3
    within: Annotated[Duration, Field(gt=0)] = 60.0
    every: Annotated[Duration, Field(gt=0)] = 0.2
    window: Annotated[
        Duration | None,
        Field(gt=0, description="The longest life of the present answer that the drill can wait out (else the budget of the phase)."),
    ] = None
    lower_ttl_first: Annotated[
        bool,
        Field(description="Lower the TTL and wait the old one out before moving: for a planned move; before an outage use dns.lower_ttl."),
    ] = False
    resolvers: Annotated[
        tuple[Annotated[str, AfterValidator(resolver)], ...],
        Field(description="Resolvers to watch too: address or address:port. Without it, those of the name's zone."),
    ] = ()


class DnsSwitch(Step[DnsSwitchParams]):
    """`dns.switch`: compare-and-swap, watched until it has spread, taken back exactly."""

    kind: ClassVar[str] = "dns.switch"
    params: ClassVar[type[Params]] = DnsSwitchParams
    title: ClassVar[tuple[str, str]] = ("Switch the traffic by DNS", "切换 DNS 流量")
    default_timeout_s: ClassVar[float] = 180.0
    marks: ClassVar[frozenset[str]] = frozenset({"dns"})
    zone_resolvers: ClassVar[bool] = True

    def pulls(self, params: Mapping[str, Any]) -> Literal["", "record", "lever"]:
        return "record"

    def ready(self, params: DnsSwitchParams, world: World) -> list[str]:
        present = world.dns.read(params.name, _type_of(_wanted_values(params, world), params) or "A")
        faults = (_misplaced(params, world, present), _too_short(params, world.dns.facts(params.name)))
        trouble = [f"{params.name} {fault}" for fault in faults if fault]
        agreement = agreement_of(1, params.every, _READY_S)
        servers = world.dns.servers(params.name)
        seen = world.propagation.watch(servers, present, present, agreement=agreement, stopping=lambda: False, on_change=lambda _: None)
        if not seen.settled:
            trouble.append(f"not every server of {params.name} answers {', '.join(present.values)}: {dissent(seen)}")
        return trouble

    def stale(self, params: DnsSwitchParams, world: World) -> Stale | None:
        if params.lower_ttl_first:
            return None
        present = world.dns.read(params.name, _type_of(_wanted_values(params, world), params) or "A")
        return Stale(params.name, float(present.ttl_s), params.window)

    def preview(self, params: DnsSwitchParams, world: World) -> list[Effect]:
        wanted = _wanted_values(params, world)
        rtype = _type_of(wanted, params)
        present = world.dns.read(params.name, rtype or "A")
        if rtype and _same(present, wanted, params.ttl):
            return []
        target = ", ".join(wanted) if rtype else "what is known after apply"
        site = f"{params.from_} -> {params.to}" if params.from_ else f"to {params.to}"
        detail = f"{site}: {', '.join(present.values)} -> {target}, TTL {present.ttl_s}s -> {format_duration(params.ttl)}"
        facts = world.dns.facts(params.name)
        detail += f", by the control plane of {facts.provider}" if facts.reach == "control-plane" else ""
        marks = self.marks | ({"control-plane"} if facts.reach == "control-plane" else set())
        return [Effect(verb=Verb.UPDATE, target=params.name, detail=detail, undo="automatic", marks=marks)]

    def foresee(self, params: DnsSwitchParams, world: World) -> Outputs:
        wanted = list(_wanted_values(params, world))
        return {"after": wanted, "values": wanted, "ttl_s": int(params.ttl)}

    def run(self, params: DnsSwitchParams, world: World, attempt: Attempt) -> Outputs:
        before, after = _decide(params, world, attempt)
        lowered_s = _lower_first(params, world, attempt, before=before, after=after)
        started_s = world.clock.mono_s()
        world.dns.swap(world.dns.read(before.name, before.type) if lowered_s else before, after)
        api_s = round(world.clock.mono_s() - started_s, 3)
        attempt.progress("api acknowledged", detail=f"{in_words(before)} -> {in_words(after)}", took_s=api_s)
        left = replace(before, ttl_s=after.ttl_s) if lowered_s else before
        spread = _spread(params, world, attempt, Change(left, after, started_s))
        in_sync_s = wait_in_sync(world, attempt, params.name, since_s=started_s, within_s=params.within)
        window = f"{spread['first_new_s']} to {spread['last_new_s']} s"
        attempt.progress("two times", detail=f"control plane {api_s} s, in sync after {in_sync_s} s; DNS window {window}")
        return {
            "before": list(before.values),
            "after": list(after.values),
            "values": list(after.values),
            "ttl_s": after.ttl_s,
            "api_s": api_s,
            "reach": world.dns.facts(params.name).reach,
            "in_sync_s": in_sync_s,
            **({"waited_old_ttl_s": lowered_s} if lowered_s else {}),
            **spread,
        }

    def undo(self, params: DnsSwitchParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        found, written = from_json(undo["before"]), from_json(undo["after"])
        started_s = world.clock.mono_s()
        try:
            world.dns.swap(written, found)
        except Fatal as refused:
            if refused.code != "A220":
                raise
            _restore_halfway(world, found, written, refused)
        attempt.progress("rolled back", detail=f"{in_words(written)} -> {in_words(found)}")
        _spread(params, world, attempt, Change(written, found, started_s))


def _restore_halfway(world: World, found: RecordSet, written: RecordSet, refused: Fatal) -> None:
    """The way back from a name whose TTL the drill has lowered. Raises: Fatal: somebody else moved it (A227)."""
    present = world.dns.read(found.name, found.type)
    if present.ttl_s != written.ttl_s or set(present.values) not in (set(found.values), set(written.values)):
        raise Fatal(
            f"{found.name} holds {in_words(present)}; the drill wrote {in_words(written)} over {in_words(found)}.",
            code="A227",
            fix="Somebody else has moved it: decide by hand which of the three is right.",
        ) from refused
    world.dns.swap(present, found)


def _lower_first(params: DnsSwitchParams, world: World, attempt: Attempt, *, before: RecordSet, after: RecordSet) -> float:
    """Lower the TTL and wait until nobody may hold the old answer; returns the seconds waited. Raises: as `wait_out`."""
    if not params.lower_ttl_first or before.ttl_s <= after.ttl_s:
        return 0.0
    if _same(world.dns.read(before.name, before.type), after.values, after.ttl_s):
        return 0.0  # a try before this one has moved it
    world.dns.swap(before, replace(before, ttl_s=after.ttl_s, raw=None))
    return wait_out(world, attempt, before, ttl_s=after.ttl_s)


def _spread(params: DnsSwitchParams, world: World, attempt: Attempt, change: Change) -> dict[str, Any]:
    agreement = agreement_of(params.answers_in_a_row, params.every, params.within)
    return watch(world, attempt, change, agreement=agreement, resolvers=params.resolvers).outputs()


def _decide(params: DnsSwitchParams, world: World, attempt: Attempt) -> tuple[RecordSet, RecordSet]:
    """What to replace by what, decided once: after a crash the name may hold our own new values, which are nobody's old ones."""
    registered = attempt.registered_undo()
    if registered is not None:
        return from_json(registered["before"]), from_json(registered["after"])
    wanted = _wanted_values(params, world)
    rtype = _type_of(wanted, params)
    if rtype is None:
        raise Fatal(
            f"{params.name} cannot be moved to {', '.join(wanted) or 'nothing'}: these are not addresses, nor one host name.",
            code="A226",
            fix=f"Give `values`, or let the site '{params.to}' have addresses.",
        )
    before = world.dns.read(params.name, rtype)
    if _same(before, wanted, params.ttl):
        return before, before
    fault = "" if set(before.values) == set(wanted) else _misplaced(params, world, before)
    if fault:
        raise Fatal(f"{params.name} {fault}.", code="A226", fix="See who moved it; correct `from`, or put the name back first.")
    after = RecordSet(before.name, rtype, int(params.ttl), wanted)
    attempt.register_undo({"before": to_json(before), "after": to_json(after)})
    return before, after


def _wanted_values(params: DnsSwitchParams, world: World) -> tuple[str, ...]:
    if params.values is not None:
        return params.values
    return tuple(str(address) for address in world.ground.attributes(params.to).get("addresses", ()))


def _type_of(values: tuple[str, ...], params: DnsSwitchParams) -> str | None:
    """The record type that carries the values; nothing while they are not known. Raises: Fatal: one name cannot carry them (A226)."""
    kinds = {_kind_of(value) for value in values}
    if kinds in ({"A"}, {"AAAA"}) or (kinds == {"CNAME"} and len(values) == 1):
        return kinds.pop()
    if kinds and None not in kinds:
        raise Fatal(
            f"{params.name} cannot hold {', '.join(values)} in one record set.",
            code="A226",
            fix="Give addresses of one family, or exactly one host name.",
        )
    return None


def _kind_of(value: str) -> str | None:
    try:
        return "A" if ipaddress.ip_address(value).version == 4 else "AAAA"
    except ValueError:
        return "CNAME" if _HOST.fullmatch(value) else None


def _same(present: RecordSet, values: tuple[str, ...], ttl_s: float) -> bool:
    return set(present.values) == set(values) and present.ttl_s == ttl_s


def _too_short(params: DnsSwitchParams, facts: NameFacts) -> str:
    """What is wrong with a TTL the provider does not allow; empty when nothing is."""
    if params.ttl >= facts.min_ttl_s:
        return ""
    return f"cannot get a TTL of {format_duration(params.ttl)}: {facts.provider} allows no less than {format_duration(facts.min_ttl_s)}"


def _misplaced(params: DnsSwitchParams, world: World, present: RecordSet) -> str:
    """What is wrong when the zone says another site than the plan; empty when nothing is."""
    if params.from_ is None:
        return ""
    expected = {str(address) for address in world.ground.attributes(params.from_).get("addresses", ())}
    if not expected or expected & set(present.values):
        return ""
    return f"holds {in_words(present)}, none of which belongs to '{params.from_}'"
