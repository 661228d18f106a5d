"""How long users keep an old answer, against the time that the phase which moves the traffic has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drill.model.dns_spread import TTL_LIMIT_S
from drill.model.durations import format_duration
from drill.model.effects import Effect, Stale
from drill.model.plan import PlannedPhase


class Lifetimes:
    """Follows names through a plan, step by step: one that lowers a TTL shortens what later ones leave behind."""

    def __init__(self) -> None:
        self._lowered_s: dict[str, float] = {}

    def trouble(self, phase: PlannedPhase, stale: Stale | None) -> list[str]:
        """What is wrong with a name that users would go on finding at the lost site; empty when nothing is."""
        if stale is None:
            return []
        for_s = min(stale.for_s, self._lowered_s.get(stale.name, stale.for_s))
        limit_s = stale.limit_s or phase.budget_s or TTL_LIMIT_S
        if for_s <= limit_s:
            return []
        why = "its window" if stale.limit_s else f"the budget of '{phase.id}'" if phase.budget_s else "what users can wait"
        ttl, limit = format_duration(for_s), format_duration(limit_s)
        return [f"{stale.name} has a TTL of {ttl}, longer than {why}: lower it to at most {limit} with dns.lower_ttl before the outage"]

    def note(self, effects: Sequence[Effect], outputs: Mapping[str, Any]) -> None:
        """What a step is foreseen to leave of its names."""
        for effect in effects:
            if "dns" in effect.marks and outputs.get("ttl_s"):
                self._lowered_s[effect.target] = float(outputs["ttl_s"])
