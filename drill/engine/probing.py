"""Samples the probes of one work order on another host: open-loop, and silent where the host itself was in trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from drill.engine.observe import ProbeSampler
from drill.engine.observe_streams import pace
from drill.model.plan import Probe
from drill.model.ports import Clock, Sample
from drill.model.vantage_wire import WORST_CLOCK_S, Compared, Sampled, WorkOrder

OWN_TROUBLE: Final = frozenset({"no_files", "no_local_port"})
"""Errors that say something about this host and nothing about the service."""
STALL_S: Final = 0.25
"""A failure noticed so much later than its time-out was noticed by a process that stood still."""
_LONGEST: Final = 80
_ROUNDED_S: Final = 1e-6


class Prober:
    """Asks every probe of an order at its rhythm. `put` gets each sample as it ends; `compared` is the best comparison of clocks so far.

    `blind` counts the samples that were taken and say nothing: they are left out, which the report shows as a gap.
    """

    def __init__(
        self,
        order: WorkOrder,
        *,
        probes: ProbeSampler,
        clock: Clock,
        put: Callable[[Sampled], None],
        compared: Callable[[], Compared | None] = lambda: None,
    ) -> None:
        self.order = order
        self.taken = 0
        self.failed = 0
        self.blind = 0
        self._probes = probes
        self._clock = clock
        self._put = put
        self._compared = compared

    async def run(self) -> None:
        """Sample until cancelled."""
        async with asyncio.TaskGroup() as group:
            for probe in self.order.probes:
                group.create_task(self._pace(probe))

    async def _pace(self, probe: Probe) -> None:
        async def one(k: int, _count: int, due_s: float) -> None:
            sample = await self._probes.sample(probe.id, timeout_s=probe.timeout_s)
            if blind(sample, probe.timeout_s, self._clock.mono_s()):
                self.blind += 1
                return
            self.taken += 1
            self.failed += not sample.ok
            self._put(self._sampled(probe.id, k, due_s=due_s, sample=sample))

        await pace(self._clock, probe.every_s, one)

    def _sampled(self, probe: str, k: int, *, due_s: float, sample: Sample) -> Sampled:
        compared, error_s = self._compared(), 0.0
        if compared is not None:
            error_s = compared.error_at(sample.sent_s)
            compared = compared if error_s <= WORST_CLOCK_S else None
        return Sampled(
            probe=probe,
            epoch=self._clock.epoch,
            k=k,
            due_s=round(due_s, 6),
            sent_s=round(sample.sent_s, 6),
            received_s=None if sample.received_s is None else round(sample.received_s, 6),
            ok=sample.ok,
            error=sample.error[:_LONGEST],
            site=sample.site[:_LONGEST],
            address=sample.address[:_LONGEST],
            at=self._wall(sample.sent_s, compared),
            clock_offset_s=None if compared is None else round(compared.offset_s, 6),
            clock_error_s=None if compared is None else round(error_s + _ROUNDED_S, 6),
            clock_boot="" if compared is None else compared.boot,
        )

    def _wall(self, mono_s: float, compared: Compared | None) -> datetime:
        if compared is not None:
            return datetime.fromtimestamp(mono_s + compared.wall_offset_s, UTC)
        return self._clock.now() - timedelta(seconds=self._clock.mono_s() - mono_s)


def blind(sample: Sample, timeout_s: float, now_s: float) -> bool:
    """Whether a sample says nothing about the service: this host was out of something, or stood still while it was out."""
    return sample.error in OWN_TROUBLE or (not sample.ok and now_s - sample.sent_s > timeout_s + STALL_S)
