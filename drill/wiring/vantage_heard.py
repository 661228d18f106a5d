"""When each vantage point of a running drill was last heard."""

from __future__ import annotations

from typing import Any, Final

from drill.model.events import Kind, stamp
from drill.model.plan import Plan
from drill.model.vantage import vantage_of
from drill.wiring.records import Records

_LATELY: Final = 3000
"""So many facts are looked at: half a minute of many probes, whatever the length of the drill."""


def last_heard(records: Records, drill: str, plan: Plan) -> list[dict[str, Any]]:
    """A row per vantage point: its id, and when the newest of its recent samples was sent; null when none came lately."""
    if not plan.vantage_points:
        return []
    newest: dict[str, str] = {}
    seq, _ = records.journal.head(drill)
    for fact in records.journal.read(drill, after=max(0, seq - _LATELY), kinds=frozenset({Kind.PROBE_SAMPLED})):
        if vantage := vantage_of(fact):
            newest[vantage] = max(stamp(fact.at), newest.get(vantage, ""))
    return [{"id": point.id, "user_view": point.user_view, "last_sample_at": newest.get(point.id)} for point in plan.vantage_points]
