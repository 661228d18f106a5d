"""Whether the record of a drill can be trusted: asked before anything goes on with it or tells of it."""

from __future__ import annotations

from drill.model.errors import JournalBroken
from drill.model.events import Fact, check_chain
from drill.wiring.records import Records


def trusted(records: Records, drill: str) -> str:
    """The drill, once its chain has been recomputed from the first fact to the last one that was written.

    Raises: JournalBroken: a fact was edited (J001), removed or moved (J002), or cut off at the end (J008). Nothing is written.
    """
    trusted_facts(records, drill)
    return drill


def trusted_facts(records: Records, drill: str) -> list[Fact]:
    """Every fact of a drill, as `trusted` finds them. Raises: as `trusted`."""
    seq, digest = records.journal.head(drill)  # before the facts: a living engine may add some meanwhile
    facts = records.journal.read(drill)
    check_chain(facts)
    if len(facts) < seq or (seq and facts[seq - 1].digest != digest):
        raise JournalBroken(
            f"the record of {drill} ends with fact {len(facts)}, but {seq} were written.",
            code="J008",
            fix="Restore the journal from a copy; do not resume it.",
        )
    return facts
