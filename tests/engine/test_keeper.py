"""A keeper beats, reaps, and ends its engine before anybody can replace it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from drill.engine.keeper import Duties, Keeper

TTL_S = 10.0


class Roll:
    """A roll in memory."""

    def __init__(self) -> None:
        self.beats = 0
        self.away = False
        self.gone: set[str] = set()
        self.silent: set[str] = set()

    def beat(self, executor: str) -> bool:
        if self.away:
            raise ConnectionError("the database is away")
        self.beats += 1
        return executor not in self.gone

    def mark_gone(self, executors: Sequence[str]) -> None:
        self.gone.update(executors)

    def dead_among(self, executors: Sequence[str], *, ttl_s: float) -> list[str]:
        return [one for one in executors if one in self.gone | self.silent]


class Bench:
    """A keeper on a clock of its own."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.roll = Roll()
        self.owners: list[str] = ["me"]
        self.taken: list[str] = []
        self.fenced: list[str] = []
        duties = Duties(owners=lambda: self.owners, take_over=self.taken.extend, fence=self.fenced.append)
        self.keeper = Keeper("me", self.roll, duties, ttl_s=TTL_S, mono_s=lambda: self.now_s)


def test_the_drills_of_a_silent_engine_are_put_up_for_claim_and_the_engine_is_gone_for_good() -> None:
    bench = Bench()
    bench.owners, bench.roll.silent = ["me", "other", "third"], {"other"}

    bench.keeper.turn()

    assert bench.taken == ["other"]
    assert bench.roll.gone == {"other"}
    assert bench.fenced == []


def test_an_engine_declared_dead_by_the_others_fences_itself_and_takes_nothing_over() -> None:
    bench = Bench()
    bench.roll.gone, bench.owners = {"me", "other"}, ["other"]

    bench.keeper.turn()

    assert len(bench.fenced) == 1
    assert bench.taken == []


def test_an_engine_that_was_frozen_fences_itself_before_it_beats_again() -> None:
    bench = Bench()
    bench.keeper.turn()
    bench.now_s = 60.0

    bench.keeper.turn()

    assert len(bench.fenced) == 1
    assert bench.roll.beats == 1


@pytest.mark.parametrize(("silent_s", "fences"), [(7.9, False), (8.1, True)])
def test_an_engine_that_cannot_beat_fences_itself_at_four_fifths_of_its_time_to_live(silent_s: float, fences: bool) -> None:  # noqa: FBT001
    bench = Bench()
    bench.keeper.turn()
    bench.roll.away, bench.now_s = True, silent_s

    assert bench.keeper.watch() is fences
    assert bool(bench.fenced) is fences


def test_a_beat_counts_from_when_it_was_sent_not_from_when_its_answer_came() -> None:
    bench = Bench()
    answer = bench.roll.beat

    def slow(executor: str) -> bool:
        bench.now_s += 5.0
        return answer(executor)

    bench.roll.beat = slow  # type: ignore[method-assign]
    bench.keeper.turn()
    bench.now_s = 8.5

    assert bench.keeper.watch()


def test_an_engine_that_leaves_is_gone_at_once() -> None:
    bench = Bench()

    bench.keeper.leave()

    assert bench.roll.gone == {"me"}
