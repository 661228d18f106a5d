"""Whose answer to a joint text counts for which gate: codes, quorum, four eyes, locks, late words, crashes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from drill.engine.desk import Desk
from drill.engine.notify import Notifier
from drill.engine.people import People
from drill.model.events import Kind
from drill.model.plan_channels import Channel, Messages
from drill.model.ports import InboundMessage
from tests.engine.drilling import DRILL, KEY, Died, die, gate_of
from tests.engine.hall import Hall, two
from tests.fakes import FakeMessenger


def test_an_answer_to_the_first_text_confirms_the_first_alone() -> None:
    hall = Hall(*two())
    hall.answers(7.0, "lead", 0)

    hall.play(0.0, 5.0)

    assert hall.counted() == [("a", "lead", "confirm")]
    assert hall.ended == {"a": {"status": "ok"}, "b": {"status": "expired"}}


def test_the_shared_code_counts_for_what_is_still_open() -> None:
    hall = Hall(*two())
    hall.answers(6.0, "lead", 0)
    closed: dict[str, Any] = {"gate": "a", "contacts": ["lead"], "channel": "sms"}
    hall.drill.clock.after(6.1, lambda: hall.drill.recorder.say(Kind.ACKNOWLEDGED, "a/acknowledged", **closed))
    hall.answers(9.0, "lead", 1)

    hall.play(0.0, 5.0)

    assert hall.counted() == [("a", "lead", "confirm"), ("b", "lead", "confirm")]
    assert hall.rejected() == []
    assert hall.ended == {"a": {"status": "ok"}, "b": {"status": "ok"}}


def test_a_person_cannot_use_the_shared_code_of_another() -> None:
    both = ("lead", "oncall")
    hall = Hall(gate_of("a", ask=both), gate_of("b", ask=both))
    hall.drill.clock.after(7.0, lambda: hall.drill.says("oncall", f"1 {hall.texts('lead')[1].variables['code']}"))

    hall.play(0.0, 5.0)

    assert hall.counted() == []
    assert [fact.data["charged"] for fact in hall.drill.facts(Kind.REPLY_REJECTED)] == [["a", "b"]]


def test_a_no_declines_both_and_asks_to_stop_once() -> None:
    hall = Hall(*two())
    hall.answers(8.0, "lead", 1, "2")

    hall.play(0.0, 5.0)

    assert [fact.data["gate"] for fact in hall.drill.facts(Kind.DECLINED)] == ["a", "b"]
    assert [fact.data["reason"] for fact in hall.drill.facts(Kind.ABORT_REQUESTED)] == ["lead said no to a and b"]
    assert hall.ended == {"a": {"status": "declined"}, "b": {"status": "declined"}}


def test_an_abort_with_the_shared_code_stops_the_drill() -> None:
    hall = Hall(*two())
    hall.answers(8.0, "lead", 1, "9")

    hall.play(0.0, 5.0)

    assert hall.counted() == [("b", "lead", "abort")]
    assert len(hall.drill.facts(Kind.ABORT_REQUESTED)) == 1


def test_the_answer_to_a_joint_text_counts_once_through_a_crash() -> None:
    hall = Hall(gate_of("a", ask=("lead", "oncall"), quorum=2), gate_of("b", ask=("lead", "oncall"), quorum=2))
    hall.answers(8.0, "lead", 1)
    hall.drill.clock.after(9.0, die)
    with pytest.raises(Died):
        hall.play(0.0, 5.0)
    second = hall.next_life()

    second.answers(8.0, "lead", 1)
    second.drill.says("lead", f"1 {second.texts('lead')[1].variables['code']}", message_id="lead-8.0")

    assert second.counted() == [("a", "lead", "confirm"), ("b", "lead", "confirm")]


def test_quorum_and_four_eyes_hold_gate_by_gate() -> None:
    people = ("lead", "oncall")
    hall = Hall(gate_of("a", ask=people, four_eyes=True), gate_of("b", ask=people, quorum=2))
    hall.drill.people = People(hall.drill.plan, drill=DRILL, secrets=hall.drill.secrets, key=KEY, starter="lead")
    hall.answers(7.0, "lead", 1)
    hall.answers(9.0, "oncall", 1)

    hall.play(0.0, 5.0)

    assert hall.counted() == [("b", "lead", "confirm"), ("a", "oncall", "confirm"), ("b", "oncall", "confirm")]
    assert hall.rejected() == [("a", "needs-other")]
    assert hall.ended == {"a": {"status": "ok"}, "b": {"status": "ok"}}


def test_who_is_locked_out_at_one_gate_confirms_the_other_alone() -> None:
    hall = Hall(*two())
    for number in range(3):
        hall.drill.clock.after(1.0 + number, lambda: hall.drill.says("lead", "1 1111"))
    hall.answers(8.0, "lead", 1)

    hall.play(0.0, 5.0)

    assert hall.counted() == [("b", "lead", "confirm")]
    assert hall.rejected()[3:] == [("a", "locked")]


def test_each_late_answer_is_late_at_its_own_gate() -> None:
    hall = Hall(gate_of("a", within_s=20.0), gate_of("b", within_s=60.0, silence="proceed"))
    hall.answers(30.0, "lead", 1)

    hall.play(0.0, 5.0)

    assert hall.counted() == [("b", "lead", "confirm")]
    assert hall.rejected() == [("a", "late")]


def test_a_call_asks_about_its_own_gate_alone_and_its_keys_answer_that() -> None:
    hall = Hall(*two(), messages=Messages(channels=(Channel(id="voice", kind="voice"),)))
    calls = [contact.model_copy(update={"channels": ("voice",)}) for contact in hall.drill.plan.contacts]
    hall.drill.people.plan = hall.drill.plan.model_copy(update={"contacts": tuple(calls)})
    caller = FakeMessenger(channel="voice")
    for gate in hall.gates:
        hall.drill.recorder.say(
            Kind.ACKNOWLEDGEMENT_REQUESTED,
            f"{gate.id}/requested",
            gate=gate.id,
            phases=[gate.id],
            contacts=["lead"],
            deadline=(hall.drill.clock.now() + timedelta(seconds=60)).isoformat(),
            within_s=60.0,
        )
        Notifier(hall.drill.recorder, hall.drill.people, {"voice": caller}).ask(gate, "lead", escalated=False)
    Desk(hall.drill.recorder, hall.drill.people).take_message(InboundMessage("k-1", "call:fake-2", "1", None, "h"))

    assert [message.purpose for message in caller.sent] == ["gate", "gate"]
    assert hall.counted() == [("b", "lead", "confirm")]
