"""Watches the guards of a drill until its verdict: one that breaks asks for an abort at once, in one transaction with what was seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from drill.engine.observe_scribe import Scribe
from drill.engine.observe_streams import pace
from drill.model.events import Draft, Kind
from drill.model.guards import Look, Patience
from drill.model.heartbeat import Watch
from drill.model.plan import Guard, Plan
from drill.model.ports import Clock, Sample

_OVER: Final = frozenset({Kind.FAILBACK_STARTED, Kind.DRILL_FINISHED})
_log = logging.getLogger(__name__)


class GuardSource(Protocol):
    """Looks at guards that are no probes, without holding up anything else."""

    async def look(self, guard: str) -> Look:
        """Never raises for a guard that cannot be seen, and never takes longer than the guard's `for_s`."""


class GuardPost:
    """Watches over the guards of one plan. `source` may be missing when all of them are probes."""

    def __init__(self, plan: Plan, source: GuardSource | None, *, clock: Clock, scribe: Scribe) -> None:
        self.asked = tuple(guard for guard in plan.guards if guard.asks != "probe")
        """The guards that are no probes: each is asked in its own rhythm."""
        self._probed = tuple(guard for guard in plan.guards if guard.asks == "probe")
        self._source = source
        self._clock = clock
        self._scribe = scribe
        self._watches = {guard.id: Watch(misses=guard.misses) for guard in self._probed}
        self._patience = {guard.id: Patience(guard.for_s) for guard in self.asked}
        self._unseen = {guard.id for guard in self.asked}
        self._breaks = 0

    def recall(self, broken: Sequence[str]) -> None:
        """Take guards for broken that broke before this observer came, one entry for each time.

        They count again once they have held: who went on with a drill on hold in spite of a broken guard has overruled it until then.
        """
        self._breaks = len(broken)
        self._watches = {name: replace(watch, down=name in broken) for name, watch in self._watches.items()}
        self._patience = {name: replace(patience, down=name in broken) for name, patience in self._patience.items()}

    def ready(self) -> bool:
        """Whether each guard that is no probe has been looked at."""
        return not self._unseen

    async def watch(self, guard: Guard) -> None:
        """Look at one guard again and again, for ever. Raises: ValueError: there is no source to look with."""
        source = self._source
        if source is None:
            raise ValueError(f"nobody can look at the guard {guard.id}")

        async def one(_k: int, _count: int, _due_s: float) -> None:
            look = await source.look(guard.id)
            self._unseen.discard(guard.id)
            self._patience[guard.id], why = self._patience[guard.id].after(look)
            if why:
                await self._broke(guard, why)

        await pace(self._clock, guard.every_s, one)

    async def sampled(self, probe: str, count: int, sample: Sample) -> None:
        """Take in the answer number `count` of a probe, or that there was none."""
        for guard in self._probed:
            if guard.probe == probe:
                self._watches[guard.id], missed = self._watches[guard.id].after(count, answered=sample.ok)
                if missed is not None:
                    await self._broke(guard, f"{probe} missed {missed.misses} answers in a row, the last with {sample.error}")

    async def _broke(self, guard: Guard, why: str) -> None:
        self._breaks += 1
        _log.warning("observer.guard_broken", extra={"guard": guard.id})
        once = f"{guard.id}/{self._breaks}"
        broken = self._draft(Kind.GUARD_BROKEN, guard, f"guard/{once}", guard=guard.id, detail=why)
        reason = f"the guard {guard.id} broke: {why}"
        abort = self._draft(Kind.ABORT_REQUESTED, guard, f"abort/guard/{once}", reason=reason, channel="guard", guard=guard.id)
        await asyncio.to_thread(self._scribe.write_unless, _OVER, broken, abort)

    def _draft(self, kind: Kind, guard: Guard, key: str, /, **data: Any) -> Draft:
        return Draft(kind, f"guard:{guard.id}", key, data, self._clock.now(), self._clock.mono_s(), self._clock.epoch)
