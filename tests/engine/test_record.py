"""The recorder: one pen under one token, and a progress that is as fresh as the question needs."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from drill.adapters.journal_memory import MemoryJournal
from drill.engine.record import Recorder
from drill.model.errors import JournalBroken
from drill.model.events import Fact, Kind
from tests.engine.drilling import DRILL, StageClock


class CountingJournal(MemoryJournal):
    """Counts how often it is read."""

    reads = 0

    def read(self, drill: str, *, after: int = 0, kinds: frozenset[Kind] | None = None) -> list[Fact]:
        self.reads += 1
        return super().read(drill, after=after, kinds=kinds)


def recorder(journal: MemoryJournal | None = None, *, token: int | None = None, clock: StageClock | None = None) -> Recorder:
    return Recorder(DRILL, journal=journal or MemoryJournal(), clock=clock or StageClock(), token=token)


def test_the_same_key_twice_is_one_fact_and_the_first_one() -> None:
    pen = recorder()

    first = pen.say(Kind.PHASE_OPENED, "a/opened", phase="a")
    second = pen.say(Kind.PHASE_OPENED, "a/opened", phase="other")

    assert second == first
    assert len(pen.journal.read(DRILL)) == 1


def test_facts_carry_the_time_and_the_process_that_saw_them() -> None:
    clock = StageClock(life=7)

    fact = recorder(clock=clock).say(Kind.DRILL_STARTED, "started", by="person:lead")

    assert (fact.at, fact.mono_s, fact.epoch, fact.by) == (clock.now(), 1000.0, "boot-1/7", "person:lead")


def test_an_engine_whose_token_is_stale_can_write_nothing() -> None:
    journal = MemoryJournal()
    old = recorder(journal, token=journal.take_token(DRILL))
    new = recorder(journal, token=journal.take_token(DRILL))

    new.say(Kind.DRILL_STARTED, "started")
    with pytest.raises(JournalBroken) as refused:
        old.say(Kind.FAILBACK_STARTED, "failback")

    assert refused.value.code == "J010"
    assert [fact.kind for fact in journal.read(DRILL)] == [Kind.DRILL_STARTED]


def test_people_and_witnesses_write_without_a_token() -> None:
    journal = MemoryJournal()
    journal.take_token(DRILL)

    recorder(journal).say(Kind.ABORT_REQUESTED, "abort", by="person:lead", reason="no", channel="cli")

    assert len(journal.read(DRILL)) == 1


def test_what_was_said_is_seen_at_once_by_whoever_said_it() -> None:
    pen = recorder()
    pen.look(lambda progress: progress.abort, fresh=False)

    pen.say(Kind.ABORT_REQUESTED, "abort", reason="no", channel="cli")

    assert pen.look(lambda progress: progress.abort, fresh=False) == "no"


def test_what_another_process_wrote_is_seen_by_a_fresh_look_at_once_and_by_any_after_50_ms() -> None:
    journal, clock = CountingJournal(), StageClock()
    pen, other = recorder(journal, clock=clock), recorder(journal)
    pen.look(lambda progress: progress.abort)
    other.say(Kind.ABORT_REQUESTED, "abort", reason="no", channel="cli")

    at_once = pen.look(lambda progress: progress.abort, fresh=False)
    clock.sleep(0.06)
    later = pen.look(lambda progress: progress.abort, fresh=False)

    assert (at_once, later) == ("", "no")


def test_questions_within_50_ms_are_answered_without_reading_again() -> None:
    journal, clock = CountingJournal(), StageClock()
    pen = recorder(journal, clock=clock)

    for _ in range(20):
        pen.look(lambda progress: progress.abort, fresh=False)
        clock.sleep(0.01)

    assert journal.reads <= 5


def test_many_threads_may_write_and_look() -> None:
    pen = recorder()

    def work(number: int) -> None:
        for attempt in range(1, 21):
            where: dict[str, Any] = {"phase": "a", "step": f"a.{number}", "attempt": attempt}
            pen.say(Kind.STEP_STARTED, f"a.{number}/{attempt}/started", kind="scripted", no_return=False, **where)
            assert pen.look(lambda progress: progress.step(f"a.{number}").attempts) == attempt

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(pen.journal.read(DRILL)) == 160
    assert pen.look(lambda progress: {row.attempts for row in progress.steps.values()}) == {20}
