"""Two gates that come to ask the same person within ten seconds: the second text names both, and its one code answers both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from drill.adapters.journal_memory import MemoryJournal
from drill.engine.attempt import Result
from drill.engine.desk import Desk
from drill.engine.gate import GateKeeper
from drill.engine.notify import Notifier
from drill.engine.people import People
from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Gate
from drill.model.plan_channels import Channel, Messages, SmsSettings
from drill.model.ports import InboundMessage, Journal, OutboundMessage
from tests.engine.drilling import DRILL, KEY, Died, Stage, die, gate_of, phase_of, plan_of, step_of, texts_of
from tests.fakes import FakeMessenger


class DiesAtTheSecond(MemoryJournal):
    """Kills the engine once, right after the second fact of a kind is stored."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind = kind
        self._seen = 0

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        facts = super().append(drill, drafts, token=token)
        if self._kind in {fact.kind for fact in facts}:
            self._seen += 1
            if self._seen == 2:
                raise Died
        return facts


class Hall:
    """Gates `a`, `b` and so on in one life of the engine, each asked at its second."""

    def __init__(self, *gates: Gate, drill: Stage | None = None, journal: Journal | None = None, messages: Messages | None = None) -> None:
        self.gates = gates
        plan = plan_of(*(phase_of(gate.id, step_of(f"{gate.id}.x"), gate=gate.id) for gate in gates), gates=gates)
        self.drill = drill or Stage(plan.model_copy(update={"messages": messages or Messages()}), journal or MemoryJournal())
        if drill is None:
            self.drill.run("a.x")
        self.messenger = FakeMessenger()
        self.ended: dict[str, Result] = {}

    def play(self, *at_s: float) -> None:
        """Ask each gate so many seconds from now, and wait until all have ended."""
        for gate, begins_s in zip(self.gates, at_s, strict=True):
            self.drill.clock.after(begins_s, lambda gate=gate: self._hold(gate))  # type: ignore[misc]
        self.drill.clock.sleep(max(at_s))

    def _hold(self, gate: Gate) -> None:
        notifier = Notifier(self.drill.recorder, self.drill.people, {"sms": self.messenger})
        self.ended[gate.id] = GateKeeper(self.drill.recorder, notifier, checks=lambda: True).hold(gate)

    def next_life(self, *, later_s: float = 1.0) -> Hall:
        hall = Hall(*self.gates, drill=self.drill.next_life(later_s=later_s))
        hall.messenger = self.messenger
        return hall

    def texts(self, contact: str) -> list[OutboundMessage]:
        return [message for message in self.messenger.sent if message.contact == contact]

    def answers(self, at_s: float, contact: str, number: int, verb: str = "1") -> None:
        """A person answers their n-th text, by its code."""
        name = f"{contact}-{at_s}"
        self.drill.clock.after(
            at_s, lambda: self.drill.says(contact, f"{verb} {self.texts(contact)[number].variables['code']}", message_id=name)
        )

    def counted(self) -> list[tuple[str, str, str]]:
        return [(fact.data["gate"], fact.data["contact"], fact.data["verb"]) for fact in self.drill.facts(Kind.REPLY_RECEIVED)]

    def rejected(self) -> list[tuple[str, str]]:
        return [(fact.data["gate"], fact.data["reason"]) for fact in self.drill.facts(Kind.REPLY_REJECTED)]


def two(**second: Any) -> tuple[Gate, Gate]:
    return gate_of("a"), gate_of("b", **second)


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


@pytest.mark.parametrize("destructive", ["a", "b"])
def test_the_shared_code_is_long_when_any_gate_is_destructive(destructive: str) -> None:
    hall = Hall(*(gate_of(name, destructive=name == destructive) for name in "ab"))
    hall.answers(8.0, "lead", 1)

    hall.play(0.0, 5.0)

    assert len(hall.texts("lead")[1].variables["code"]) == 6
    assert [gate for gate, _, _ in hall.counted()] == ["a", "b"]


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
