"""Asks a probe from the user's side until it has been answered well many times in a row."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs
from drill.model.errors import Retryable
from drill.model.ports import Attempt, Sample, World
from drill.steps.base import Params, Step


def _listed(value: Any) -> Any:
    """One address may be written without brackets; an expression is one until it has its values."""
    return [value] if isinstance(value, str) else value


class ProbeUntilParams(Params):
    """Which probe, and what proves that it is well."""

    probe: str
    ok_in_a_row: Annotated[int, Field(ge=1)] = 20
    every: Annotated[Duration, Field(gt=0)] = 0.1
    site: str | None = None
    """The site that must answer; an answer from elsewhere is none."""
    addresses: Annotated[
        Annotated[tuple[str, ...], Field(min_length=1)] | None,
        BeforeValidator(_listed),
        WithJsonSchema({"type": ["array", "string", "null"], "items": {"type": "string"}, "minItems": 1}),
        Field(description="Addresses that must answer, such as those that a rebuild put out: a site does not know them as its own."),
    ] = None
    within: Annotated[Duration, Field(gt=0)] = 60.0


class ProbeUntil(Step[ProbeUntilParams]):
    """Outputs `asked`, `failed`, `took_s` and the `site` that answered."""

    kind = "probe.until"
    params = ProbeUntilParams
    title = ("Prove from the user's side that the service works", "从用户侧验证服务可用")
    default_timeout_s = 120.0

    def preview(self, params: ProbeUntilParams, world: World) -> list[Effect]:
        return []

    def run(self, params: ProbeUntilParams, world: World, attempt: Attempt) -> Outputs:
        start_s = world.clock.mono_s()
        asked = failed = good = 0
        last = ""
        while good < params.ok_in_a_row:
            _go_on(params, attempt, took_s=world.clock.mono_s() - start_s, last=last)
            due_s = world.clock.mono_s() + params.every
            sample = world.probes.ask(params.probe)
            asked += 1
            state = _state(sample, params)
            good = good + 1 if state == "ok" else 0
            failed += state != "ok"
            if state != last:
                attempt.progress(f"{params.probe}: {state}", site=sample.site, address=sample.address)
                last = state
            if good < params.ok_in_a_row:
                world.clock.sleep(max(0.0, due_s - world.clock.mono_s()))
        return {"asked": asked, "failed": failed, "took_s": round(world.clock.mono_s() - start_s, 3), "site": sample.site}


def _state(sample: Sample, params: ProbeUntilParams) -> str:
    if not sample.ok:
        return sample.error
    if params.site is None and params.addresses is None:
        return "ok"
    theirs = params.site is not None and sample.site == params.site
    answered_by = sample.site or sample.address or "an unknown site"
    return "ok" if theirs or sample.address in (params.addresses or ()) else f"answered by {answered_by}"


def _go_on(params: ProbeUntilParams, attempt: Attempt, *, took_s: float, last: str) -> None:
    if attempt.stopping():
        raise Retryable(
            f"asking {params.probe!r} was stopped before it was well.", code="A164", fix="Nothing was changed: asking again is safe."
        )
    if took_s >= params.within:
        raise Retryable(
            f"{params.probe!r} was not well {params.ok_in_a_row} times in a row within {format_duration(params.within)}; last: {last}.",
            code="A162",
            fix="Look at the service where the name points to, and at the probe's samples with `drill show`.",
        )
