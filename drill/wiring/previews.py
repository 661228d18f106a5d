"""What a plan would change on the ground as it stands now, asked of each step and changing nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from drill.engine.expressions import references, render, texts
from drill.model.effects import Effect
from drill.model.errors import DrillError
from drill.model.plan import Plan, PlannedStep
from drill.model.ports import World
from drill.steps.base import Step


def preview_effects(plan: Plan, kinds: Mapping[str, Step[Any]], world: World) -> tuple[dict[str, list[Effect]], list[str]]:
    """The effects of each step that can be previewed, by dotted id, and what kept the others from it.

    Steps that wait for the outputs of others, and those of the failback, are known only once the drill has come that far: they are absent.
    """
    sites = {site.id: dict(world.ground.attributes(site.id)) for site in plan.sites}
    effects: dict[str, list[Effect]] = {}
    troubles: list[str] = []
    for step in (step for phase in plan.phases for step in phase.steps):
        if step.skip or _waits_for_outputs(step):
            continue
        kind = kinds[step.kind]
        try:
            params = kind.params.model_validate(render(step.params, steps={}, sites=sites))
            effects[step.id] = kind.preview(params, world)
        except ValidationError as error:
            troubles.append(f"'{step.id}' cannot be previewed: {error.errors()[0]['msg']}.")
        except DrillError as error:
            troubles.append(f"'{step.id}' cannot be previewed: {error}")
    return effects, troubles


def _waits_for_outputs(step: PlannedStep) -> bool:
    return any(row.root == "steps" for _, text in texts(step.params) for row in references(text))
