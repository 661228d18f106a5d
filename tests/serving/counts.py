"""Counts what a fault did to a drill: effects that were repeated, and effects that were lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Damage:
    """What went wrong; both are empty when a fault only cost time."""

    repeated: list[str]
    lost: list[str]


def damage(facts: list[Row], texts: list[str]) -> Damage:
    """The damage in the facts of a finished drill and in the reasons of the texts that reached a phone.

    Repeated: a step that was started after it had succeeded, that succeeded twice, or a text that arrived twice for one reason. Lost: a
    step of the plan that never succeeded, or a text that was written down as sent and never arrived.
    """
    ended: Counter[str] = Counter()
    repeated = [f"text {reason}" for reason, count in Counter(texts).items() if count > 1]
    for fact in facts:
        step = str(fact["data"].get("step"))
        if fact["kind"] == "StepStarted" and ended[step]:
            repeated.append(f"start of {step}")
        if fact["kind"] == "StepSucceeded":
            ended[step] += 1
            repeated += [f"success of {step}"] * (ended[step] > 1)
    plan = next(fact["data"]["plan"] for fact in facts if fact["kind"] == "DrillPlanned")
    steps = [step["id"] for part in ("phases", "failback") for phase in plan[part] for step in phase["steps"]]
    sent = [":".join(fact["data"]["message"].split(":")[1:3]) for fact in facts if fact["kind"] == "MessageSent"]
    lost = [f"step {step}" for step in steps if not ended[step]] + [f"text {reason}" for reason in sent if reason not in texts]
    return Damage(repeated, lost)


def take_over_s(facts: list[Row], *, struck: datetime) -> float | None:
    """Seconds from the fault to the first fact of the engine that took over; nothing when none did."""
    starts = [datetime.fromisoformat(fact["at"]) for fact in facts if fact["kind"] == "EngineStarted"]
    return min(((at - struck).total_seconds() for at in starts if at > struck), default=None)
