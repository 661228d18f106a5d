"""Reads the canary back after the verdict's phases: the evidence of the data loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from drill.engine.record import Recorder
from drill.model.errors import StepError
from drill.model.events import Kind
from drill.model.plan import Plan

OWN: Final = ""
"""In place of a site: the database that the canary itself writes to, where none is promoted."""
Ranges = Callable[[str, int], Sequence[tuple[int, int]]]
"""Which rows a site holds, up to a row number, as closed ranges."""


def find_canary(plan: Plan, recorder: Recorder, ranges: Ranges) -> None:
    """Ask the promoted side what it holds of what was acknowledged; where nobody promotes, the database that is written to.

    Without an outage nothing is asked: nothing can have been lost. What cannot be read is a finding, and the loss unmeasured.
    """
    read = recorder.journal.read
    rows = [fact.data["row"] for fact in read(recorder.drill, kinds=frozenset({Kind.CANARY_ACKNOWLEDGED}))]
    promoted = [str(step.params.get("site", "")) for step in plan.steps() if step.no_return]
    if plan.canary is None or not rows or (not promoted and not read(recorder.drill, kinds=frozenset({Kind.OUTAGE_INJECTED}))):
        return
    site = next(filter(None, promoted), OWN)
    if promoted and site == OWN:
        return
    try:
        found = [list(pair) for pair in ranges(site, max(rows))]
    except StepError as error:
        recorder.say(Kind.FINDING_RAISED, "finding/canary", code=error.code, what=error.what, fix=error.fix, severity="error")
        return
    recorder.say(Kind.CANARY_FOUND, f"canary-found/{site or 'own'}", site=site, ranges=found, highest_asked=max(rows))
