"""A receipt of failure sends over the next way at once, however it comes, and once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drill.adapters.inbox_seal import Seal
from drill.adapters.inbox_sql import SqlInbox, inbox_file
from drill.engine.desk import Desk
from drill.engine.inbox import InboxReader
from drill.engine.outbox_lanes import ThreadLanes
from drill.engine.outbox_memory import MemoryLetters
from drill.model.events import Kind
from drill.model.letters import Fate
from drill.model.ports import InboundMessage, Receipt
from tests.engine.carrier import FIRST, GONE, SECOND, Post, message_id

PATIENCE_S = 20.0


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
