"""Escalation: the next person is asked inside the shared window, and at once when nobody before can be reached."""

from __future__ import annotations

import pytest

from drill.model.events import Kind
from drill.model.ports import SendResult
from tests.engine.door import Door
from tests.engine.drilling import Died, die
from tests.fakes import FakeMessenger

REFUSED = SendResult("rejected", "fake", code="isv.MOBILE_NUMBER_ILLEGAL")


def test_the_next_people_are_asked_inside_the_shared_window() -> None:
    door = Door(then=("oncall", "manager"), within_s=90.0)

    door.hold()

    asked = door.drill.facts(Kind.ACKNOWLEDGEMENT_REQUESTED)[0]
    escalated = door.drill.facts(Kind.ESCALATED)
    expired = door.drill.facts(Kind.ACKNOWLEDGEMENT_EXPIRED)[0]
    assert door.asked() == [("gate", "lead"), ("escalation", "oncall"), ("escalation", "manager")]
    assert [round(fact.mono_s - asked.mono_s) for fact in [*escalated, expired]] == [30, 60, 90]
    assert {fact.data["why"] for fact in escalated} == {"no answer in time"}


def test_whoever_was_asked_may_answer_after_an_escalation() -> None:
    door = Door(then=("oncall",), within_s=60.0)
    door.drill.clock.after(40.0, lambda: door.answer("lead"))

    result = door.hold()

    assert result == {"status": "ok"}
    assert door.drill.facts(Kind.ACKNOWLEDGED)[0].data["contacts"] == ["lead"]


def test_an_escalation_goes_on_after_a_crash_where_it_stood() -> None:
    door = Door(then=("oncall", "manager"), within_s=90.0)
    door.drill.clock.after(40.0, die)
    with pytest.raises(Died):
        door.hold()

    door.next_life(later_s=5.0).hold()

    asked = door.drill.facts(Kind.ACKNOWLEDGEMENT_REQUESTED)[0]
    assert [round(fact.mono_s - asked.mono_s) for fact in door.drill.facts(Kind.ESCALATED)] == [30, 60]
    assert door.asked() == [("gate", "lead"), ("escalation", "oncall"), ("escalation", "manager")]


def test_when_nobody_asked_can_be_reached_the_next_person_is_asked_at_once() -> None:
    door = Door(then=("oncall",), within_s=60.0)
    door.messenger = FakeMessenger(REFUSED, REFUSED)
    door.drill.clock.after(2.0, lambda: door.answer("oncall"))

    result = door.hold()

    (escalated,) = door.drill.facts(Kind.ESCALATED)
    assert result == {"status": "ok"}
    assert (escalated.data["to"], escalated.data["why"]) == ("oncall", "no provider took the message")
    assert escalated.mono_s - door.drill.facts(Kind.ACKNOWLEDGEMENT_REQUESTED)[0].mono_s < 0.1


def test_the_chain_is_followed_at_once_until_somebody_can_be_reached() -> None:
    door = Door(then=("oncall", "manager"), within_s=90.0)
    door.messenger = FakeMessenger(REFUSED, REFUSED, REFUSED)
    door.drill.clock.after(2.0, lambda: door.answer("manager"))

    result = door.hold()

    assert result == {"status": "ok"}
    assert [fact.data["to"] for fact in door.drill.facts(Kind.ESCALATED)] == ["oncall", "manager"]


def test_one_reachable_person_among_several_is_enough_to_wait() -> None:
    door = Door(ask=("oncall", "lead"), then=("manager",), within_s=60.0)
    door.messenger = FakeMessenger(REFUSED)
    door.drill.clock.after(2.0, lambda: door.answer("lead"))

    door.hold()

    assert not door.drill.facts(Kind.ESCALATED)
