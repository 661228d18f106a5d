"""The agent of a vantage point: waits for a drill that names it and samples for that drill until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from drill.engine.observe import ProbeSampler
from drill.engine.probing import Prober
from drill.engine.probing_courier import Courier, Link, Tell
from drill.model.ports import Clock
from drill.model.vantage_wire import WorkOrder

TURN_S: Final = 1.0


class Agent:
    """Runs one vantage point until told to stop. `probes_of` makes what asks the probes of an order."""

    def __init__(self, courier: Courier, link: Link, *, clock: Clock, probes_of: Callable[[WorkOrder], ProbeSampler], tell: Tell) -> None:
        self._courier = courier
        self._link = link
        self._clock = clock
        self._probes_of = probes_of
        self._tell = tell
        self._prober: Prober | None = None
        self._playing: asyncio.Task[None] | None = None

    async def run(self, ended: asyncio.Event, *, once: bool = False) -> None:
        """Play drill after drill, or `once` one, until `ended` is set; then send or keep what waits."""
        try:
            while not ended.is_set():
                order = await asyncio.to_thread(self._courier.turn)
                played = await self._follow(order)
                if played and once:
                    return
                await wait(ended, TURN_S)
        finally:
            await self._stop()
            await asyncio.to_thread(self._courier.settle)

    async def _follow(self, order: WorkOrder | None) -> bool:
        """Sample for the order in force and no other; true when a drill has just ended."""
        if self._playing is not None and self._playing.done():
            self._playing.result()  # it never ends in peace
        prober, played = self._prober, False
        if prober is not None and (order is None or order.drill != prober.order.drill):
            await self._stop()
            played = True
            self._tell(
                "stopped" if prober.order.drill == self._courier.given_up else "over", {"drill": prober.order.drill, **self._counts(prober)}
            )
        if order is not None and self._prober is None:
            self._start(order)
        elif self._prober is not None:
            self._tell("sampling", {"drill": self._prober.order.drill, **self._counts(self._prober)})
        return played

    def _start(self, order: WorkOrder) -> None:
        put, compared = partial(self._courier.put, order.drill), lambda: self._link.compared
        self._prober = Prober(order, probes=self._probes_of(order), clock=self._clock, put=put, compared=compared)
        self._playing = asyncio.create_task(self._prober.run())
        self._tell("order", {"drill": order.drill, "probes": [probe.id for probe in order.probes]})

    async def _stop(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)  # cancelled; an error of its own was raised by `_follow`
        self._playing = self._prober = None

    def _counts(self, prober: Prober) -> dict[str, int]:
        counts = {"taken": prober.taken, "failed": prober.failed, "blind": prober.blind}
        drill = prober.order.drill
        return {**counts, "sent": self._courier.sent[drill], "refused": self._courier.refused[drill], "kept": self._courier.kept}


async def wait(ended: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until it is set."""
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait([waiting], timeout=seconds)
    waiting.cancel()
