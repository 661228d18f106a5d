"""The watchman: who dies or stands still is started again, so many times and no more, and each turn is told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from drill.engine.watchman import LOOK_EVERY_S, Patience, Watchman
from drill.model.errors import PreflightFailed
from tests.engine.drilling import StageClock

PATIENCE = Patience()


@dataclass
class Puppet:
    """A ward that lives and dies as the test says; `starts_in_s`: how long a new one takes until its first beat, never when infinite."""

    clock: StageClock
    name: str = "observer"
    starts_in_s: float = 1.0
    refuses: bool = False
    dies_at_once: bool = False
    revived_at: list[float] = field(default_factory=list)
    stands_still_since_s: float | None = None
    dead: bool = False
    first_beat_s: float = -math.inf

    def alive(self) -> bool:
        return not self.dead

    def silent_s(self) -> float:
        if self.clock.at_s < self.first_beat_s:
            return math.inf
        return 0.0 if self.stands_still_since_s is None else self.clock.at_s - self.stands_still_since_s

    def revive(self) -> None:
        self.revived_at.append(self.clock.at_s)
        if self.refuses:
            raise PreflightFailed("no more processes.", code="F065")
        self.dead, self.stands_still_since_s = self.dies_at_once, None
        self.first_beat_s = math.inf if self.dies_at_once else self.clock.at_s + self.starts_in_s


@dataclass
class Told:
    """What the watchman told, in order."""

    turns: list[str] = field(default_factory=list)
    dark_s: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def lost(self, ward: str, why: str) -> None:
        self.turns.append(f"{ward} lost")
        self.reasons.append(why)

    def back(self, ward: str, after_s: float) -> None:
        self.turns.append(f"{ward} back")

    def given_up(self, ward: str, why: str, tries: int) -> None:
        self.turns.append(f"{ward} given up after {tries}")
        self.reasons.append(why)

    def dark(self, ward: str, for_s: float) -> None:
        self.dark_s = for_s


@dataclass
class Round:
    """A watchman with one ward, and time that passes look by look."""

    clock: StageClock = field(default_factory=StageClock)
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        self.ward = Puppet(self.clock)
        self.man = Watchman((self.ward,), self.told, clock=self.clock)
        self.man.begin()
        self.man.look()

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds / LOOK_EVERY_S)):
            self.clock.at_s += LOOK_EVERY_S
            self.man.look()


def test_who_dies_is_started_again_at_once_and_both_turns_are_told() -> None:
    night = Round()
    night.passes(10)

    night.ward.dead = True
    night.passes(3)

    assert night.told.turns == ["observer lost", "observer back"]
    assert night.told.reasons == ["its process is gone"]
    assert len(night.ward.revived_at) == 1


def test_who_stands_still_counts_as_gone_after_a_few_seconds() -> None:
    night = Round()
    night.ward.stands_still_since_s = night.clock.at_s
    night.passes(PATIENCE.silent_s)
    assert night.told.turns == []

    night.passes(2)

    assert night.told.turns == ["observer lost", "observer back"]
    assert "no sign of life for 5.5 s" in night.told.reasons[0]


def test_who_dies_again_and_again_is_given_up_after_so_many_tries_with_growing_rests() -> None:
    night = Round()
    night.ward.dies_at_once = night.ward.dead = True

    night.passes(60)

    rests = [later - earlier for earlier, later in zip(night.ward.revived_at, night.ward.revived_at[1:], strict=False)]
    assert night.told.turns == ["observer lost", "observer given up after 5"]
    assert len(night.ward.revived_at) == len(PATIENCE.rests_s)
    assert rests == sorted(rests)
    assert [rest - LOOK_EVERY_S for rest in rests] == list(PATIENCE.rests_s[1:])
    assert night.told.dark_s > 50


def test_a_start_that_fails_counts_as_a_try_and_its_reason_is_told() -> None:
    night = Round()
    night.ward.refuses = night.ward.dead = True

    night.passes(60)

    assert len(night.ward.revived_at) == len(PATIENCE.rests_s)
    assert "no more processes" in night.told.reasons[-1]


def test_a_new_one_that_never_shows_life_is_replaced_when_its_time_is_up() -> None:
    night = Round()
    night.ward.dead, night.ward.starts_in_s = True, math.inf

    night.passes(PATIENCE.start_s + PATIENCE.rests_s[1] + 2)

    assert len(night.ward.revived_at) == 2


def test_one_that_fails_after_every_start_uses_the_tries_up_and_a_steady_one_gets_them_back() -> None:
    night = Round()
    for _ in range(3):
        night.ward.dead = True
        night.passes(10)
    flapping = len(night.ward.revived_at)

    night.passes(PATIENCE.steady_s + 1)
    night.ward.dies_at_once = night.ward.dead = True
    night.passes(60)

    assert flapping == 3
    assert len(night.ward.revived_at) - flapping == len(PATIENCE.rests_s)


def test_a_watchman_that_was_frozen_itself_gives_the_others_time_to_beat() -> None:
    night = Round()
    night.passes(5)
    night.ward.stands_still_since_s = night.clock.at_s
    night.clock.at_s += 60  # the whole machine stood still

    night.passes(2)
    night.ward.stands_still_since_s = None
    night.passes(10)

    assert night.told.turns == []


def test_nobody_is_started_after_the_stop() -> None:
    night = Round()
    night.man.stop()
    night.ward.dead = True

    night.passes(5)

    assert night.ward.revived_at == []


@given(st.lists(st.tuples(st.floats(0.5, 30.0), st.sampled_from(["dies", "stands still", "is well", "dies at once"])), max_size=12))
def test_nobody_who_is_well_is_replaced_and_the_tries_of_a_minute_are_bounded(story: list[tuple[float, str]]) -> None:
    night = Round()
    for seconds, turn in story:
        night.ward.dies_at_once = turn == "dies at once"
        night.ward.dead = night.ward.dead or turn in {"dies", "dies at once"}
        if turn == "stands still" and night.ward.stands_still_since_s is None:
            night.ward.stands_still_since_s = night.clock.at_s
        before, well = len(night.ward.revived_at), turn == "is well" and night.ward.alive() and night.ward.silent_s() == 0
        night.passes(seconds)
        assert not well or len(night.ward.revived_at) == before

    tries = night.ward.revived_at
    assert all(sum(at_s <= one < at_s + PATIENCE.steady_s for one in tries) <= len(PATIENCE.rests_s) for at_s in tries)
    assert night.told.turns.count("observer back") <= night.told.turns.count("observer lost")


def test_with_the_ground_gone_nobody_is_started_and_the_ground_is_given_up_at_once() -> None:
    clock, told = StageClock(), Told()
    ward, ground = Puppet(clock), Puppet(clock, name="sandbox")
    man = Watchman((ward,), told, clock=clock, ground=ground)
    man.begin()
    man.look()

    ward.dead = ground.dead = True
    for _ in range(10):
        clock.at_s += LOOK_EVERY_S
        man.look()

    assert told.turns == ["sandbox lost", "sandbox given up after 0"]
    assert ward.revived_at == ground.revived_at == []
