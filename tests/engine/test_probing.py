"""An agent samples open-loop, leaves out what says nothing, and gets every sample to the server once and in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.adapters.clock import SystemClock
from drill.adapters.vantage_spool import Spool
from drill.engine.probing import Prober, blind
from drill.engine.probing_agent import Agent
from drill.engine.probing_courier import Courier
from drill.model.ports import Sample
from drill.model.vantage_wire import Compared, Sampled, WorkOrder
from tests.engine.vantage_samples import CutLink, Told, order_for, sampled


class Scripted:
    """Answers as told, after so long (port of the prober)."""

    def __init__(self, errors: list[str], *, after_s: float = 0.0) -> None:
        self.errors = errors
        self.after_s = after_s
        self.asked = 0

    async def sample(self, probe: str, *, timeout_s: float | None = None) -> Sample:
        error = self.errors[self.asked % len(self.errors)]
        self.asked += 1
        sent_s = time.monotonic()
        await asyncio.sleep(self.after_s)
        return Sample(sent_s, None if error else time.monotonic(), not error, error, "primary", "127.0.1.1")


def probing(
    probes: Scripted, *, seconds: float = 0.4, compared: Callable[[], Compared | None] = lambda: None
) -> tuple[Prober, list[Sampled]]:
    rows: list[Sampled] = []
    prober = Prober(order_for("d"), probes=probes, clock=SystemClock(), put=rows.append, compared=compared)

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(prober.run(), seconds)

    asyncio.run(run())
    return prober, rows


def test_a_slow_answer_never_delays_the_next_sample() -> None:
    probes = Scripted([""], after_s=10.0)

    probing(probes)

    assert probes.asked >= 5


def test_every_sample_carries_the_clock_as_it_was_compared_by_then() -> None:
    clock = SystemClock()
    compared = Compared("b00t", 5.0, 0.004, clock.mono_s(), 0.0)

    _, rows = probing(Scripted([""]), compared=lambda: compared)

    assert {(row.clock_offset_s, row.clock_boot) for row in rows} == {(5.0, "b00t")}
    assert all(0.004 <= (row.clock_error_s or 0) < 0.01 for row in rows)
    assert all(abs(row.at.timestamp() - row.sent_s) < 1e-3 for row in rows)  # by the server's wall clock, not by ours


def test_without_a_comparison_a_sample_stands_by_this_hosts_wall_clock() -> None:
    _, rows = probing(Scripted([""]))

    assert {row.clock_error_s for row in rows} == {None}
    assert all(abs(row.at.timestamp() - time.time()) < 5 for row in rows)


def test_a_comparison_that_could_be_off_by_half_a_minute_is_none() -> None:
    _, rows = probing(Scripted([""]), compared=lambda: Compared("b00t", 5.0, 40.0, 0.0, 0.0))

    assert {row.clock_error_s for row in rows} == {None}


def test_what_the_host_itself_lacked_is_left_out_and_counted() -> None:
    prober, rows = probing(Scripted(["no_files", "no_local_port", "refused", ""]))

    assert {row.error for row in rows} == {"refused", ""}
    assert prober.blind > 0
    assert (prober.taken, prober.failed) == (len(rows), sum(not row.ok for row in rows))


@pytest.mark.parametrize(
    ("error", "took_s", "nothing"),
    [("", 5.0, False), ("deadline", 1.1, False), ("deadline", 1.3, True), ("refused", 9.0, True), ("no_files", 0.0, True)],
)
def test_a_failure_noticed_long_after_its_time_out_says_that_this_process_stood_still(error: str, took_s: float, nothing: object) -> None:
    sample = Sample(100.0, None if error else 101.0, not error, error, "", "")

    assert blind(sample, 1.0, 100.0 + took_s) is nothing


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def test_samples_arrive_in_their_order_and_none_twice_when_the_server_was_away(spool: Spool) -> None:
    link, told = CutLink(), Told()
    courier = Courier(link, spool, told)
    for turn in range(6):
        link.away = turn in {1, 2, 3}
        for k in range(turn * 10, turn * 10 + 10):
            courier.put("d", sampled(k))
        courier.turn()

    assert link.numbers() == list(range(60))
    assert (courier.sent, spool.count()) == ({"d": 60}, 0)
    assert told.words() == ["away", "back"]


def test_what_could_not_be_sent_is_sent_by_the_next_agent(tmp_path: Path) -> None:
    link = CutLink()
    link.away = True
    first = Spool(tmp_path / "spool")
    courier = Courier(link, first, Told())
    courier.put("d", sampled(1))
    courier.turn()
    courier.put("d", sampled(2))
    courier.settle()
    first.close()
    link.away = False

    Courier(link, Spool(tmp_path / "spool"), Told()).turn()

    assert link.numbers() == [1, 2]


def test_a_server_that_is_away_is_tried_once_a_turn_however_much_waits(spool: Spool) -> None:
    link = CutLink()
    link.away = True
    courier = Courier(link, spool, Told())
    for k in range(2000):
        courier.put("d", sampled(k))
        if k % 100 == 0:
            courier.turn()
    tries = link.tries

    courier.turn()

    assert link.tries == tries + 1


def test_a_drill_that_is_over_takes_what_waits_for_it_along_and_nothing_else(spool: Spool) -> None:
    link = CutLink()
    link.away = True
    courier = Courier(link, spool, Told())
    for drill in ("old", "old", "new"):
        courier.put(drill, sampled(1))
        courier.turn()
    link.away, link.over = False, {"old"}

    courier.turn()

    assert [batch.drill for batch in link.batches] == ["new"]
    assert spool.count() == 0


def test_what_is_thrown_away_is_said_with_why(tmp_path: Path) -> None:
    link, told = CutLink(), Told()
    link.away = True
    spool = Spool(tmp_path / "spool")
    courier = Courier(link, spool, told)
    for k in range(3):
        courier.put("old", sampled(k))
        courier.turn()
    spool.close()
    min((tmp_path / "spool").glob("*.json")).write_bytes(b"\x00\xff")
    link.away, link.over = False, {"old"}

    Courier(link, Spool(tmp_path / "spool"), told).turn()

    assert [fields for what, fields in told.rows if what == "dropped"] == [
        {"batches": 2, "why": "old is over"},
        {"batches": 1, "why": "they could not be read"},
    ]


@pytest.mark.parametrize("answer", ["away", "unknown"])
def test_an_order_that_no_server_has_spoken_of_for_an_hour_is_none_any_more_and_what_waits_is_kept(spool: Spool, answer: str) -> None:
    link, told, now_s = CutLink(), Told(), [0.0]
    courier = Courier(link, spool, told, now_s=lambda: now_s[0])
    link.order = order_for("d")
    courier.turn()
    link.away, link.away_as = True, answer

    orders = []
    for now_s[0] in (1.0, 3599.0, 3601.0, 3602.0):
        courier.put("d", sampled(int(now_s[0])))
        orders.append(courier.turn())
    waiting = spool.count()
    link.away = False
    courier.turn()

    assert (courier.given_up, "given up" in told.words()) == ("d", True)
    assert (orders, courier.turn()) == ([link.order, link.order, None, None], link.order)
    assert (waiting, link.numbers()) == (4, [1, 3599, 3601, 3602])


def test_what_has_arrived_is_counted_for_each_drill_by_itself(spool: Spool) -> None:
    link = CutLink()
    courier = Courier(link, spool, Told())
    for drill, count in (("a", 3), ("b", 2)):
        for k in range(count):
            courier.put(drill, sampled(k))
        courier.turn()

    assert courier.sent == {"a": 3, "b": 2}


def test_while_nothing_is_sampled_it_asks_what_there_is_to_do(spool: Spool) -> None:
    link = CutLink()
    courier = Courier(link, spool, Told())
    before = courier.turn()
    link.order = order_for("d")
    then = courier.turn()
    link.away = True
    cut_off = courier.turn()
    link.away, link.over = False, {"d"}

    assert (before, then, cut_off, courier.turn()) == (None, link.order, link.order, None)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900), st.booleans(), st.booleans()), max_size=12))
def test_whenever_the_server_is_away_or_the_agent_replaced_nothing_is_lost_doubled_or_out_of_order(
    turns: list[tuple[int, bool, bool]],
) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        link, k = CutLink(), 0
        spool = Spool(Path(folder))
        courier = Courier(link, spool, Told())
        for count, away, replaced in turns:
            link.away = away
            for _ in range(count):
                courier.put("d", sampled(k))
                k += 1
            courier.turn()
            if replaced:
                courier.settle()
                spool.close()
                spool = Spool(Path(folder))
                courier = Courier(link, spool, Told())
        link.away = False
        for _ in range(3):
            courier.turn()
        spool.close()

    assert link.numbers() == list(range(k))


def test_an_agent_samples_while_a_drill_runs_and_once_ends_with_it(spool: Spool) -> None:
    link, told = CutLink(), Told()
    link.order = order_for("d")
    made: list[WorkOrder] = []

    def probes_of(order: WorkOrder) -> Scripted:
        made.append(order)
        return Scripted(["", "refused"])

    agent = Agent(Courier(link, spool, told), link, clock=SystemClock(), probes_of=probes_of, tell=told)

    async def run() -> None:
        asyncio.get_running_loop().call_later(2.5, link.over.add, "d")
        await asyncio.wait_for(agent.run(asyncio.Event(), once=True), 20)

    asyncio.run(run())

    assert made == [link.order]
    assert len(link.numbers()) > 20
    assert link.numbers() == sorted(set(link.numbers()))
    assert told.words() == ["order", "over"]


def test_an_agent_that_is_told_to_end_delivers_what_it_has(spool: Spool) -> None:
    link = CutLink()
    link.order = order_for("d")
    agent = Agent(Courier(link, spool, Told()), link, clock=SystemClock(), probes_of=lambda _: Scripted([""]), tell=Told())

    async def run() -> None:
        ended = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, ended.set)
        await asyncio.wait_for(agent.run(ended), 20)

    asyncio.run(run())

    assert len(link.numbers()) >= 5
