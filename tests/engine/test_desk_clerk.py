"""The clerk of the desk: answers are let go only when they are stored, whatever the carrier and the record's store do meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Self

import pytest

from drill.engine.desk import Desk, DeskClerk
from drill.model.errors import DrillError, JournalBroken, Retryable
from drill.model.ports import InboundMessage
from tests.engine.drilling import NUMBERS, Stage
from tests.engine.test_desk import asked, confirmed
from tests.fakes import FakeReplySource


class Clerk:
    """A clerk at work in its thread until the block ends."""

    def __init__(self, drill: Stage, source: Any, *, on_tick: Callable[[], None] = lambda: None) -> None:
        self.troubles: list[DrillError] = []
        self.ticked = threading.Event()

        def tick() -> None:
            on_tick()
            self.ticked.set()

        self.ends: list[JournalBroken] = []
        self.clerk = DeskClerk(
            Desk(drill.recorder, drill.people),
            source,
            on_tick=tick,
            on_trouble=self.troubles.append,
            on_end=self.ends.append,
            rest_s=0.01,
        )

    def __enter__(self) -> Self:
        self.clerk.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.clerk.stop()


def test_an_answer_is_let_go_only_after_it_is_stored() -> None:
    drill = asked()
    stored_before_done: list[bool] = []

    class Source(FakeReplySource):
        def done(self, message: InboundMessage) -> None:
            stored_before_done.append(drill.journal.find("drill-1", f"reply/{message.id}") is not None)
            super().done(message)

    source = Source(drill.clock)
    source.put(NUMBERS["LEAD_PHONE"], f"1 {drill.code('a', 'lead')}")

    with Clerk(drill, source) as desk:
        assert desk.ticked.wait(20)

    assert stored_before_done == [True]
    assert confirmed(drill) == ("lead",)


def test_a_silent_provider_is_trouble_to_report_and_not_the_end_of_listening() -> None:
    drill = asked()

    class Source(FakeReplySource):
        failed = False

        def receive(self, wait_s: float) -> list[InboundMessage]:
            if not self.failed:
                self.failed = True
                raise Retryable("the queue does not answer", code="A170")
            return super().receive(wait_s)

    source = Source(drill.clock)
    source.put(NUMBERS["LEAD_PHONE"], f"1 {drill.code('a', 'lead')}")

    with Clerk(drill, source) as desk:
        assert desk.ticked.wait(20)

    assert [error.code for error in desk.troubles] == ["A170"]
    assert confirmed(drill) == ("lead",)


class Refusing:
    """Plays a journal that refuses so many times, with one code, before it works again."""

    def __init__(self, code: str, times: int) -> None:
        self.left = times
        self.code = code

    def __call__(self) -> None:
        if self.left:
            self.left -= 1
            raise JournalBroken("the journal cannot be used", code=self.code)


def test_a_store_that_is_away_for_a_while_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    drill = asked()
    source, away = FakeReplySource(drill.clock), Refusing("J023", times=12)
    source.put(NUMBERS["LEAD_PHONE"], f"1 {drill.code('a', 'lead')}")
    append = drill.journal.append

    def refuse_first(*args: Any, **fields: Any) -> Any:
        away()
        return append(*args, **fields)

    monkeypatch.setattr(drill.journal, "append", refuse_first)
    monkeypatch.setattr("drill.engine.desk._LONGEST_REST_S", 0.02)

    with Clerk(drill, source) as desk:
        assert desk.ticked.wait(20)

    assert confirmed(drill) == ("lead",)
    assert (desk.troubles, desk.ends) == ([], [])


def test_a_store_that_is_away_while_trouble_is_written_down_ends_no_listening() -> None:
    drill = asked()
    away = Refusing("J023", times=3)

    class Source(FakeReplySource):
        def receive(self, wait_s: float) -> list[InboundMessage]:
            if away.left:
                raise Retryable("the queue does not answer", code="A170")
            return super().receive(wait_s)

    source = Source(drill.clock)
    source.put(NUMBERS["LEAD_PHONE"], f"1 {drill.code('a', 'lead')}")
    ticked = threading.Event()
    clerk = DeskClerk(
        Desk(drill.recorder, drill.people),
        source,
        on_tick=ticked.set,
        on_trouble=lambda _error: away(),
        on_end=lambda error: pytest.fail(str(error)),
        rest_s=0.01,
    )
    clerk.start()

    assert ticked.wait(20)

    clerk.stop()
    assert confirmed(drill) == ("lead",)


@pytest.mark.parametrize("code", ["J010", "J020", "J021", "J004"])
def test_a_record_that_needs_a_person_ends_the_listening_and_says_so(code: str) -> None:
    drill = asked()
    ended = threading.Event()
    told: list[str] = []

    def on_end(error: JournalBroken) -> None:
        told.append(error.code)
        ended.set()

    clerk = DeskClerk(
        Desk(drill.recorder, drill.people),
        FakeReplySource(drill.clock),
        on_tick=Refusing(code, times=99),
        on_trouble=lambda error: pytest.fail(str(error)),
        on_end=on_end,
    )
    clerk.start()

    assert ended.wait(20)

    clerk.stop()
    assert told == [code]


def test_the_clerk_of_an_engine_that_was_taken_over_lets_no_answer_go() -> None:
    drill = asked()
    done: list[str] = []

    class Source(FakeReplySource):
        def done(self, message: InboundMessage) -> None:
            done.append(message.id)

    class Stale(Desk):
        def take_message(self, message: InboundMessage) -> Any:
            raise JournalBroken("another engine has taken over", code="J010")

    source = Source(drill.clock)
    source.put(NUMBERS["LEAD_PHONE"], "1")
    clerk = DeskClerk(
        Stale(drill.recorder, drill.people), source, on_tick=lambda: None, on_trouble=lambda _error: None, on_end=lambda _error: None
    )
    clerk.start()
    clerk.stop()

    assert done == []
