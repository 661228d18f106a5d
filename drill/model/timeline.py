"""The facts of one drill on one axis: whole milliseconds since the start of the drill."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from drill.model.errors import JournalBroken
from drill.model.events import Fact, Kind, stamp
from drill.model.plan import Mode, Plan
from drill.model.vantage import foreign_ties, vantage_of

MEASUREMENTS: Final = frozenset({Kind.PROBE_SAMPLED, Kind.CANARY_ACKNOWLEDGED})
_RETURNS: Final = (Kind.OUTAGE_ENDED, Kind.UNDO_DONE, Kind.UNDO_FAILED, Kind.DRILL_FINISHED)
"""From here on a service that answers may do so because the old side came back."""
_WAYS_BACK: Final = frozenset({"failback", "abort"})
_LIFTS: Final = (Kind.DRILL_HELD, Kind.OPERATOR_DECIDED, Kind.FAILBACK_STARTED)


def boot_of(epoch: str) -> str:
    """The boot an epoch belongs to; `mono_s` compares within it."""
    return epoch.rsplit("-", 2)[0]


class Timeline:
    """Facts by kind, placed on the axis. Within one boot places come from the monotonic clock; another boot is tied on by wall time.

    Vantage points are tied on by their own comparison with a clock of the drill.

    Raises: JournalBroken: the facts hold no plan (J004).
    """

    def __init__(self, facts: Sequence[Fact]) -> None:
        self.facts = facts
        self._by_kind: dict[Kind, list[Fact]] = {}
        for fact in facts:
            self._by_kind.setdefault(fact.kind, []).append(fact)
        planned = self.first(Kind.DRILL_PLANNED)
        if planned is None:
            raise JournalBroken("the facts of this drill hold no plan.", code="J004", fix="Wait for its first fact, or see `drill list`.")
        self.planned = planned
        self.plan = Plan.model_validate(planned.data["plan"])
        self.zero = self.first(Kind.DRILL_STARTED) or planned
        self._offsets: dict[str, float] = {}
        """Axis seconds less monotonic seconds, by epoch."""
        self.boots = self._tie_boots()
        self.now_ms = max(self.ms(fact) for fact in facts if not vantage_of(fact))

    def _tie_boots(self) -> tuple[str, ...]:
        by_boot = {boot_of(self.zero.epoch): -self.zero.mono_s}
        foreign: list[Fact] = []
        for fact in self.facts:
            if vantage_of(fact):
                foreign.append(fact)
                continue
            boot = boot_of(fact.epoch)
            if boot not in by_boot:
                by_boot[boot] = (fact.at - self.zero.at).total_seconds() - fact.mono_s
            self._offsets[fact.epoch] = by_boot[boot]
        self._offsets = {**foreign_ties(foreign, by_boot, self.zero), **self._offsets}
        return tuple(by_boot)

    @property
    def measured(self) -> bool:
        """False in a dry run: whatever it says took no real time."""
        return self.plan.mode is not Mode.DRY_RUN

    @property
    def zero_at(self) -> str:
        """The zero of the axis as UTC text."""
        return stamp(self.zero.at)

    @property
    def epochs(self) -> tuple[str, ...]:
        """Every process run that left a fact, in order of appearance."""
        return tuple(self._offsets)

    def of(self, *kinds: Kind) -> list[Fact]:
        """The facts of these kinds, in journal order."""
        if len(kinds) == 1:
            return self._by_kind.get(kinds[0], [])
        return sorted((fact for kind in kinds for fact in self._by_kind.get(kind, [])), key=lambda fact: fact.seq)

    def first(self, kind: Kind) -> Fact | None:
        """The first fact of the kind."""
        return next(iter(self._by_kind.get(kind, ())), None)

    def story(self) -> Iterator[Fact]:
        """Every fact that is not a measurement, in journal order."""
        return (fact for fact in self.facts if fact.kind not in MEASUREMENTS)

    def ms(self, fact: Fact) -> int:
        """Where a fact lies."""
        return self.ms_of(fact, fact.mono_s)

    def ms_of(self, fact: Fact, mono_s: float) -> int:
        """Where a monotonic time noted in a fact lies."""
        return round((self._offsets[fact.epoch] + mono_s) * 1000)

    def ms_at(self, text: str) -> int:
        """Where a wall time written as ISO 8601 lies."""
        return round((datetime.fromisoformat(text) - self.zero.at).total_seconds() * 1000)

    def first_ms(self, kind: Kind) -> int | None:
        """Where the first fact of the kind lies."""
        fact = self.first(kind)
        return None if fact is None else self.ms(fact)

    def last_sign_ms(self, epoch: str) -> int:
        """The last moment a process is known to have lived."""
        return max(self.ms(fact) for fact in self.facts if fact.epoch == epoch)

    @property
    def outage_ms(self) -> int | None:
        """When the site was lost."""
        return self.first_ms(Kind.OUTAGE_INJECTED)

    @property
    def returned_ms(self) -> int | None:
        """When a good answer stopped being proof of the failover: the outage was lifted, something undone, or the drill ended."""
        places = [self.ms(facts[0]) for kind in _RETURNS if (facts := self._by_kind.get(kind))]
        return min(places, default=None)

    @property
    def abort_ms(self) -> int | None:
        """When the abort in force was asked for: one that no hold, decision or failback has followed."""
        since = max((fact.seq for fact in self.of(*_LIFTS)), default=0)
        return next((self.ms(fact) for fact in self.of(Kind.ABORT_REQUESTED) if fact.seq > since), None)

    @property
    def cut_ms(self) -> int | None:
        """The end of the failover: the failback began, an abort turned it round, or the old side came back. Later losses do not count."""
        places = [ms for ms in (self.first_ms(Kind.FAILBACK_STARTED), self.abort_ms, self.returned_ms) if ms is not None]
        return min(places, default=None)

    @property
    def verdict_ms(self) -> int | None:
        """When the drill proper was over and could be judged; nothing when it was undone or never got there."""
        failback = self.first_ms(Kind.FAILBACK_STARTED)
        finished = self.first(Kind.DRILL_FINISHED)
        if failback is not None or finished is None or finished.data["outcome"] != "finished":
            return failback
        return self.ms(finished)

    @property
    def given_up_ms(self) -> int | None:
        """When the drill part was left for good: the first hold that a person ended by a failback or an abort."""
        turns = self.of(Kind.DRILL_HELD, Kind.OPERATOR_DECIDED)
        left = [held for held, chosen in pairwise(turns) if held.kind is Kind.DRILL_HELD and chosen.data.get("verb") in _WAYS_BACK]
        return self.ms(left[0]) if left else None

    @property
    def over_ms(self) -> int | None:
        """When nothing could run any more: the drill finished, or went on hold and nobody has decided yet."""
        finished = self.first_ms(Kind.DRILL_FINISHED)
        if finished is not None:
            return finished
        turns = self.of(Kind.DRILL_HELD, Kind.OPERATOR_DECIDED)
        return self.ms(turns[-1]) if turns and turns[-1].kind is Kind.DRILL_HELD else None
