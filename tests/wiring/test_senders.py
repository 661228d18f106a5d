"""Senders: they send what engines elsewhere left in the database, once, also when a sender dies, and take the answers in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.outbox_sql import SqlLetters
from drill.engine.gate import GateKeeper
from drill.engine.notify import Notifier
from drill.model.events import Fact, Kind
from drill.model.plan import Plan
from drill.model.ports import OutboundMessage, SendResult
from drill.settings import Settings
from drill.wiring.desks import people_of
from drill.wiring.inboxes import open_inbox
from drill.wiring.mailrooms import open_office
from drill.wiring.posts import Post
from drill.wiring.records import Records
from drill.wiring.senders import Sender
from drill.wiring.sessions import plan_drill
from tests.engine.drilling import NUMBERS, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger, FakeReplySource, FakeSecrets

DRILL = "d1"
GATE = gate_of("a", within_s=30.0)
PLAN = plan_of(phase_of("a", step_of("a.x"), gate="a"), *[phase_of(f"t{n}", notify=("lead", "oncall")) for n in range(5)], gates=(GATE,))
PATIENCE_S = 20.0


class Place:
    """A database that an engine without any provider and some senders share."""

    def __init__(self, home: Path) -> None:
        base = Settings(home, home / "reports", home, f"sqlite:///{home / 'drill.sqlite'}", None, ttl_s=0.5)
        self.sending, self.playing = Records(base), Records(replace(base, sends_elsewhere=True))
        self.secrets = FakeSecrets(NUMBERS)
        self.messenger, self.replies = FakeMessenger(), FakeReplySource()
        self.said: list[str] = []
        self._stop: list[tuple[threading.Event, threading.Thread, Sender]] = []
        plan_drill(self.playing, DRILL, PLAN, started_by="sre", auto_answered=False)
        self.recorder = self.playing.recorder(DRILL)
        people = people_of(self.playing, DRILL, self.secrets)
        self.code = people.code(GATE, "lead")
        self.notifier = Notifier(self.recorder, people, {}, office=open_office(self.playing))

    def sender(self, name: str, *, messenger: FakeMessenger | None = None, fails: bool = False) -> threading.Event:
        """A sender at work; set what is returned to end it as if it died."""

        def post(_: Plan) -> Post:
            if fails:
                self.secrets.get("secret:NOT_SET")
            return Post({"sms": messenger or self.messenger}, self.replies, None, ())

        sender = Sender(self.sending, name, say=self.said.append, open_post=post, secrets=lambda _: self.secrets)
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(0.02):
                sender.turn()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._stop.append((stop, thread, sender))
        return stop

    def end(self) -> None:
        for stop, thread, sender in self._stop:
            stop.set()
            thread.join(5)
            sender.close()

    def sent(self) -> list[tuple[str, str]]:
        return [
            (fact.data["message"], fact.data["state"]) for fact in self.playing.journal.read(DRILL, kinds=frozenset({Kind.MESSAGE_SENT}))
        ]

    def replied(self, kind: Kind) -> list[Fact]:
        return self.playing.journal.read(DRILL, kinds=frozenset({kind}))

    def answers(self) -> None:
        """The lead says yes once the question has left."""
        until(self.sent)
        self.replies.put(NUMBERS["LEAD_PHONE"], f"1 {self.code}")

    def tell_all(self) -> None:
        for number in range(5):
            self.notifier.tell(PLAN.phase(f"t{number}"), took_s=1.0)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.end()


def until(holds: Callable[[], object]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_an_engine_without_providers_leaves_its_texts_and_waits_for_nobody(place: Place) -> None:
    place.tell_all()

    assert place.sent() == []
    assert SqlLetters(place.playing.database).waiting(DRILL) == 10


def test_a_sender_sends_each_text_once_and_sees_it_arrive(place: Place) -> None:
    place.tell_all()
    place.sender("s1")

    until(lambda: len(place.playing.journal.read(DRILL, kinds=frozenset({Kind.MESSAGE_DELIVERED}))) == 10)

    assert len(place.messenger.sent) == len({message.id for message in place.messenger.sent}) == 10
    assert {state for _, state in place.sent()} == {"accepted"}


def test_several_senders_never_send_a_text_twice(place: Place) -> None:
    for name in ("s1", "s2", "s3"):
        place.sender(name)
    place.tell_all()

    until(lambda: len(place.sent()) == 10)

    assert len(place.messenger.sent) == len({message.id for message in place.messenger.sent}) == 10


class Dying(FakeMessenger):
    """Takes the first text, and its sender is never heard of again."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = threading.Event()

    def send(self, message: OutboundMessage) -> SendResult:
        result = super().send(message)
        self.taken.set()
        threading.Event().wait(PATIENCE_S)
        return result


def test_what_a_dead_sender_had_in_hand_is_looked_up_and_sent_by_another(place: Place) -> None:
    dying = Dying()
    stop = place.sender("s1", messenger=dying)
    place.tell_all()
    assert dying.taken.wait(PATIENCE_S)
    stop.set()
    place.messenger.fates = dying.fates  # the provider is one for both
    place.sender("s2")

    until(lambda: len(place.sent()) == 10)

    sent = [message.id for message in (*dying.sent, *place.messenger.sent)]
    assert len(sent) == len(set(sent)) == 10


def test_a_gate_knows_that_its_question_was_taken_and_the_answer_comes_in_over_the_sender(place: Place) -> None:
    place.sender("s1")
    place.replies.put(NUMBERS["MANAGER_PHONE"], "hello")
    threading.Thread(target=place.answers, daemon=True).start()

    ended = GateKeeper(place.recorder, place.notifier, checks=lambda: True).hold(GATE)

    assert ended == {"status": "ok"}
    assert place.sent() == [("d1:gate/a:lead:sms:0", "accepted")]


def test_an_answer_that_a_sender_hears_and_a_carrier_pushes_counts_once(place: Place) -> None:
    asked: dict[str, Any] = {"deadline": "2099-01-01T00:00:00Z", "within_s": 1, "contacts": ["lead"], "phases": ["a"]}
    place.recorder.say(Kind.ACKNOWLEDGEMENT_REQUESTED, "a/requested", gate="a", **asked)
    place.sender("s1")
    threading.Thread(target=lambda: place.notifier.ask(GATE, "lead", escalated=False), daemon=True).start()
    until(place.sent)
    queued = place.replies.put(NUMBERS["LEAD_PHONE"], f"9 {place.code}")
    until(lambda: place.replied(Kind.REPLY_RECEIVED))

    open_inbox(place.playing, PLAN).store([replace(queued, id="", handle="")])
    place.replies.put(NUMBERS["MANAGER_PHONE"], "hello")

    until(lambda: place.replied(Kind.REPLY_REJECTED))
    assert [len(place.replied(kind)) for kind in (Kind.REPLY_RECEIVED, Kind.ABORT_REQUESTED, Kind.REPLY_REJECTED)] == [1, 1, 1]


def test_an_answer_is_stored_before_the_queue_of_a_sender_forgets_it(place: Place) -> None:
    place.tell_all()
    place.sender("s1")
    until(lambda: len(place.sent()) == 10)

    place.replies.put(NUMBERS["MANAGER_PHONE"], "hello")

    until(lambda: not place.replies.receive(0))
    assert open_inbox(place.playing, PLAN).count() == 1


def test_a_sender_that_lacks_a_secret_says_so_and_leaves_the_texts_to_one_that_has_it(place: Place) -> None:
    place.sender("s1", fails=True)
    place.tell_all()
    until(lambda: any("NOT_SET" in line for line in place.said))
    place.sender("s2")

    until(lambda: len(place.sent()) == 10)


def test_the_store_holds_no_number_and_no_code(place: Place) -> None:
    place.tell_all()
    place.recorder.say(
        Kind.ACKNOWLEDGEMENT_REQUESTED,
        "a/requested",
        gate="a",
        phases=["a"],
        contacts=["lead"],
        deadline="2027-01-01T00:00:00Z",
        within_s=1,
    )
    threading.Thread(target=lambda: place.notifier.ask(GATE, "lead", escalated=False), daemon=True).start()
    until(lambda: SqlLetters(place.playing.database).waiting(DRILL) == 11)

    held = b"".join(path.read_bytes() for path in (place.playing.settings.home).glob("drill.sqlite*"))

    assert not [
        secret
        for secret in (place.code, *NUMBERS.values())
        if f'"{secret}"'.encode() in held or (len(secret) > 6 and secret.encode() in held)
    ]
