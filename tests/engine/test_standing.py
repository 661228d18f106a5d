"""A person who asks how the drill goes is told, in their language, once for each question and not without end."""

from __future__ import annotations

import pytest

from drill.engine.desk import STATUSES_TOLD, Desk
from drill.engine.notify import Notifier
from drill.model.events import Kind
from drill.model.ports import InboundMessage
from tests.engine.drilling import NUMBERS, Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

LEAD, ONCALL = NUMBERS["LEAD_PHONE"], NUMBERS["ONCALL_PHONE"]


class Place:
    """A drill whose desk answers questions."""

    def __init__(self) -> None:
        phases = (phase_of("one", step_of("one.x")), phase_of("two", step_of("two.x"), gate="two"), phase_of("three", step_of("three.x")))
        self.drill = Stage(plan_of(*phases, gates=(gate_of("two"),)))
        self.messenger = FakeMessenger()
        self.notifier = Notifier(self.drill.recorder, self.drill.people, {"sms": self.messenger})
        self.desk = Desk(self.drill.recorder, self.drill.people, on_asked=self.notifier.tell_where_it_stands)

    def begin(self, *opened: str) -> None:
        self.drill.recorder.say(Kind.DRILL_STARTED, "started")
        for phase in opened:
            self.drill.recorder.say(Kind.PHASE_OPENED, f"{phase}/opened", phase=phase)

    def asks(self, text: str, *, number: str = LEAD, message_id: str = "m-1") -> None:
        self.desk.take_message(InboundMessage(message_id, number, text, None, "handle"))

    def told(self) -> list[str]:
        return [str(fact.data["text"]) for fact in self.drill.facts(Kind.MESSAGE_SENT)]


@pytest.mark.parametrize("text", ["?", "？", "status", "状态", " 状态 ", "help"])
def test_a_person_who_asks_is_told_where_the_drill_stands(text: str) -> None:
    place = Place()
    place.begin("one")
    place.drill.clock.at_s += 95

    place.asks(text)

    assert place.told() == ["Drill test: one started, time 1m35s. No answer asked."]
    assert place.messenger.sent[0].address == LEAD
    assert [fact.data["reason"] for fact in place.drill.facts(Kind.REPLY_REJECTED)] == ["nothing-open"]


def test_everybody_is_answered_in_their_own_language_also_when_nobody_asked_them() -> None:
    place = Place()
    place.begin("one")

    place.asks("状态", number=ONCALL)

    assert place.told() == ["演练test：one已开始，用时1s，无需回复。"]


def test_phases_under_way_are_named_together_and_the_last_one_when_none_is() -> None:
    place = Place()
    place.begin("one", "three")
    place.asks("?", message_id="m-1")
    for phase in ("one", "three"):
        place.drill.recorder.say(Kind.PHASE_CLOSED, f"{phase}/closed", phase=phase, state="succeeded")

    place.asks("?", message_id="m-2")

    assert [text.split(",")[0] for text in place.told()] == ["Drill test: one and three started", "Drill test: three is done"]


def test_before_anything_began_the_first_phase_is_named() -> None:
    place = Place()

    place.asks("?")

    assert place.told() == ["Drill test: one is about to start, time 0s. No answer asked."]


def test_the_same_question_delivered_twice_is_answered_once() -> None:
    place = Place()
    place.begin("one")

    place.asks("?", message_id="m-1")
    place.asks("?", message_id="m-1")

    assert len(place.told()) == 1


def test_who_asks_without_end_is_answered_a_few_times() -> None:
    place = Place()
    place.begin("one")

    for number in range(STATUSES_TOLD + 3):
        place.asks("?", message_id=f"m-{number}")

    assert len(place.told()) == STATUSES_TOLD


def test_a_stranger_and_an_answer_are_told_nothing() -> None:
    place = Place()
    place.begin("one")

    place.asks("?", number="13900000009")
    place.asks("1 1234", message_id="m-2")

    assert place.told() == []
