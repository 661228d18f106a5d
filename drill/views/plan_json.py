"""A plan as JSON for machines: the frozen plan, its digest, effects, critical path and warnings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from drill.model.critical import CriticalPath
from drill.model.effects import Effect
from drill.model.plan import Plan

SCHEMA = "drill-plan/v1"


def render_plan_json(plan: Plan, *, effects: Mapping[str, Sequence[Effect]], critical: CriticalPath, warnings: Sequence[str]) -> str:
    """JSON text ending in a newline. `effects` is by step id; a step that was not previewed is absent from it. Seconds."""
    body = {
        "schema": SCHEMA,
        "plan_digest": plan.digest(),
        "critical_path": {
            "path": list(critical.path),
            "with_gates_s": critical.with_gates_s,
            "without_gates_s": critical.without_gates_s,
            "slack_s": dict(critical.slack),
            "unbudgeted": list(critical.unbudgeted),
        },
        "warnings": list(warnings),
        "effects": {step: [_effect(effect) for effect in listed] for step, listed in effects.items()},
        "plan": plan.model_dump(mode="json"),
    }
    return json.dumps(body, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _effect(effect: Effect) -> dict[str, object]:
    return {**effect.model_dump(mode="json"), "marks": sorted(effect.marks)}
