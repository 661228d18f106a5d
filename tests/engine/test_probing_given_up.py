"""An agent whose server has gone for good stops sampling, keeps what it has, and does not call the drill over."""

from __future__ import annotations

import asyncio
from pathlib import Path

from drill.adapters.clock import SystemClock
from drill.adapters.vantage_spool import Spool
from drill.engine.probing_agent import Agent
from drill.engine.probing_courier import WORD_WITHIN_S, Courier
from drill.model.ports import Sample
from tests.engine.vantage_samples import CutLink, Told, order_for


class Answering:
    """Every probe is answered at once (port of the prober)."""

    async def sample(self, probe: str, *, timeout_s: float | None = None) -> Sample:
        sent_s = SystemClock().mono_s()
        return Sample(sent_s, sent_s, True, "", "primary", "127.0.1.1")


def test_an_agent_whose_server_is_gone_for_good_stops_and_says_so(tmp_path: Path) -> None:
    link, told = CutLink(), Told()
    link.order = order_for("d")
    spool = Spool(tmp_path / "spool")
    courier = Courier(link, spool, told, now_s=lambda: SystemClock().mono_s() * WORD_WITHIN_S / 3)  # the hour is three seconds long
    agent = Agent(courier, link, clock=SystemClock(), probes_of=lambda _: Answering(), tell=told)

    async def run() -> None:
        asyncio.get_running_loop().call_later(0.5, setattr, link, "away", True)
        await asyncio.wait_for(agent.run(asyncio.Event(), once=True), 20)

    asyncio.run(run())

    assert told.words() == ["order", "away", "given up", "stopped"]
    assert spool.count() > 0
