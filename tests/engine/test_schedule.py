"""A due time becomes exactly one drill, run or missed, whichever server sees it first and whenever the others look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from drill.adapters.clock import SystemClock
from drill.adapters.journal_memory import MemoryJournal
from drill.engine.record import Recorder
from drill.engine.schedule import Entry, Office, ScheduleClerk
from drill.model.events import Kind
from drill.model.plan import Mode, Plan
from drill.model.scenario_schedules import ScheduleForm
from tests.model.story_plan import sandbox_plan

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Marks:
    """Marks in memory."""

    def __init__(self) -> None:
        self.until: dict[str, datetime] = {}

    def settled_until(self, schedule: str, *, first: datetime) -> datetime:
        return self.until.setdefault(schedule, first)

    def settle(self, schedule: str, until: datetime) -> None:
        self.until[schedule] = max(until, self.until[schedule])


class Town:
    """One database that several clerks share, and a clock to turn."""

    def __init__(self, *, mode: Mode = Mode.SANDBOX, broken: str = "", going: str = "", **form: object) -> None:
        self.now = NOON
        self.journal, self.marks = MemoryJournal(), Marks()
        self.queued: list[str] = []
        self.told: list[str] = []
        self.going = going
        plan = sandbox_plan().model_copy(update={"mode": mode})
        fields = {"cron": "0 * * * *", **form}
        self.entry = Entry("outage", "hourly", ScheduleForm.model_validate(fields), lambda: (plan, broken))

    def clerk(self, server: str = "one", *, queue: Callable[[str, Plan], None] | None = None, allow_live: bool = False) -> ScheduleClerk:
        office = Office(
            marks=self.marks,
            recorder=lambda drill: Recorder(drill, journal=self.journal, clock=SystemClock()),
            now=lambda: self.now,
            queue=queue or (lambda drill, _plan: self.queued.append(drill)),
            unfinished=lambda _entry, _drill: self.going,
            tell_missed=lambda drill, _plan, why: self.told.append(f"{drill}: {why}"),
        )
        return ScheduleClerk(office, server=server, allow_live=allow_live)

    def outcomes(self) -> dict[str, str]:
        found = {}
        for drill in self.journal.drills():
            ended = self.journal.find(drill, "finished")
            found[drill] = str(ended.data["outcome"]) if ended else "queued"
        return found


def test_a_schedule_seen_for_the_first_time_starts_nothing_that_lies_before() -> None:
    town = Town()

    assert town.clerk().turn(town.entry) == []


def test_what_comes_due_is_queued_once_under_an_id_that_tells_when() -> None:
    town = Town()
    clerk = town.clerk()
    clerk.turn(town.entry)
    town.now += timedelta(hours=1, seconds=2)

    assert clerk.turn(town.entry) == ["outage.hourly.20260302T130000Z"]
    assert clerk.turn(town.entry) == []


def test_a_second_server_that_looked_at_the_same_moment_does_what_the_first_decided() -> None:
    town = Town()
    first, second = town.clerk("one"), town.clerk("two")
    first.turn(town.entry)
    town.now += timedelta(hours=1)
    seen = dict(town.marks.until)
    first.turn(town.entry)
    town.marks.until = seen
    town.now += timedelta(minutes=10)

    second.turn(town.entry)

    assert set(town.queued) == {"outage.hourly.20260302T130000Z"}
    assert town.outcomes() == {"outage.hourly.20260302T130000Z": "queued"}


def test_a_server_that_dies_between_deciding_and_queueing_leaves_the_rest_to_another() -> None:
    town = Town()

    def die(_drill: str, _plan: Plan) -> None:
        raise ConnectionError("killed")

    town.clerk().turn(town.entry)
    town.now += timedelta(hours=1)
    try:
        town.clerk("one", queue=die).turn(town.entry)
    except ConnectionError:
        town.now += timedelta(minutes=5)

    assert town.clerk("two").turn(town.entry) == ["outage.hourly.20260302T130000Z"]


def test_a_due_time_that_nobody_was_there_for_is_a_missed_drill_and_a_message() -> None:
    town = Town()
    town.clerk().turn(town.entry)
    town.now += timedelta(hours=2, minutes=30)

    assert town.clerk().turn(town.entry) == []
    assert set(town.outcomes().values()) == {"missed"}
    assert len(town.told) == 2
    assert town.journal.read("outage.hourly.20260302T130000Z", kinds=frozenset({Kind.DRILL_FINISHED}))[0].data["exit_code"] is None


def test_the_newest_missed_run_still_begins_when_its_schedule_lets_it_be_late() -> None:
    town = Town(misfire={"run_late": "45m"})
    town.clerk().turn(town.entry)
    town.now += timedelta(hours=2, minutes=30)

    assert town.clerk().turn(town.entry) == ["outage.hourly.20260302T140000Z"]
    assert town.outcomes()["outage.hourly.20260302T130000Z"] == "missed"


def test_a_run_whose_predecessor_still_goes_on_is_missed() -> None:
    town = Town(going="outage.hourly.20260302T120000Z")
    town.clerk().turn(town.entry)
    town.now += timedelta(hours=1)

    town.clerk().turn(town.entry)

    assert "still goes on" in town.told[0]


def test_a_run_in_a_freeze_window_is_missed_and_says_which() -> None:
    town = Town(broken="[P003] no drill may run now")
    town.clerk().turn(town.entry)
    town.now += timedelta(hours=1)

    town.clerk().turn(town.entry)

    assert "P003" in town.told[0]


def test_a_live_drill_is_never_started_by_a_schedule_that_does_not_say_live() -> None:
    town = Town(mode=Mode.LIVE)
    town.clerk().turn(town.entry)
    town.now += timedelta(hours=1)

    town.clerk(allow_live=True).turn(town.entry)

    assert "live: true" in town.told[0]
    assert town.queued == []


def test_a_live_drill_is_never_started_by_a_server_that_was_not_allowed_to() -> None:
    town = Town(mode=Mode.LIVE, live=True)
    town.clerk().turn(town.entry)
    town.now += timedelta(hours=1)

    town.clerk().turn(town.entry)

    assert "--allow-live" in town.told[0]
