"""Moves the traffic in growing shares: weights by weights, each proved by a probe before the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from drill.model.dns_spread import from_json, in_words, to_json
from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal, Retryable
from drill.model.ports import Attempt, RecordSet, World
from drill.steps.base import Params, Step

Weights = tuple[int, ...]


def _growing(shares: tuple[int, ...]) -> tuple[int, ...]:
    if list(shares) != sorted(set(shares)):
        raise ValueError("shares grow from one to the next, such as [10, 50, 100]")
    return shares


class DnsWeightsParams(Params):
    """Which weighted name, how much of it goes where, and what has to hold in between."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Annotated[str, Field(description="A name with one weighted record set for each site.")]
    to: Annotated[str, Field(description="The site that gets the traffic.")]
    from_: Annotated[str, Field(alias="from", description="The site that gives it.")]
    weights: Annotated[
        tuple[Annotated[int, Field(ge=1, le=100)], ...],
        Field(min_length=1, max_length=20, description="Per cent of the traffic that `to` gets, step by step."),
        AfterValidator(_growing),
    ] = (10, 50, 100)
    probe: Annotated[str, Field(description="What has to be well after each share, once the TTL is over.")]
    ok_in_a_row: Annotated[int, Field(ge=1)] = 10
    every: Annotated[Duration, Field(gt=0)] = 0.2
    within: Annotated[Duration, Field(gt=0, description="How long the probe may need to be well, for each share.")] = 60.0


class DnsWeights(Step[DnsWeightsParams]):
    """`dns.weights`: outputs `weights` by value and `steps`, how long each share took. A share that is not well is put back at once."""

    kind: ClassVar[str] = "dns.weights"
    params: ClassVar[type[Params]] = DnsWeightsParams
    title: ClassVar[tuple[str, str]] = ("Move the traffic in growing shares", "按权重逐步切换流量")
    default_timeout_s: ClassVar[float] = 900.0
    marks: ClassVar[frozenset[str]] = frozenset({"dns"})

    def pulls(self, params: Mapping[str, Any]) -> Literal["", "record", "lever"]:
        return "record"

    def ready(self, params: DnsWeightsParams, world: World) -> list[str]:
        _shares(params, world, _weighted(params, world))
        return []

    def preview(self, params: DnsWeightsParams, world: World) -> list[Effect]:
        present = _weighted(params, world)
        left = [share for share, weights in _shares(params, world, present) if weights != present.weights]
        if present.weights == _shares(params, world, present)[-1][1]:
            return []
        facts = world.dns.facts(params.name)
        detail = f"{params.from_} -> {params.to}: {', '.join(f'{share}%' for share in left)}, the probe {params.probe!r} between"
        marks = self.marks | ({"control-plane"} if facts.reach == "control-plane" else set())
        return [Effect(verb=Verb.UPDATE, target=params.name, detail=detail, count=len(left), undo="automatic", marks=marks)]

    def foresee(self, params: DnsWeightsParams, world: World) -> Outputs:
        present = _weighted(params, world)
        last = _shares(params, world, present)[-1][1]
        return {"values": list(present.values), "ttl_s": present.ttl_s, "weights": dict(zip(present.values, last, strict=True))}

    def run(self, params: DnsWeightsParams, world: World, attempt: Attempt) -> Outputs:
        registered = attempt.registered_undo()
        found = from_json(registered["before"]) if registered else _weighted(params, world)
        shares = _shares(params, world, found)
        if registered is None:
            attempt.register_undo({"before": to_json(found), "written": [list(weights) for _, weights in shares]})
        took: dict[str, float] = {}
        for share, weights in shares[_reached(world, found, shares) :]:
            started_s = world.clock.mono_s()
            _move(params, world, attempt, share=share, weights=weights, known=[found.weights, *(row for _, row in shares)])
            took[f"{share}%"] = round(world.clock.mono_s() - started_s, 3)
        present = world.dns.read(found.name, found.type)
        return {
            "weights": dict(zip(present.values, present.weights, strict=True)),
            "values": list(present.values),
            "ttl_s": present.ttl_s,
            "steps": took,
        }

    def undo(self, params: DnsWeightsParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        found = from_json(undo["before"])
        present = world.dns.read(found.name, found.type)
        written = {tuple(row) for row in undo["written"]}
        if present.values != found.values or present.weights not in {*written, found.weights}:
            raise Fatal(
                f"{found.name} holds {in_words(present)}; the drill found {in_words(found)}.",
                code="A227",
                fix="Somebody else has changed it: decide by hand what is right.",
            )
        world.dns.swap(present, found)
        attempt.progress("rolled back", detail=f"{in_words(present)} -> {in_words(found)}")


def _weighted(params: DnsWeightsParams, world: World) -> RecordSet:
    """The name as it is. Raises: Fatal: it is not weighted (A226)."""
    addresses = {str(value) for value in world.ground.attributes(params.to).get("addresses", ())}
    rtype = "AAAA" if addresses and all(":" in value for value in addresses) else "A"
    present = world.dns.read(params.name, rtype)
    if not present.weights:
        raise Fatal(
            f"{params.name} is not weighted at {world.dns.facts(params.name).provider}.",
            code="A226",
            fix="Make one weighted record set for each site once, or move it with dns.switch.",
        )
    return present


def _shares(params: DnsWeightsParams, world: World, present: RecordSet) -> list[tuple[int, Weights]]:
    """The weights of every value for each share. Raises: Fatal: a value belongs to neither site, or a site has none (A226)."""
    owners = {str(value): site for site in (params.from_, params.to) for value in world.ground.attributes(site).get("addresses", ())}
    strange = [value for value in present.values if value not in owners]
    counts = {site: sum(owners.get(value) == site for value in present.values) for site in (params.from_, params.to)}
    if strange or not all(counts.values()):
        raise Fatal(
            f"{params.name} cannot be shared between '{params.from_}' and '{params.to}': it holds {', '.join(present.values)}.",
            code="A226",
            fix="Every value must be an address of one of the two sites, and each site needs one.",
        )
    return [(share, _split(share, counts, params, [owners[value] for value in present.values])) for share in params.weights]


def _split(share: int, counts: Mapping[str, int], params: DnsWeightsParams, owners: Sequence[str]) -> Weights:
    """A site's share is spread over its values; a weight is never rounded down to nothing."""
    most = max(counts.values())
    raw = {params.to: share * counts[params.from_] / most, params.from_: (100 - share) * counts[params.to] / most}
    return tuple(max(1, round(raw[site])) if raw[site] else 0 for site in owners)


def _reached(world: World, found: RecordSet, shares: Sequence[tuple[int, Weights]]) -> int:
    """The share to go on with: after a crash the last one that was written is proved again."""
    present = world.dns.read(found.name, found.type).weights
    return next((at for at, (_, weights) in enumerate(shares) if weights == present), 0)


def _move(params: DnsWeightsParams, world: World, attempt: Attempt, *, share: int, weights: Weights, known: Sequence[Weights]) -> None:
    """Give `to` this share and prove it.

    Raises: Retryable: it was not well, and the share before is back (A123). Fatal: somebody else changed the weights (A220).
    """
    present = world.dns.read(params.name, _weighted(params, world).type)
    if present.weights not in known:
        raise Fatal(
            f"somebody else changed the weights of {params.name}: {in_words(present)}.",
            code="A220",
            fix="See who changes it, and start again from what it holds now.",
        )
    if present.weights != weights:
        world.dns.swap(present, replace(present, weights=weights, raw=None))
    attempt.progress("share", detail=f"{share}% to {params.to}; waiting the TTL of {present.ttl_s}s out")
    trouble = _wait(world, attempt, present.ttl_s) or _prove(params, world, attempt)
    if trouble:
        if present.weights != weights:
            world.dns.swap(world.dns.read(params.name, present.type), present)
        raise Retryable(
            f"with {share}% of the traffic at {params.to}, {trouble}.",
            code="A123",
            fix=f"The share before it is back. Look at the service there and at the samples of {params.probe!r}.",
        )
    attempt.progress("share is well", detail=f"{share}% to {params.to}, {params.ok_in_a_row} good answers in a row")


def _wait(world: World, attempt: Attempt, seconds: float) -> str:
    until_s = world.clock.mono_s() + seconds
    while (left_s := until_s - world.clock.mono_s()) > 0:
        if attempt.stopping():
            return "the step was stopped"
        world.clock.sleep(min(1.0, left_s))
    return ""


def _prove(params: DnsWeightsParams, world: World, attempt: Attempt) -> str:
    """Ask the probe until it has been well often enough; says what was wrong, or nothing."""
    good, last, started_s = 0, "not asked", world.clock.mono_s()
    while good < params.ok_in_a_row:
        if attempt.stopping():
            return "the step was stopped"
        if world.clock.mono_s() - started_s >= min(params.within, attempt.remaining_s()):
            return (
                f"{params.probe!r} was not well {params.ok_in_a_row} times in a row within {format_duration(params.within)} (last: {last})"
            )
        due_s = world.clock.mono_s() + params.every
        sample = world.probes.ask(params.probe)
        good = good + 1 if sample.ok else 0
        last = sample.error or f"answered by {sample.site}"
        if good < params.ok_in_a_row:
            world.clock.sleep(max(0.0, due_s - world.clock.mono_s()))
    return ""
