"""Two gates that come to ask the same person within ten seconds: the second text names both, and its one code answers both."""

from __future__ import annotations

import pytest

from drill.model.events import Kind
from drill.model.plan_channels import Messages, SmsSettings
from tests.engine.drilling import Died, gate_of, texts_of
from tests.engine.hall import DiesAtTheSecond, Hall, two


def test_the_second_of_two_questions_within_ten_seconds_names_both_and_its_one_code_answers_both() -> None:
    hall = Hall(*two())
    hall.answers(8.0, "lead", 1)

    hall.play(0.0, 5.0)

    first, second = hall.texts("lead")
    assert texts_of(hall.drill.facts()) == [("gate", "lead"), ("joint", "lead")]
    assert (second.variables["phases"], second.variables["within"]) == ("a and b", "55s")
    assert first.variables["code"] != second.variables["code"]
    assert hall.counted() == [("a", "lead", "confirm"), ("b", "lead", "confirm")]
    assert hall.ended == {"a": {"status": "ok"}, "b": {"status": "ok"}}


@pytest.mark.parametrize(("second_s", "purpose"), [(0.0, "joint"), (9.9, "joint"), (10.1, "gate"), (11.0, "gate")])
def test_only_questions_less_than_ten_seconds_apart_are_one(second_s: float, purpose: str) -> None:
    hall = Hall(*two())
    hall.answers(12.0, "lead", 1)

    hall.play(0.0, second_s)

    both = purpose == "joint"
    assert [message.purpose for message in hall.texts("lead")] == ["gate", purpose]
    assert hall.counted() == ([("a", "lead", "confirm")] if both else []) + [("b", "lead", "confirm")]
    assert hall.ended["a"] == {"status": "ok" if both else "expired"}


def test_a_gate_that_was_answered_before_is_not_asked_about_again() -> None:
    hall = Hall(*two())
    hall.answers(3.0, "lead", 0)
    hall.answers(8.0, "lead", 1)

    hall.play(0.0, 5.0)

    assert texts_of(hall.drill.facts()) == [("gate", "lead"), ("gate", "lead")]
    assert hall.ended == {"a": {"status": "ok"}, "b": {"status": "ok"}}


def test_a_person_who_has_answered_waits_for_nobody_elses_question_in_their_text() -> None:
    hall = Hall(gate_of("a", ask=("lead", "oncall"), quorum=2), gate_of("b"))
    hall.answers(3.0, "lead", 0)

    hall.play(0.0, 5.0)

    assert [message.purpose for message in hall.texts("lead")] == ["gate", "gate"]


def test_the_question_of_another_person_is_not_merged() -> None:
    hall = Hall(*two(ask=("oncall", "lead")))
    hall.answers(7.0, "oncall", 0)

    hall.play(0.0, 5.0)

    assert texts_of(hall.drill.facts()) == [("gate", "lead"), ("gate", "oncall"), ("joint", "lead")]
    assert hall.counted() == [("b", "oncall", "confirm")]


@pytest.mark.parametrize("kind", [Kind.ACKNOWLEDGEMENT_REQUESTED, Kind.MESSAGE_SENT])
def test_the_joint_text_and_its_code_are_the_same_after_a_crash(kind: Kind) -> None:
    hall = Hall(*two(), journal=DiesAtTheSecond(kind))
    with pytest.raises(Died):
        hall.play(0.0, 5.0)
    sent_before = [message.variables for message in hall.texts("lead")[1:]]
    second = hall.next_life(later_s=30.0)
    second.answers(3.0, "lead", 1)

    second.play(0.0, 1.0)

    [joint] = second.texts("lead")[1:]
    assert texts_of(second.drill.facts()) == [("gate", "lead"), ("joint", "lead")]
    assert not sent_before or sent_before == [joint.variables]
    assert second.counted() == [("a", "lead", "confirm"), ("b", "lead", "confirm")]


@pytest.mark.parametrize("destructive", ["a", "b"])
def test_the_shared_code_is_long_when_any_gate_is_destructive(destructive: str) -> None:
    hall = Hall(*(gate_of(name, destructive=name == destructive) for name in "ab"))
    hall.answers(8.0, "lead", 1)

    hall.play(0.0, 5.0)

    assert len(hall.texts("lead")[1].variables["code"]) == 6
    assert [gate for gate, _, _ in hall.counted()] == ["a", "b"]


def test_an_escalation_right_after_another_question_is_one_with_it() -> None:
    hall = Hall(gate_of("a", ask=("manager",)), gate_of("b", ask=("oncall",), then=("manager",), within_s=12.0))
    hall.answers(9.0, "manager", 1)

    hall.play(0.0, 0.0)

    assert [(message.contact, message.purpose) for message in hall.messenger.sent] == [
        ("manager", "gate"),
        ("oncall", "gate"),
        ("manager", "joint"),
    ]
    assert hall.counted() == [("a", "manager", "confirm"), ("b", "manager", "confirm")]


@pytest.mark.parametrize("by", ["receipt", "system"])
def test_a_gate_that_no_word_closes_is_not_merged(by: str) -> None:
    hall = Hall(gate_of("a", within_s=20.0, by=by, ask=("lead",), silence="proceed"), gate_of("b"))
    hall.drill.clock.after(8.0, hall.drill.abort)

    hall.play(0.0, 0.0)

    assert "joint" not in [message.purpose for message in hall.texts("lead")]


def test_no_more_than_three_questions_are_one() -> None:
    hall = Hall(*(gate_of(name) for name in "abcd"))
    hall.drill.clock.after(8.0, hall.drill.abort)

    hall.play(0.0, 1.0, 2.0, 3.0)

    assert [message.variables.get("phases") for message in hall.texts("lead")] == ["a", "a and b", "a and b and c", "b and c and d"]
    assert len({message.variables["code"] for message in hall.texts("lead")}) == 4


def test_without_an_audited_joint_template_the_texts_stay_apart() -> None:
    sms = SmsSettings(provider="aliyun", sign="secret:SIGN", templates={"gate": {"en": "SMS_1"}})
    hall = Hall(*two(), messages=Messages(sms=sms))
    hall.drill.clock.after(8.0, hall.drill.abort)

    hall.play(0.0, 5.0)

    assert [message.purpose for message in hall.texts("lead")] == ["gate", "gate"]


def test_neither_code_of_a_joint_text_is_in_any_fact() -> None:
    hall = Hall(*two())
    hall.answers(8.0, "lead", 1)

    hall.play(0.0, 5.0)

    written = " ".join(str(fact.row()["data"]) + fact.key for fact in hall.drill.facts())
    assert not [code for message in hall.texts("lead") if (code := message.variables["code"]) in written]
