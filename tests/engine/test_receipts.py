"""What a receipt sets off: the next way at once, one late try when no way is left, peace for a blocked number, room between two texts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.inbox_seal import Seal
from drill.adapters.inbox_sql import SqlInbox, inbox_file
from drill.engine.desk import Desk
from drill.engine.inbox import InboxReader
from drill.engine.notify import Notifier
from drill.engine.outbox_lanes import ThreadLanes
from drill.engine.outbox_memory import MemoryLedger, MemoryLetters
from drill.engine.tracking import LATE_S
from drill.engine.trips import Office
from drill.model.events import Kind, stamp
from drill.model.letters import Fate
from drill.model.plan import Plan
from drill.model.ports import InboundMessage, OutboundMessage, Receipt
from drill.model.ports_people import Arrival, Setback, Way
from tests.engine.drilling import NUMBERS, Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

FIRST, SECOND = NUMBERS["LEAD_PHONE"], NUMBERS["LEAD_PHONE_2"]
GATE = gate_of("a", within_s=600.0)
GONE, OFF, FULL = "INVALID_NUMBER", "PHONE_OFF", "TOO_MANY"
PATIENCE_S = 20.0


class Carrier(FakeMessenger):
    """A carrier whose receipts say why: what is in `codes` did not arrive."""

    def __init__(self, *, gap_s: float = 0.0) -> None:
        super().__init__()
        self.codes: dict[str, str] = {}
        self.every = ""
        self.gap_s = gap_s

    def trace(self, message: OutboundMessage) -> Arrival:
        code = self.codes.get(message.id) or self.every
        if code:
            return Arrival("failed", code)
        return Arrival(self.look_up(message))

    def setback(self, message: OutboundMessage, code: str) -> Setback:
        return {OFF: Setback(again=True), FULL: Setback(blocked_s=3600.0)}.get(code, Setback())

    def way(self, message: OutboundMessage) -> Way:
        return Way("carrier", gap_s=self.gap_s)


class Post:
    """A notifier of one drill that sends at once."""

    def __init__(
        self,
        carrier: Carrier | None = None,
        *,
        stage: Stage | None = None,
        letters: MemoryLetters | None = None,
        lanes: ThreadLanes | None = None,
    ) -> None:
        self.carrier = carrier or Carrier()
        self.drill = stage or Stage(_plan())
        self.letters = letters or MemoryLetters()
        office = Office(letters=self.letters, ledger=MemoryLedger(), lanes=lanes)
        self.notifier = Notifier(self.drill.recorder, self.drill.people, {"sms": self.carrier}, office=office)

    def tell(self, phase: str = "t0") -> None:
        self.notifier.tell(self.drill.plan.phase(phase), took_s=1.0)

    def asks(self) -> None:
        """The gate's question to the lead."""
        deadline = stamp(self.drill.clock.now() + timedelta(seconds=600))
        asked: dict[str, Any] = {"gate": "a", "phases": ["a"], "contacts": ["lead"], "within_s": 600}
        self.drill.recorder.say(Kind.ACKNOWLEDGEMENT_REQUESTED, "a/requested", deadline=deadline, **asked)
        self.notifier.ask(GATE, "lead", escalated=False)

    def numbers(self) -> list[str]:
        return [message.address for message in self.carrier.sent]

    def later(self, seconds: float) -> None:
        self.drill.clock.at_s += seconds
        self.notifier.look_after()

    def fails(self, code: str) -> None:
        """Every text so far did not arrive, and the next look finds out."""
        self.carrier.codes = {message.id: code for message in self.carrier.sent}
        self.notifier.look_after()


def _plan() -> Plan:
    told = [phase_of(f"t{number}", notify=("lead",)) for number in range(2)]
    return plan_of(phase_of("a", step_of("a.x"), gate="a"), *told, gates=(GATE,))


def message_id(number: int = 0, phase: str = "t0") -> str:
    return f"drill-1:status/{phase}:lead:sms:{number}"


# ---------------------------------------------------------------- at once


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[SqlInbox]:
    engine = inbox_file(tmp_path / "inbox.sqlite")
    yield SqlInbox(engine, Seal(b"k" * 32), world="w")
    engine.dispose()


def hears(post: Post, inbox: SqlInbox, receipt: Receipt) -> InboxReader:
    drill = post.drill
    reader = InboxReader(inbox, Desk(drill.recorder, drill.people), drill.recorder, drill.people, on_receipt=post.notifier.told)
    inbox.store([InboundMessage("", FIRST, "", None, "", receipt=receipt)])
    for message in reader.receive(0):
        reader.take_message(message)
        reader.done(message)
    return reader


def test_a_receipt_of_failure_sends_over_the_next_number_without_a_look(inbox: SqlInbox) -> None:
    post = Post()
    post.tell()

    hears(post, inbox, Receipt(message_id(), "failed", GONE))

    assert post.numbers() == [FIRST, SECOND]
    (fact,) = post.drill.facts(Kind.MESSAGE_DELIVERED)
    assert (fact.data["state"], fact.data["code"]) == ("failed", GONE)


def test_a_receipt_by_the_providers_own_id_is_taken_for_ours(inbox: SqlInbox) -> None:
    post = Post()
    post.tell()

    hears(post, inbox, Receipt("fake-1", "failed", GONE))

    assert post.numbers() == [FIRST, SECOND]


def test_a_receipt_of_arrival_ends_the_looks(inbox: SqlInbox) -> None:
    post = Post()
    post.tell()

    hears(post, inbox, Receipt(message_id(), "delivered"))
    post.fails(GONE)

    assert post.numbers() == [FIRST]


def test_the_same_failure_by_receipt_and_by_look_sends_one_text(inbox: SqlInbox) -> None:
    post = Post()
    post.tell()

    hears(post, inbox, Receipt(message_id(), "failed", GONE))
    post.carrier.codes = {message_id(): GONE}
    post.notifier.look_after()
    hears(post, inbox, Receipt(message_id(), "failed", GONE))

    assert post.numbers() == [FIRST, SECOND]
    assert [fact.data["state"] for fact in post.drill.facts(Kind.MESSAGE_DELIVERED)] == ["failed", "delivered"]


class Overtaken(MemoryLetters):
    """A store in which a receipt arrives just before a letter is settled."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Callable[[], None]] = []

    def settle(self, letter: str, fate: Fate) -> None:
        while self.before:
            self.before.pop()()
        super().settle(letter, fate)


def test_a_receipt_in_the_middle_of_a_move_is_not_lost() -> None:
    letters = Overtaken()
    post = Post(letters=letters, lanes=ThreadLanes())
    letters.before.append(lambda: post.notifier.told(Receipt(message_id(), "failed", GONE)))

    post.tell()

    end_s = time.monotonic() + PATIENCE_S
    while post.numbers() != [FIRST, SECOND]:
        assert time.monotonic() < end_s, post.numbers()
        time.sleep(0.01)
    post.notifier.close()


# ---------------------------------------------------------------- once more, later


def test_a_phone_that_was_off_gets_the_text_once_more_later_when_no_way_is_left() -> None:
    post = Post()
    post.tell()
    post.fails(OFF)
    post.fails(OFF)
    assert post.numbers() == [FIRST, SECOND]

    post.later(LATE_S - 10)
    assert len(post.numbers()) == 2
    post.later(20)

    assert post.numbers() == [FIRST, SECOND, FIRST]
    assert post.carrier.sent[-1].id == f"{message_id()}+late"


def test_a_late_try_that_fails_leads_to_that_of_the_next_number_and_no_further() -> None:
    post = Post()
    post.carrier.every = OFF
    post.tell()
    for _ in range(8):
        post.later(LATE_S + 1)

    assert post.numbers() == [FIRST, SECOND, FIRST, SECOND]
    assert len({message.id for message in post.carrier.sent}) == 4


def test_a_text_that_another_number_took_is_not_sent_again() -> None:
    post = Post()
    post.tell()
    post.fails(OFF)
    post.carrier.codes.pop(message_id(1), None)

    post.later(LATE_S + 1)
    post.later(LATE_S + 1)

    assert post.numbers() == [FIRST, SECOND]


def test_a_number_that_is_gone_gets_no_late_try() -> None:
    post = Post()
    post.tell()
    post.fails(GONE)
    post.fails(GONE)

    post.later(LATE_S + 1)

    assert post.numbers() == [FIRST, SECOND]


def test_a_late_try_is_made_after_a_crash_too_and_once() -> None:
    post = Post()
    post.tell()
    post.fails(OFF)
    post.fails(OFF)

    after = Post(post.carrier, stage=post.drill.next_life(), letters=post.letters)
    after.notifier.look_after()
    after.later(LATE_S + 1)
    third = Post(post.carrier, stage=after.drill.next_life(), letters=post.letters)
    third.later(LATE_S + 1)

    assert post.numbers() == [FIRST, SECOND, FIRST]


def test_a_question_whose_gate_has_ended_gets_no_late_try() -> None:
    post = Post()
    post.asks()
    post.fails(OFF)
    post.fails(OFF)
    post.drill.recorder.say(Kind.ACKNOWLEDGED, "a/acknowledged", gate="a", contacts=["oncall"], channel="sms")

    post.later(LATE_S + 1)

    assert post.numbers() == [FIRST, SECOND]


def test_a_late_try_that_is_awaited_keeps_nobody_from_being_unreachable() -> None:
    post = Post()
    post.asks()

    post.fails(OFF)
    post.fails(OFF)

    assert post.notifier.unreachable(GATE, "lead", escalated=False)


# ---------------------------------------------------------------- peace


def test_a_number_that_had_too_many_by_receipt_gets_no_more_until_then() -> None:
    post = Post(Carrier(gap_s=1.0))
    post.tell()
    post.fails(FULL)
    post.later(10)

    post.tell("t1")

    assert [message.id for message in post.carrier.sent] == [message_id(), message_id(1), message_id(1, "t1")]
    post.later(3600)
    post.notifier.warn("w", {language: {"phase": "x", "state": "x", "took": "1s"} for language in ("en", "zh")})
    assert [message.address for message in post.carrier.sent if message.contact == "lead"][-1] == FIRST


def test_two_texts_to_one_number_are_a_gap_apart_and_others_do_not_wait() -> None:
    post = Post(Carrier(gap_s=1.0))
    began_s = post.drill.clock.at_s

    post.tell("t0")
    post.tell("t1")
    ended_s = post.drill.clock.at_s
    post.notifier.warn("w", {language: {"phase": "x", "state": "x", "took": "1s"} for language in ("en", "zh")})

    assert post.numbers()[:2] == [FIRST, FIRST]
    assert ended_s - began_s == pytest.approx(1.0)
    assert post.drill.clock.at_s - ended_s == pytest.approx(1.0)  # the lead's third; the two others have numbers of their own
    assert {fact.data["state"] for fact in post.drill.facts(Kind.MESSAGE_SENT)} == {"accepted"}
