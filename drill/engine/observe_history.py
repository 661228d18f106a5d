"""What an observer must know from the facts: where its numbers go on, what was noticed, whether anybody still conducts the drill."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drill.model.events import Fact, Kind
from drill.model.ports import Clock

_OBSERVERS = frozenset({Kind.PROBE_SAMPLED, Kind.CANARY_ACKNOWLEDGED, Kind.OUTAGE_DETECTED, Kind.GUARD_BROKEN})
_SPARE_ROWS = 3  # a row may be sent up to one interval after its due moment, and both ends are rounded


@dataclass
class History:
    """A fold of the facts of one drill, fed in order."""

    seq: int = 0
    finished: bool = False
    broken: list[str] = field(default_factory=list)
    """Guards that have broken, one entry each time."""
    outage_seq: int = 0
    """The last OutageInjected, 0 for none."""
    outage_over: bool = False
    detections: dict[str, int] = field(default_factory=dict)
    """How many losses each probe has noticed."""
    detected_seq: dict[str, int] = field(default_factory=dict)
    """The last OutageDetected of each probe."""
    engine: Fact | None = None
    """The last EngineStarted."""
    last_foreign: Fact | None = None
    """The last fact that no observer wrote."""
    last_row: int = 0
    """The highest canary number that was acknowledged."""
    last_row_at: datetime | None = None
    """When that row was sent."""

    def apply(self, facts: Iterable[Fact]) -> None:
        """Take in the facts that follow."""
        for fact in facts:
            self.seq = fact.seq
            if fact.kind not in _OBSERVERS:
                self.last_foreign = fact
            self._apply(fact)

    def _apply(self, fact: Fact) -> None:
        if fact.kind == Kind.CANARY_ACKNOWLEDGED:
            if fact.data["row"] > self.last_row:
                self.last_row = fact.data["row"]
                self.last_row_at = fact.at - timedelta(seconds=fact.mono_s - fact.data["sent_s"])
        elif fact.kind == Kind.OUTAGE_DETECTED:
            probe = fact.data["probe"]
            self.detections[probe] = self.detections.get(probe, 0) + 1
            self.detected_seq[probe] = fact.seq
        elif fact.kind == Kind.OUTAGE_INJECTED:
            self.outage_seq, self.outage_over = fact.seq, False
        elif fact.kind == Kind.OUTAGE_ENDED:
            self.outage_over = True
        elif fact.kind == Kind.ENGINE_STARTED:
            self.engine = fact
        elif fact.kind == Kind.GUARD_BROKEN:
            self.broken.append(fact.data["guard"])
        elif fact.kind == Kind.DRILL_FINISHED:
            self.finished = True

    def noticed(self, probe: str) -> bool:
        """Whether the outage that is on now has been noticed by this probe."""
        return bool(self.outage_seq) and not self.outage_over and self.detected_seq.get(probe, 0) > self.outage_seq

    def next_row(self, clock: Clock, every_s: float) -> int:
        """The first canary number that no observer of this drill can have used.

        Numbers rise with time, one per `every_s`, whether acknowledged or not, and a killed observer's last rows may be in the database
        but not in the journal: so the time since the highest acknowledged row counts, not only its number.
        """
        if self.last_row_at is None:
            return 1
        since_s = max(0.0, (clock.now() - self.last_row_at).total_seconds())
        return self.last_row + math.ceil(since_s / every_s) + _SPARE_ROWS
