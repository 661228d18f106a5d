"""The desk for vantage points looks at what is new, however many drills there have been and however long one lasts."""

from __future__ import annotations

import pytest

from drill.adapters.clock import SystemClock
from drill.adapters.journal_memory import MemoryJournal
from drill.engine.record import Recorder
from drill.model.errors import PreflightFailed
from drill.model.events import Fact, Kind
from drill.wiring import vantage_desk
from drill.wiring.vantage_desk import VantageDesk, refuse_weak_keys
from tests.engine.observing import plan_of
from tests.engine.vantage_samples import PROBES, order_for, vantage_plan

KEY = "a-key-that-nobody-guesses-0123456789"


class Watched(MemoryJournal):
    """Remembers from where each drill was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[str, int]] = []

    def read(self, drill: str, *, after: int = 0, kinds: frozenset[Kind] | None = None) -> list[Fact]:
        self.reads.append((drill, after))
        return super().read(drill, after=after, kinds=kinds)


@pytest.fixture
def journal() -> Watched:
    return Watched()


@pytest.fixture
def desk(journal: Watched, monkeypatch: pytest.MonkeyPatch) -> VantageDesk:
    monkeypatch.setattr(vantage_desk, "FRESH_S", -1.0)
    return VantageDesk(journal, SystemClock(), lambda _reference: KEY)


def begin(journal: MemoryJournal, drill: str, *, points: bool = True, told: bool = True) -> Recorder:
    """A drill that runs."""
    pen = Recorder(drill, journal=journal, clock=SystemClock())
    plan = vantage_plan() if points else plan_of(PROBES)
    pen.say(Kind.DRILL_PLANNED, "planned", plan=plan.model_dump(mode="json"), plan_digest="0", started_by="lead")
    if told:
        orders = {"frankfurt": order_for(drill).model_dump(mode="json")}
        pen.say(Kind.PREFLIGHT_CHECKED, "preflight/vantage/1", check="vantage points", ok=True, detail="", orders=orders)
    return pen


def test_a_long_drill_is_not_read_again_from_its_beginning(journal: Watched, desk: VantageDesk) -> None:
    pen = begin(journal, "d")
    desk.seats("frankfurt")
    for number in range(500):
        pen.say(Kind.PHASE_OPENED, f"p/{number}", phase="p")
    desk.seats("frankfurt")
    journal.reads.clear()

    desk.seats("frankfurt")

    assert journal.reads == [("d", 502)]


def test_drills_without_vantage_points_and_those_that_ended_are_looked_at_once(journal: Watched, desk: VantageDesk) -> None:
    for number in range(120):
        begin(journal, f"plain-{number}", points=False)
    begin(journal, "over").say(Kind.DRILL_FINISHED, "finished", outcome="finished", exit_code=0, left=[])
    begin(journal, "runs")
    for _ in range(4):
        seats = desk.seats("frankfurt")
    journal.reads.clear()

    desk.seats("frankfurt")

    assert [seat.drill for seat in seats] == ["runs", "over"]
    assert {drill for drill, _ in journal.reads} == {"runs"}


def test_the_newest_running_drill_is_worked_for_however_many_ran_before(journal: Watched, desk: VantageDesk) -> None:
    for number in range(130):
        begin(journal, f"d{number}")
    first = desk.order(desk.seats("frankfurt"), "")
    for _ in range(3):
        seats = desk.seats("frankfurt")

    then = desk.order(seats, "")

    assert first is not None
    assert then is not None
    assert (first.drill, then.drill) == ("d129", "d129")


def test_an_order_that_was_written_anew_replaces_the_older_one(journal: Watched, desk: VantageDesk) -> None:
    pen = begin(journal, "d")
    desk.seats("frankfurt")
    moved = order_for("d").model_copy(update={"resolver": "127.0.0.9:53"})
    orders = {"frankfurt": moved.model_dump(mode="json")}
    pen.say(Kind.PREFLIGHT_CHECKED, "preflight/vantage/2", check="vantage points", ok=True, detail="", orders=orders)

    assert desk.order(desk.seats("frankfurt"), "") == moved


def test_a_key_that_is_short_or_not_set_stops_the_drill_before_anything_is_touched() -> None:
    def missing(reference: str) -> str:
        raise PreflightFailed(f"{reference} is not set.", code="F010")

    with pytest.raises(PreflightFailed, match="frankfurt is shorter than 22") as weak:
        refuse_weak_keys(vantage_plan(), lambda _reference: "short")
    with pytest.raises(PreflightFailed) as unset:
        refuse_weak_keys(vantage_plan(), missing)

    assert (weak.value.code, unset.value.code) == ("F074", "F010")
    assert "VANTAGE_FRANKFURT" in weak.value.fix
    refuse_weak_keys(vantage_plan(), lambda _reference: KEY)
