"""The engine tells vantage points what to ask, does not begin without those whose users count, and hears them out at the end."""

from __future__ import annotations

from typing import Any

import pytest

from drill.adapters.journal_memory import MemoryJournal
from drill.engine.record import Recorder
from drill.engine.vantage_intake import Moment, sieve
from drill.engine.vantage_watch import VantageWatch, orders_in
from drill.model.errors import PreflightFailed
from drill.model.events import Kind
from drill.model.plan import Plan
from tests.engine.observing import plan_of
from tests.engine.vantage_samples import PROBES, order_for, sampled, vantage_plan
from tests.fakes import FakeClock

ORDERS = {name: order_for("d", name) for name in ("frankfurt", "tokyo")}


class Waiting(FakeClock):
    """Time passes while somebody waits, and points send what they have at their moment."""

    def __init__(self, journal: MemoryJournal, sends: dict[float, str] | None = None) -> None:
        super().__init__()
        self.journal = journal
        self.sends = sends or {}
        self.slept_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.at_s += seconds
        self.slept_s += seconds
        for due_s in [due_s for due_s in self.sends if due_s <= self.slept_s]:
            point = self.sends.pop(due_s)
            found = sieve(vantage_plan(), point, [sampled(int(due_s * 10), at=self.now())], planned_at=self.now(), moment=Moment.by(self))
            self.journal.append("d", found.drafts)


def watched(sends: dict[float, str] | None = None, plan: Plan | None = None) -> tuple[VantageWatch, MemoryJournal, Waiting]:
    journal = MemoryJournal()
    clock = Waiting(journal, sends)
    return VantageWatch(Recorder("d", journal=journal, clock=clock), plan or vantage_plan()), journal, clock


def test_it_writes_down_what_each_point_is_to_ask_and_begins_as_soon_as_all_have_sent() -> None:
    watch, journal, clock = watched({0.5: "tokyo", 1.0: "frankfurt"})

    watch.begin(ORDERS)

    (told,) = journal.read("d", kinds=frozenset({Kind.PREFLIGHT_CHECKED}))
    assert orders_in(told) == ORDERS
    assert clock.slept_s < 1.5


def test_a_drill_does_not_begin_without_a_point_whose_users_count() -> None:
    watch, _, clock = watched({0.5: "tokyo"})

    with pytest.raises(PreflightFailed, match=r"frankfurt within 20 s") as refused:
        watch.begin(ORDERS)

    assert refused.value.code == "F071"
    assert "--as frankfurt" in refused.value.fix
    assert clock.slept_s == pytest.approx(20, abs=0.5)


def test_a_point_that_does_not_count_is_missed_aloud_and_waited_for_no_longer() -> None:
    watch, journal, _ = watched({0.5: "frankfurt"})

    watch.begin(ORDERS)

    (finding,) = journal.read("d", kinds=frozenset({Kind.FINDING_RAISED}))
    assert (finding.data["code"], "tokyo" in finding.data["what"]) == ("D540", True)


def test_at_the_end_it_waits_until_what_was_sampled_before_the_verdict_has_come() -> None:
    watch, journal, clock = watched({0.5: "tokyo", 1.0: "frankfurt", 4.0: "frankfurt", 4.5: "tokyo"})
    watch.begin(ORDERS)
    clock.at_s += 2
    Recorder("d", journal=journal, clock=clock).say(Kind.FAILBACK_STARTED, "failback")
    begun_s = clock.slept_s

    watch.hear_out()

    assert clock.slept_s - begun_s == pytest.approx(3.5, abs=0.5)


def test_it_waits_for_a_point_that_is_gone_for_five_seconds_and_no_longer() -> None:
    watch, _, clock = watched({0.5: "tokyo", 1.0: "frankfurt"})
    watch.begin(ORDERS)
    begun_s = clock.slept_s

    watch.hear_out()

    assert clock.slept_s - begun_s == pytest.approx(5, abs=0.5)


def test_a_point_that_sends_nothing_more_keeps_the_outage_from_beginning() -> None:
    watch, _, clock = watched({0.5: "tokyo", 1.0: "frankfurt"})
    watch.begin(ORDERS)
    clock.at_s += 9

    assert watch.unheard() == ["frankfurt has sent nothing for 14 s"]


def test_what_was_sent_before_the_look_is_no_sign_of_life_and_what_comes_after_it_is() -> None:
    watch, _, clock = watched({0.5: "tokyo", 1.0: "frankfurt", 3.0: "frankfurt"})
    watch.begin(ORDERS)
    begun_s = clock.slept_s

    assert watch.unheard() == []
    assert clock.slept_s - begun_s == pytest.approx(2, abs=0.5)


def test_once_an_outage_was_made_the_drill_goes_on_without_a_silent_point() -> None:
    watch, journal, clock = watched({0.5: "tokyo", 1.0: "frankfurt"})
    watch.begin(ORDERS)
    Recorder("d", journal=journal, clock=clock).say(Kind.OUTAGE_INJECTED, "injected", site="primary", method="m", step="a.x")

    assert watch.unheard() == []


def silences(journal: MemoryJournal) -> list[tuple[str, str]]:
    return [(fact.data["code"], fact.data["what"]) for fact in journal.read("d", kinds=frozenset({Kind.FINDING_RAISED}))]


def test_a_point_that_falls_silent_is_told_once_and_once_that_it_is_back() -> None:
    watch, journal, clock = watched({0.5: "tokyo", 1.0: "frankfurt", 8.0: "frankfurt"})
    watch.begin(ORDERS)
    heard_s = clock.slept_s

    told: list[tuple[float, str]] = []
    while clock.slept_s < 10:
        watch.tell_silence()
        told += [(clock.slept_s - heard_s, code) for code, _ in silences(journal)[len(told) :]]
        clock.sleep(0.5)

    assert [code for _, code in told] == ["D541", "D542"]
    assert silences(journal)[0][1].startswith("nothing has come from frankfurt for 3.")
    assert 3 < told[0][0] <= 4


def test_a_point_that_comes_and_goes_is_told_of_five_times_and_no_more() -> None:
    sends = {1.0 + 5 * turn: "frankfurt" for turn in range(9)}
    watch, journal, clock = watched({0.5: "tokyo", **sends})
    watch.begin(ORDERS)

    while clock.slept_s < 45:
        watch.tell_silence()
        clock.sleep(0.5)

    assert [code for code, _ in silences(journal)] == ["D541", "D542"] * 5


@pytest.mark.parametrize("end", [Kind.FAILBACK_STARTED, Kind.ABORT_REQUESTED])
def test_after_the_verdict_nobody_is_missed(end: Kind) -> None:
    watch, journal, clock = watched({0.5: "tokyo", 1.0: "frankfurt"})
    watch.begin(ORDERS)
    Recorder("d", journal=journal, clock=clock).say(end, "end", reason="x", channel="engine")

    watch.stay()

    assert silences(journal) == []


def test_another_life_watches_on_and_an_engine_that_let_the_drill_go_does_not() -> None:
    watch, journal, clock = watched({0.5: "tokyo", 1.0: "frankfurt"})
    watch.begin(ORDERS)
    lives = iter([False] * 12 + [True])
    later = VantageWatch(Recorder("d", journal=journal, clock=clock), vantage_plan(), gone=lambda: next(lives))

    later.stay()

    assert [code for code, _ in silences(journal)] == ["D541"]
    assert next(lives, None) is None


def test_an_engine_that_stood_still_itself_takes_nobody_for_silent() -> None:
    watch, journal, clock = watched({0.5: "tokyo", 1.0: "frankfurt"})
    watch.begin(ORDERS)
    looks = iter(range(12))

    def gone() -> bool:
        look = next(looks)
        clock.at_s += 30 if look % 4 == 2 else 0
        return look == 11

    VantageWatch(Recorder("d", journal=journal, clock=clock), vantage_plan(), gone=gone).stay()

    assert silences(journal) == []


@pytest.mark.parametrize(
    "points", [{}, {"vantage_points": tuple(point.model_copy(update={"key": ""}) for point in vantage_plan().vantage_points)}]
)
def test_a_plan_without_points_that_send_costs_nothing(points: dict[str, Any]) -> None:
    watch, journal, clock = watched(plan=plan_of(PROBES).model_copy(update=points))

    watch.begin({})
    watch.hear_out()

    assert watch.unheard() == []
    watch.start()
    assert (journal.read("d"), clock.slept_s, list(watch.wanted)) == ([], 0.0, [])


def test_other_facts_hold_no_orders() -> None:
    journal = MemoryJournal()
    pen = Recorder("d", journal=journal, clock=FakeClock())
    pen.say(Kind.PREFLIGHT_CHECKED, "preflight/x", check="x", ok=True, detail="")
    pen.say(Kind.DRILL_STARTED, "started")

    assert [orders_in(fact) for fact in journal.read("d")] == [{}, {}]
