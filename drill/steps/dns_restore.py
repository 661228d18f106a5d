"""Puts a name back exactly as an earlier step found it, on the way home: values, TTL, weights and every record."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from drill.model.dns_spread import Change, agreement_of, from_json, in_words, resolver, watch
from drill.model.durations import Duration
from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal
from drill.model.ports import Attempt, World
from drill.model.way_back import undo_written_by
from drill.steps.base import Params, Step


class DnsRestoreParams(Params):
    """What is put back."""

    of: Annotated[
        str,
        Field(description="The dns.switch, dns.weights or dns.lower_ttl, as phase.step.", json_schema_extra={"of_mark": "dns"}),
    ]
    name: Annotated[str, Field(description="The name it changed.")]
    type: Annotated[str, Field(pattern="^(A|AAAA|CNAME)$", description="The record type that was changed.")] = "A"
    answers_in_a_row: Annotated[int, Field(ge=1, le=100)] = 3
    within: Annotated[Duration, Field(gt=0)] = 60.0
    every: Annotated[Duration, Field(gt=0)] = 0.2
    resolvers: Annotated[
        tuple[Annotated[str, AfterValidator(resolver)], ...],
        Field(description="Resolvers to watch too: address or address:port. Without it, those of the name's zone."),
    ] = ()


class DnsRestore(Step[DnsRestoreParams]):
    """`dns.restore`: outputs `restored`, `values`, `ttl_s`, and how it spread. A step that changed nothing is taken back by nothing."""

    kind: ClassVar[str] = "dns.restore"
    params: ClassVar[type[Params]] = DnsRestoreParams
    title: ClassVar[tuple[str, str]] = ("Put the name back as it was found", "恢复域名原状")
    default_timeout_s: ClassVar[float] = 180.0
    marks: ClassVar[frozenset[str]] = frozenset({"dns"})
    zone_resolvers: ClassVar[bool] = True

    def preview(self, params: DnsRestoreParams, world: World) -> list[Effect]:
        facts = world.dns.facts(params.name)
        detail = f"as {params.of} found it, at {facts.provider}"
        return [Effect(verb=Verb.UPDATE, target=params.name, detail=detail, undo="none", marks=self.marks)]

    def foresee(self, params: DnsRestoreParams, world: World) -> Outputs:
        present = world.dns.read(params.name, params.type)
        weights = {"weights": dict(zip(present.values, present.weights, strict=True))} if present.weights else {}
        return {"values": list(present.values), "ttl_s": present.ttl_s, **weights}

    def run(self, params: DnsRestoreParams, world: World, attempt: Attempt) -> Outputs:
        undo = undo_written_by(params.of, attempt)
        if not undo:
            return {"restored": False}
        found = from_json(undo["before"])
        present = world.dns.read(found.name, found.type)
        ours = {frozenset(found.values), frozenset(undo.get("after", {}).get("values", ()))}
        known = {found.weights, *(tuple(row) for row in undo.get("written", ()))}
        if frozenset(present.values) not in ours or (found.weights and present.weights not in known):
            raise Fatal(
                f"{found.name} holds {in_words(present)}; {params.of} found {in_words(found)}.",
                code="A227",
                fix="Bring it home first; if somebody else has moved it, decide by hand what is right.",
            )
        started_s = world.clock.mono_s()
        world.dns.swap(present, found)
        attempt.progress("rolled back", detail=f"{in_words(present)} -> {in_words(found)}")
        outputs = {"restored": True, "values": list(found.values), "ttl_s": found.ttl_s}
        if set(present.values) == set(found.values):
            return outputs
        agreement = agreement_of(params.answers_in_a_row, params.every, params.within)
        change = Change(present, found, started_s)
        return outputs | watch(world, attempt, change, agreement=agreement, resolvers=params.resolvers).outputs()
