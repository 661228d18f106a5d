"""Answers on their way through the inbox: none is lost by a crash, none counts twice, and a flood of wrong ones is not a full journal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.inbox_seal import Seal
from drill.adapters.inbox_sql import SqlInbox, inbox_file
from drill.engine.desk import Desk
from drill.engine.inbox import REJECTIONS_TOLD, STRANGERS_TOLD, InboxDoor, InboxReader
from drill.model.acknowledgement import Judgement
from drill.model.errors import DrillError, JournalBroken
from drill.model.events import Kind
from drill.model.ports import InboundMessage, Receipt
from tests.engine.drilling import DRILL, NUMBERS, Stage
from tests.engine.test_desk import asked, confirmed, rejections
from tests.fakes import FakeReplySource

SENT = datetime(2026, 11, 24, 9, 0, 0, tzinfo=UTC)
LEAD, STRANGER = NUMBERS["LEAD_PHONE"], "13900000009"


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[SqlInbox]:
    engine = inbox_file(tmp_path / "inbox.sqlite")
    yield SqlInbox(engine, Seal(b"k" * 32), world="w")
    engine.dispose()


def reader_of(drill: Stage, inbox: SqlInbox) -> InboxReader:
    return InboxReader(inbox, Desk(drill.recorder, drill.people), drill.recorder, drill.people)


def pushed(text: str, *, number: str = LEAD, second: int = 0) -> InboundMessage:
    return InboundMessage("", number, text, SENT.replace(second=second), "")


def judge_all(reader: InboxReader) -> int:
    """One turn after the other until nothing is left; how many messages were handed out."""
    count = 0
    while found := reader.receive(0):
        for message in found:
            reader.take_message(message)
            reader.done(message)
            count += 1
    return count


def sent(drill: Stage, message: str, **fields: str) -> None:
    about: dict[str, Any] = {
        "purpose": "status",
        "gate": None,
        "phase": "a",
        "contact": "lead",
        "channel": "sms",
        "text": "x",
        "state": "accepted",
        "code": "OK",
    }
    drill.recorder.say(Kind.MESSAGE_SENT, f"message/{message}", message=message, **{**about, **fields})


def test_a_pushed_answer_is_judged_and_counts(inbox: SqlInbox) -> None:
    drill = asked()
    reader = reader_of(drill, inbox)
    inbox.store([pushed(f"1 {drill.code('a', 'lead')}")])

    judge_all(reader)

    assert confirmed(drill) == ("lead",)


def test_an_answer_that_comes_by_queue_and_by_push_counts_once(inbox: SqlInbox) -> None:
    drill = asked()
    reader = reader_of(drill, inbox)
    text = f"9 {drill.code('a', 'lead')}"
    queued = InboundMessage("QUEUE-ID", LEAD, text, SENT, "handle")
    InboxDoor(inbox).take_message(queued)
    judge_all(reader)
    inbox.store([pushed(text)])

    judge_all(reader)

    assert len(drill.facts(Kind.ABORT_REQUESTED)) == len(drill.facts(Kind.REPLY_RECEIVED)) == 1


def test_the_queue_forgets_an_answer_only_when_the_inbox_has_it(inbox: SqlInbox) -> None:
    drill = asked()
    source = FakeReplySource(drill.clock)
    source.put(LEAD, "1")
    kept: list[int] = []

    for message in source.receive(0):
        InboxDoor(inbox).take_message(message)
        kept.append(inbox.count())
        source.done(message)

    assert kept == [1]
    assert source.receive(0) == []


def test_a_crash_after_storing_and_before_judging_loses_nothing(inbox: SqlInbox) -> None:
    drill = asked()
    reader_of(drill, inbox)
    inbox.store([pushed(f"1 {drill.code('a', 'lead')}")])

    judge_all(reader_of(drill.next_life(), inbox))

    assert confirmed(drill) == ("lead",)


def test_a_crash_after_judging_and_before_it_is_noted_counts_nothing_twice(inbox: SqlInbox) -> None:
    drill = asked()
    reader = reader_of(drill, inbox)
    inbox.store([pushed(f"9 {drill.code('a', 'lead')}")])
    (message,) = reader.receive(0)
    reader.take_message(message)

    assert judge_all(reader_of(drill.next_life(), inbox)) == 1

    assert len(drill.facts(Kind.ABORT_REQUESTED)) == 1


def test_what_was_judged_is_not_read_again_after_a_crash(inbox: SqlInbox) -> None:
    drill = asked()
    inbox_reader = reader_of(drill, inbox)
    inbox.store([pushed("hello", second=number) for number in range(5)])
    judge_all(inbox_reader)

    assert judge_all(reader_of(drill.next_life(), inbox)) == 0


def test_a_flood_of_strangers_is_one_finding_and_does_not_hide_the_one_that_counts(inbox: SqlInbox) -> None:
    drill = asked()
    reader = reader_of(drill, inbox)
    inbox.store([pushed(f"1 {1000 + number}", number=STRANGER) for number in range(300)])
    inbox.store([pushed(f"1 {drill.code('a', 'lead')}")])
    inbox.store([pushed(f"1 {2000 + number}", number=STRANGER) for number in range(300)])

    assert judge_all(reader) == 601

    assert rejections(drill) == ["stranger"] * STRANGERS_TOLD
    assert confirmed(drill) == ("lead",)
    assert [fact.data["code"] for fact in drill.facts(Kind.FINDING_RAISED)] == ["D922"]
    assert STRANGER not in str(drill.facts())


def test_a_flood_of_a_contacts_wrong_answers_is_cut_but_their_right_one_still_counts(inbox: SqlInbox) -> None:
    drill = asked()
    reader = reader_of(drill, inbox)
    inbox.store([pushed(f"hello {number}") for number in range(REJECTIONS_TOLD + 50)])
    inbox.store([pushed(f"1 {drill.code('a', 'lead')}")])

    judge_all(reader)

    assert len(rejections(drill)) == REJECTIONS_TOLD
    assert confirmed(drill) == ("lead",)


def test_a_message_that_nobody_can_open_does_not_stand_in_the_way(tmp_path: Path, inbox: SqlInbox) -> None:
    drill = asked()
    reader = reader_of(drill, inbox)
    other = inbox_file(tmp_path / "inbox.sqlite")
    SqlInbox(other, Seal(b"x" * 32), world="w").store([pushed("sealed by a key that is gone")])
    other.dispose()
    inbox.store([pushed(f"1 {drill.code('a', 'lead')}")])

    with pytest.raises(DrillError) as told:
        reader.receive(0)
    judge_all(reader)

    assert told.value.code == "D920"
    assert confirmed(drill) == ("lead",)


def test_a_message_that_cannot_be_taken_in_is_tried_three_times_and_passed_over(inbox: SqlInbox) -> None:
    drill = asked()

    class Stumbling(Desk):
        def take_message(self, message: InboundMessage) -> Judgement:
            if message.text == "poison":
                raise RuntimeError("a bug of ours")
            return super().take_message(message)

    reader = InboxReader(inbox, Stumbling(drill.recorder, drill.people), drill.recorder, drill.people)
    inbox.store([pushed("hello"), pushed("poison"), pushed(f"1 {drill.code('a', 'lead')}")])
    troubles: list[str] = []
    for _ in range(6):
        try:
            judge_all(reader)
        except DrillError as error:
            troubles.append(error.code)
        except RuntimeError as error:
            troubles.append(str(error))

    assert troubles == ["a bug of ours"] * 3 + ["D921"]
    assert confirmed(drill) == ("lead",)


def test_while_the_record_is_away_a_message_is_never_passed_over(inbox: SqlInbox) -> None:
    drill = asked()
    away = [True] * 10

    class Away(Desk):
        def take_message(self, message: InboundMessage) -> Judgement:
            if away and away.pop():
                raise JournalBroken("the database is away.", code="J023")
            return super().take_message(message)

    reader = InboxReader(inbox, Away(drill.recorder, drill.people), drill.recorder, drill.people)
    inbox.store([pushed(f"1 {drill.code('a', 'lead')}")])
    while away:
        with pytest.raises(JournalBroken):
            judge_all(reader)

    judge_all(reader)

    assert confirmed(drill) == ("lead",)


@pytest.mark.parametrize("state", ["delivered", "failed"])
def test_a_receipt_becomes_the_fact_of_its_text_once(inbox: SqlInbox, state: str) -> None:
    drill = asked()
    reader = reader_of(drill, inbox)
    message = f"{DRILL}:status/a:lead:sms:0"
    sent(drill, message)
    receipt = Receipt(message, state, "X")  # type: ignore[arg-type]
    inbox.store([InboundMessage("", LEAD, "", None, "", receipt=receipt), InboundMessage("", LEAD, "", None, "", receipt=receipt)])

    judge_all(reader)
    judge_all(reader_of(drill.next_life(), inbox))

    (fact,) = drill.facts(Kind.MESSAGE_DELIVERED)
    assert (fact.key, fact.data["state"], fact.data["contact"]) == (f"delivered/{message}", state, "lead")


def test_a_receipt_that_is_faster_than_the_record_of_its_text_waits_for_it(inbox: SqlInbox) -> None:
    drill = asked()
    reader = reader_of(drill, inbox)
    message = f"{DRILL}:status/a:lead:sms:0"
    inbox.store([InboundMessage("", LEAD, "", None, "", receipt=Receipt(message, "delivered"))])
    judge_all(reader)
    assert not drill.facts(Kind.MESSAGE_DELIVERED)

    sent(drill, message)
    reader.look_again()

    assert len(drill.facts(Kind.MESSAGE_DELIVERED)) == 1


def test_a_receipt_by_the_providers_own_id_finds_its_text_and_one_of_another_drill_none(inbox: SqlInbox) -> None:
    drill = asked()
    reader = reader_of(drill, inbox)
    sent(drill, f"{DRILL}:status/a:lead:sms:0", provider_id="G-17")
    receipts = [Receipt("G-17", "delivered"), Receipt("another:status/a:lead:sms:0", "delivered"), Receipt("G-99", "failed")]
    inbox.store([InboundMessage("", LEAD, "", None, "", receipt=receipt) for receipt in receipts])

    judge_all(reader)

    assert [fact.data["message"] for fact in drill.facts(Kind.MESSAGE_DELIVERED)] == [f"{DRILL}:status/a:lead:sms:0"]
