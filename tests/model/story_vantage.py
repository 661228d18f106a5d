"""Adds vantage points to a story: the same samples as seen from another host, with a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Plan, VantagePoint
from tests.model.story import redrafted, seal_all
from tests.model.story_pen import ZERO_AT, ZERO_MONO_S

AHEAD_S: Final = 1234.5
"""The other host's monotonic clock less the drill's."""


@dataclass(frozen=True)
class Seen:
    """What one vantage point saw. Seconds count from the first fact of the story; `late_s`: its users waited so much longer."""

    point: str
    late_s: float = 0.0
    keep: Callable[[float], bool] = lambda _at: True
    """Whether a sample sent then was taken."""
    error_s: float | None = 0.001
    """How well the clocks were compared; nothing when they were not."""
    wall_ahead_s: float = 0.0
    boot: str = "f00t1"
    compared_with: str = "b00t1"
    """The boot of the web server's machine."""


def with_points(facts: Sequence[Fact], points: Sequence[VantagePoint], seen: Sequence[Seen], *, probe: str = "checkout") -> list[Fact]:
    """The story with these points in its plan, and what they saw of a probe before its last fact."""
    drafts = redrafted(facts)
    plan = Plan.model_validate({**drafts[0].data["plan"], "vantage_points": [point.model_dump() for point in points]})
    drafts[0] = _with(drafts[0], {"plan": plan.model_dump(mode="json"), "plan_digest": plan.digest()})
    own = [draft for draft in drafts if draft.kind is Kind.PROBE_SAMPLED and draft.data["probe"] == probe]
    recovered_s = next((float(draft.data["sent_s"]) for draft in own if draft.data["site"] == "standby"), float("inf"))
    views = {point.id: point.user_view for point in points}
    more = [
        _elsewhere(draft, one, recovered_s, user_view=views[one.point])
        for one in seen
        for draft in own
        if one.keep(draft.data["sent_s"] - ZERO_MONO_S)
    ]
    last = drafts[-1:] if drafts[-1].kind is Kind.DRILL_FINISHED else []
    return seal_all(facts[0].drill, [*drafts[: len(drafts) - len(last)], *more, *last])


def _elsewhere(draft: Draft, seen: Seen, recovered_s: float, *, user_view: bool) -> Draft:
    data = draft.data
    down = recovered_s <= data["sent_s"] < recovered_s + seen.late_s
    moved = {name: round(data[name] + AHEAD_S, 6) for name in ("due_s", "sent_s", "received_s")}
    worse = {"ok": False, "error": "deadline", "site": ""} if down else {}
    clock: Mapping[str, Any] = {"clock_offset_s": None, "clock_error_s": None, "clock_boot": ""}
    if seen.error_s is not None:
        clock = {"clock_offset_s": -AHEAD_S, "clock_error_s": seen.error_s, "clock_boot": seen.compared_with}
    sent_s = data["sent_s"] - ZERO_MONO_S
    return Draft(
        draft.kind,
        f"{draft.by}@{seen.point}",
        f"probe/{data['probe']}@{seen.point}/{seen.boot}/{data['k']}",
        {**data, **moved, **worse, **clock, "vantage": seen.point, "user_view": user_view and data["user_view"]},
        ZERO_AT + timedelta(seconds=sent_s + seen.wall_ahead_s),
        moved["sent_s"],
        f"{seen.boot}-7-7",
    )


def _with(draft: Draft, data: Mapping[str, Any]) -> Draft:
    return Draft(draft.kind, draft.by, draft.key, {**draft.data, **data}, draft.at, draft.mono_s, draft.epoch)
