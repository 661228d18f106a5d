"""The outbox: no step waits, no channel waits for another, nothing is dropped, and what was queued leaves once, also after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drill.engine.notify import Notifier
from drill.engine.outbox_memory import MemoryLetters
from drill.engine.trips import Office
from drill.model.events import Kind
from drill.model.ports import OutboundMessage, SendResult
from drill.model.ports_people import Way
from tests.engine.drilling import Died, Stage, phase_of
from tests.engine.outbox_post import GATE, PATIENCE_S, Hanging, Post, plan, until
from tests.fakes import FakeMessenger

BUSY = SendResult("rejected", "fake", code="busy", retryable=True)


@pytest.fixture
def opened() -> Iterator[Callable[..., Post]]:
    posts: list[Post] = []

    def make(*channels: str, by: dict[str, Any], **fields: Any) -> Post:
        phases = fields.pop("phases", 1)
        posts.append(Post(plan(*channels, phases=phases), by, **fields))
        return posts[-1]

    yield make
    for post in posts:
        for messenger in post.channels.values():
            if isinstance(messenger, Hanging):
                messenger.free.set()
        post.notifier.close()


Make = Callable[..., Post]


def test_telling_people_returns_before_a_provider_answers(opened: Make) -> None:
    post = opened("sms", by={"sms": (messenger := Hanging())})

    post.tell()

    assert post.sent() == []
    messenger.free.set()
    assert post.notifier.drain(within_s=PATIENCE_S) == 0
    assert post.sent() == [("sms", "accepted", "OK")]


def test_a_channel_that_hangs_does_not_delay_another(opened: Make) -> None:
    post = opened("sms", by={"sms": Hanging(), "email": FakeMessenger(channel="email")}, phases=6)
    for number in range(6):
        post.tell(number)

    post.notifier.tell(phase_of("other", notify=("oncall",)), took_s=1.0)

    until(lambda: post.sent() == [("email", "accepted", "OK")])


def test_a_send_that_does_not_come_back_is_in_doubt_and_the_next_channel_goes(opened: Make) -> None:
    post = opened("sms", "email", by={"sms": Hanging(), "email": FakeMessenger(channel="email")}, hang_s=0.5)
    post.tell()

    until(lambda: len(post.sent()) == 3)

    assert post.sent()[0] == ("sms", "in_doubt", "hangs")
    assert post.sent()[1] == ("sms", "rejected", "channel-hangs")
    assert post.sent()[2] == ("email", "accepted", "OK")


def test_a_question_waits_until_a_provider_took_it(opened: Make) -> None:
    post = opened("sms", by={"sms": FakeMessenger(BUSY)})

    assert post.notifier.ask(GATE, "lead", escalated=False)

    assert post.sent() == [("sms", "accepted", "OK")]
    assert post.drill.facts(Kind.MESSAGE_SENT)[0].data["tries"] == ["busy", "OK"]


def test_a_question_that_every_way_refuses_reached_nobody(opened: Make) -> None:
    no = SendResult("rejected", "fake", code="no")
    post = opened("sms", by={"sms": FakeMessenger(no, no)})

    assert not post.notifier.ask(GATE, "lead", escalated=False)


def test_more_than_there_is_room_for_waits_in_the_store_is_told_and_leaves_later(opened: Make) -> None:
    post = opened("sms", by={"sms": (messenger := Hanging())}, room=3, phases=12)

    for number in range(12):
        post.tell(number)

    assert post.letters.waiting("drill-1") == 12
    assert post.findings() == {"D520"}
    messenger.free.set()
    assert post.notifier.drain(within_s=PATIENCE_S) == 0
    assert sorted(message.id.split(":")[1] for message in messenger.sent) == sorted(f"status/t{number}" for number in range(12))


def test_what_was_queued_when_the_engine_died_is_sent_once_by_the_next_life(opened: Make) -> None:
    first = opened("sms", by={"sms": Hanging()}, phases=4)
    for number in range(4):
        first.tell(number)
    first.notifier.close()
    second = opened("sms", by={"sms": (messenger := FakeMessenger())}, letters=first.letters, stage=first.drill.next_life())

    second.notifier.look_after()
    for number in range(4):
        second.tell(number)  # its nodes run again too

    assert second.notifier.drain(within_s=PATIENCE_S) == 0
    assert len(messenger.sent) == 4
    assert len({message.id for message in messenger.sent}) == 4


def looked(post: Post) -> int:
    post.notifier.look_after()
    return len(post.drill.facts(Kind.MESSAGE_DELIVERED))


def test_a_text_that_does_not_arrive_goes_over_the_next_without_holding_up_answers(opened: Make) -> None:
    slow = Hanging("email")
    post = opened("sms", "email", by={"sms": (sms := FakeMessenger()), "email": slow})
    post.tell()
    post.notifier.drain(within_s=PATIENCE_S)
    sms.fates = dict.fromkeys(["drill-1:status/t0:lead:sms:0", "drill-1:status/t0:lead:sms:1"], "failed")

    began_s = time.monotonic()
    until(lambda: looked(post) == 2)
    post.notifier.look_after()

    assert time.monotonic() - began_s < PATIENCE_S / 2
    slow.free.set()
    until(lambda: ("email", "accepted", "OK") in post.sent())


class Untraceable(FakeMessenger):
    """A provider that cannot be asked what became of a send, and kills the engine during the first."""

    def __init__(self) -> None:
        super().__init__()
        self.dies = True

    def way(self, message: OutboundMessage) -> Way:
        return Way("fake", traceable=False)

    def look_up(self, message: OutboundMessage) -> Any:
        return "unknown"

    def send(self, message: OutboundMessage) -> SendResult:
        result = super().send(message)
        if self.dies:
            self.dies = False
            raise Died
        return result


def test_a_send_nobody_can_look_up_is_not_repeated_after_a_crash_but_in_doubt() -> None:
    drill, messenger, letters = Stage(plan("sms")), Untraceable(), MemoryLetters()
    with pytest.raises(Died):
        Notifier(drill.recorder, drill.people, {"sms": messenger}, office=Office(letters=letters)).tell(drill.plan.phase("t0"), took_s=1)
    after = drill.next_life()

    Notifier(after.recorder, after.people, {"sms": messenger}, office=Office(letters=letters)).tell(drill.plan.phase("t0"), took_s=1)

    assert [(fact.data["state"], fact.data["code"]) for fact in after.facts(Kind.MESSAGE_SENT)] == [
        ("in_doubt", "engine-died"),
        ("accepted", "OK"),
    ]
    assert len({message.id for message in messenger.sent}) == len(messenger.sent) == 2


def test_a_text_nobody_wants_any_more_is_not_sent_but_told() -> None:
    drill, letters = Stage(plan("sms")), MemoryLetters()
    notifier = Notifier(
        drill.recorder, drill.people, {"sms": (messenger := FakeMessenger())}, office=Office(elsewhere=True, letters=letters)
    )
    notifier.tell(drill.plan.phase("t0"), took_s=1)
    drill.clock.at_s += 7200.0
    sender = Notifier(drill.recorder, drill.people, {"sms": messenger}, office=Office(letters=letters))

    for letter in letters.claim("sender/1", limit=5):
        sender.carry(letter)

    assert messenger.sent == []
    assert {fact.data["code"] for fact in drill.facts(Kind.FINDING_RAISED)} == {"D521"}


class Broken(FakeMessenger):
    """A client with a bug."""

    def send(self, message: OutboundMessage) -> SendResult:
        raise KeyError("13900000001")


def test_a_bug_in_a_client_is_a_finding_without_what_it_said(opened: Make) -> None:
    post = opened("sms", by={"sms": Broken()})
    post.tell()

    until(lambda: post.findings() == {"D903"})

    (finding,) = post.drill.facts(Kind.FINDING_RAISED)
    assert "139" not in str(finding.data)
