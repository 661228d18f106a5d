"""Moves the traffic: one DNS name from one site to another, and proof that every authoritative server says so."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal, Retryable
from drill.model.ports import Attempt, RecordSet, World
from drill.model.propagation import Agreement, PropagationResult, ServerAnswers
from drill.steps.base import Params, Step

TTL_LIMIT_S = 300
"""A name that resolvers may keep longer than five minutes cannot carry a drill's traffic: nobody would follow in time."""

_READY_S = 5.0

_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?\.?", re.IGNORECASE)


def _listed(value: Any) -> Any:
    """One value may be written without brackets; an expression is one until it has its values."""
    return [value] if isinstance(value, str) else value


def _switchable_ttl(ttl_s: float) -> float:
    if ttl_s % 1 or not 1 <= ttl_s <= TTL_LIMIT_S:
        raise ValueError(f"a TTL is whole seconds, from 1s to {format_duration(TTL_LIMIT_S)} (longer, and users stay at the lost site)")
    return ttl_s


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
    ttl: Annotated[Duration, AfterValidator(_switchable_ttl)]
    answers_in_a_row: Annotated[int, Field(ge=1, le=100)] = 3
    within: Annotated[Duration, Field(gt=0)] = 60.0
    every: Annotated[Duration, Field(gt=0)] = 0.2


class DnsSwitch(Step[DnsSwitchParams]):
    """`dns.switch`: compare-and-swap, watched until it has spread, taken back exactly."""

    kind: ClassVar[str] = "dns.switch"
    params: ClassVar[type[Params]] = DnsSwitchParams
    title: ClassVar[tuple[str, str]] = ("Switch the traffic by DNS", "切换 DNS 流量")
    default_timeout_s: ClassVar[float] = 180.0
    marks: ClassVar[frozenset[str]] = frozenset({"dns"})

    def ready(self, params: DnsSwitchParams, world: World) -> list[str]:
        present = world.dns.read(params.name, _type_of(_wanted_values(params, world), params) or "A")
        trouble = [f"{params.name} {fault}" for fault in (_long_lived(present), _misplaced(params, world, present)) if fault]
        agreement = Agreement(need=1, every_s=params.every, within_s=_READY_S)
        servers = world.dns.servers(params.name)
        seen = world.propagation.watch(servers, present, present, agreement=agreement, stopping=lambda: False, on_change=lambda _: None)
        if not seen.settled:
            trouble.append(f"not every server of {params.name} answers {', '.join(present.values)}: {_dissent(seen)}")
        return trouble

    def preview(self, params: DnsSwitchParams, world: World) -> list[Effect]:
        wanted = _wanted_values(params, world)
        rtype = _type_of(wanted, params)
        present = world.dns.read(params.name, rtype or "A")
        if rtype and _same(present, wanted, params.ttl):
            return []
        target = ", ".join(wanted) if rtype else "what is known after apply"
        site = f"{params.from_} -> {params.to}" if params.from_ else f"to {params.to}"
        detail = f"{site}: {', '.join(present.values)} -> {target}, TTL {present.ttl_s}s -> {format_duration(params.ttl)}"
        return [Effect(verb=Verb.UPDATE, target=params.name, detail=detail, undo="automatic", marks=self.marks)]

    def foresee(self, params: DnsSwitchParams, world: World) -> Outputs:
        wanted = list(_wanted_values(params, world))
        return {"after": wanted, "values": wanted, "ttl_s": int(params.ttl)}

    def run(self, params: DnsSwitchParams, world: World, attempt: Attempt) -> Outputs:
        before, after = _decide(params, world, attempt)
        started_s = world.clock.mono_s()
        world.dns.swap(before, after)
        api_s = round(world.clock.mono_s() - started_s, 3)
        attempt.progress("api acknowledged", detail=f"{_words(before)} -> {_words(after)}", took_s=api_s)
        result, lead_s = _watch(params, world, attempt, before=before, after=after, since_s=started_s)
        return {
            "before": list(before.values),
            "after": list(after.values),
            "values": list(after.values),
            "ttl_s": after.ttl_s,
            "servers": [row.server for row in result.servers],
            "api_s": api_s,
            "first_new_s": round((result.first_new_s or 0.0) + lead_s, 3),
            "settled_s": round((result.settled_s or 0.0) + lead_s, 3),
        }

    def undo(self, params: DnsSwitchParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        found, written = _from_json(undo["before"]), _from_json(undo["after"])
        started_s = world.clock.mono_s()
        try:
            world.dns.swap(written, found)
        except Fatal as refused:
            if refused.code != "A220":
                raise
            present = world.dns.read(found.name, found.type)
            raise Fatal(
                f"{found.name} holds {_words(present)}; the drill wrote {_words(written)} over {_words(found)}.",
                code="A227",
                fix="Somebody else has moved it: decide by hand which of the three is right.",
            ) from refused
        attempt.progress("rolled back", detail=f"{_words(written)} -> {_words(found)}")
        _watch(params, world, attempt, before=written, after=found, since_s=started_s)


def _decide(params: DnsSwitchParams, world: World, attempt: Attempt) -> tuple[RecordSet, RecordSet]:
    """What to replace by what, decided once: after a crash the name may hold our own new values, which are nobody's old ones."""
    registered = attempt.registered_undo()
    if registered is not None:
        return _from_json(registered["before"]), _from_json(registered["after"])
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
    attempt.register_undo({"before": _to_json(before), "after": _to_json(after)})
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


def _long_lived(present: RecordSet) -> str:
    """What is wrong with a name that users would go on finding at the lost site; empty when nothing is."""
    if present.ttl_s <= TTL_LIMIT_S:
        return ""
    limit = format_duration(TTL_LIMIT_S)
    return f"has a TTL of {format_duration(present.ttl_s)}: lower it to at most {limit}, and let the old one pass, before the drill"


def _misplaced(params: DnsSwitchParams, world: World, present: RecordSet) -> str:
    """What is wrong when the zone says another site than the plan; empty when nothing is."""
    if params.from_ is None:
        return ""
    expected = {str(address) for address in world.ground.attributes(params.from_).get("addresses", ())}
    if not expected or expected & set(present.values):
        return ""
    return f"holds {_words(present)}, none of which belongs to '{params.from_}'"


def _watch(
    params: DnsSwitchParams, world: World, attempt: Attempt, *, before: RecordSet, after: RecordSet, since_s: float
) -> tuple[PropagationResult, float]:
    """Wait until every server agrees; returns what they said and how long after `since_s` the watch began.

    Raises: Retryable: they did not agree in time (A121).
    """
    lead_s = world.clock.mono_s() - since_s
    announced: set[str] = set()

    def tell(row: ServerAnswers) -> None:
        if row.state == "new" and row.in_a_row == 1 and "first" not in announced and row.first_new_s is not None:
            announced.add("first")
            attempt.progress("first new answer", detail=row.server, took_s=round(row.first_new_s + lead_s, 3))
        elif row.state not in {"new", "silent"} and row.flips:
            attempt.progress("went back", detail=f"{row.server}: {', '.join(row.values) or 'no such name'}")

    within_s = min(params.within, max(0.0, attempt.remaining_s()))
    agreement = Agreement(need=params.answers_in_a_row, every_s=params.every, within_s=within_s)
    servers = world.dns.servers(params.name)
    result = world.propagation.watch(servers, after, before, agreement=agreement, stopping=attempt.stopping, on_change=tell)
    if not result.settled:
        raise Retryable(
            f"{params.name} was changed, but not every server says so {agreement.need} times in a row: {_dissent(result)}.",
            code="A121",
            fix="See why those servers lag or do not answer; trying again goes on watching.",
        )
    detail = f"{len(result.servers)} server(s), {agreement.need} answers in a row each"
    attempt.progress("settled", detail=detail, took_s=round((result.settled_s or 0.0) + lead_s, 3))
    return result, lead_s


def _dissent(result: PropagationResult) -> str:
    rows = [row for row in result.servers if row.settled_s is None]
    return (
        "; ".join(f"{row.server} {row.state} {', '.join(row.values) or row.error}".strip() for row in rows) or "there is no server to ask"
    )


def _words(record: RecordSet) -> str:
    return f"{', '.join(record.values) or 'nothing'} (TTL {record.ttl_s}s)"


def _to_json(record: RecordSet) -> dict[str, Any]:
    return {"name": record.name, "type": record.type, "ttl_s": record.ttl_s, "values": list(record.values), "raw": record.raw}


def _from_json(row: Mapping[str, Any]) -> RecordSet:
    return RecordSet(row["name"], row["type"], row["ttl_s"], tuple(row["values"]), raw=row["raw"])
