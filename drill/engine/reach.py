"""Which steps need a provider's control plane: from their previews, and where those cannot be had, from the plan alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from drill.model.effects import Effect
from drill.model.plan import Plan, PlannedStep
from drill.steps.base import Step

_DATA_PLANE: Final = frozenset({"rfc2136", "arc"})
"""Zones whose names are changed at servers that answer for them anyway."""


def control_plane_warnings(plan: Plan, kinds: Mapping[str, Step[Any]], effects: Mapping[str, Sequence[Effect]]) -> list[str]:
    """Steps of the way out that need a provider's control plane, which may be gone together with the region.

    On the way home the region is back. `effects` is by step id; a step that could not be previewed is judged by its zone.
    """
    steps = [step for phase in plan.phases for step in phase.steps if not step.skip]
    return [
        f"'{step.id}' moves '{name}' by its provider's control plane, which may be gone with the region in the real event."
        " Levers of the data plane are health checks that switch by themselves, and routing controls."
        for step in steps
        for name in (_seen(effects[step.id]) if step.id in effects else _written(plan, kinds[step.kind], step))
    ]


def _seen(effects: Sequence[Effect]) -> Iterator[str]:
    yield from (row.target for row in effects if "control-plane" in row.marks)


def _written(plan: Plan, kind: Step[Any], step: PlannedStep) -> Iterator[str]:
    name = str(step.params.get("name", ""))
    pulled, zone = kind.pulls(step.params), plan.zone_of(name)
    if not pulled or zone is None:
        return
    lever: Mapping[str, Any] = zone.options.get("levers", {}).get(name.rstrip("."), {})
    if zone.provider not in _DATA_PLANE if pulled == "record" else "controls" not in lever:
        yield name
