"""The outbox: no step waits, no channel waits for another, nothing is dropped, and what was queued leaves once, also after a crash."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from drill.engine.notify import Notifier
from drill.engine.outbox_lanes import ThreadLanes
from drill.engine.outbox_memory import MemoryLedger, MemoryLetters
from drill.engine.trips import Office
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.plan_channels import Channel, Messages
from drill.model.ports import OutboundMessage, SendResult
from drill.model.ports_people import Limit, Way
from tests.engine.drilling import Died, Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

MAIL = Channel(id="email", kind="smtp", host="mail", port=587, sender="drill@example.com")
GATE = gate_of("a")
BUSY = SendResult("rejected", "fake", code="busy", retryable=True)
PATIENCE_S = 20.0


def plan(*channels: str, phases: int = 1) -> Plan:
    told = [phase_of(f"t{number}", notify=("lead",)) for number in range(phases)]
    made = plan_of(phase_of("a", step_of("a.x"), gate="a"), *told, gates=(GATE,))
    lead = made.contact("lead").model_copy(update={"channels": channels, "email": ("secret:LEAD_MAIL",)})
    oncall = made.contact("oncall").model_copy(update={"channels": ("email",), "email": ("secret:LEAD_MAIL",)})
    return made.model_copy(update={"contacts": (lead, oncall, made.contact("manager")), "messages": Messages(channels=(MAIL,))})


class RealTime:
    """A clock that runs."""

    epoch = "boot-1/1"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def now(self) -> Any:
        return self._stage.clock.now()

    def mono_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Hanging(FakeMessenger):
    """Takes no text until it is let go."""

    def __init__(self, channel: str = "sms") -> None:
        super().__init__(channel=channel)
        self.free = threading.Event()

    def send(self, message: OutboundMessage) -> SendResult:
        self.free.wait(PATIENCE_S)
        return super().send(message)


@dataclass
class Post:
    """A notifier with an outbox of threads."""

    made: Plan
    channels: dict[str, Any]
    letters: MemoryLetters = field(default_factory=MemoryLetters)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    room: int = 1000
    hang_s: float = 30.0
    stage: Stage | None = None

    def __post_init__(self) -> None:
        self.drill = self.stage or Stage(self.made)
        self.drill.secrets.values["LEAD_MAIL"] = "lead@example.com"
        self.drill.recorder.clock = RealTime(self.drill)
        self.office = Office(
            letters=self.letters,
            ledger=self.ledger,
            lanes=ThreadLanes(hang_s=self.hang_s),
            owner=f"life {self.drill.life}",
            room=self.room,
            chance=lambda: 0.0,
        )
        self.notifier = Notifier(self.drill.recorder, self.drill.people, self.channels, office=self.office)

    def tell(self, number: int = 0) -> None:
        self.notifier.tell(self.drill.plan.phase(f"t{number}"), took_s=1.0)

    def sent(self) -> list[tuple[str, str, str]]:
        return [(fact.data["channel"], fact.data["state"], fact.data["code"]) for fact in self.drill.facts(Kind.MESSAGE_SENT)]

    def findings(self) -> set[str]:
        return {fact.data["code"] for fact in self.drill.facts(Kind.FINDING_RAISED)}


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


def until(holds: Callable[[], object]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.01)


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


class Limited(FakeMessenger):
    """A provider that takes one text a day for a number."""

    def way(self, message: OutboundMessage) -> Way:
        return Way("limited", limits=(Limit(1, 86_400.0, "all"),))


def test_a_text_over_the_carriers_limit_goes_to_the_next_channel_at_once() -> None:
    drill, ledger = Stage(plan("sms", "email", phases=3)), MemoryLedger()
    drill.secrets.values["LEAD_MAIL"] = "lead@example.com"
    by = {"sms": Limited(), "email": FakeMessenger(channel="email")}
    notifier = Notifier(drill.recorder, drill.people, by, office=Office(ledger=ledger))
    before_s = drill.clock.at_s

    for number in range(3):
        notifier.tell(drill.plan.phase(f"t{number}"), took_s=1)

    facts = [(fact.data["channel"], fact.data["state"], fact.data["code"]) for fact in drill.facts(Kind.MESSAGE_SENT)]
    assert facts[:3] == [("sms", "accepted", "OK"), ("sms", "rejected", "quota"), ("sms", "accepted", "OK")]
    assert facts[-1] == ("email", "accepted", "OK")
    assert len(by["sms"].sent) == 2
    assert drill.clock.at_s == before_s


def test_a_number_the_provider_blocks_gets_no_more_from_it_until_then() -> None:
    drill, ledger = Stage(plan("sms", phases=2)), MemoryLedger()
    blocked = SendResult("rejected", "fake", code="isv.BUSINESS_LIMIT_CONTROL", blocked_s=3600.0)
    messenger = Limited(blocked, blocked)
    notifier = Notifier(drill.recorder, drill.people, {"sms": messenger}, office=Office(ledger=ledger))

    notifier.tell(drill.plan.phase("t0"), took_s=1)
    notifier.tell(drill.plan.phase("t1"), took_s=1)

    assert len(messenger.sent) == 2
    assert [fact.data["code"] for fact in drill.facts(Kind.MESSAGE_SENT)][2:] == ["quota", "quota"]


class Slow(FakeMessenger):
    """A provider account of two sends a second."""

    def way(self, message: OutboundMessage) -> Way:
        return Way("slow", per_second=2.0)


def test_an_account_is_not_asked_faster_than_its_rate() -> None:
    drill = Stage(plan("sms", phases=6))
    notifier = Notifier(drill.recorder, drill.people, {"sms": Slow()})
    before_s = drill.clock.at_s

    for number in range(6):
        notifier.tell(drill.plan.phase(f"t{number}"), took_s=1)

    assert 1.9 <= drill.clock.at_s - before_s <= 2.1


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
