"""Texts: each once per reason and person, over the next number when one fails, looked up when in doubt, and no code in the record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drill.engine.notify import Notifier
from drill.model.events import Kind
from drill.model.ports import OutboundMessage, SendResult
from tests.engine.drilling import NUMBERS, Died, DyingJournal, Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

REFUSED = SendResult("rejected", "fake", code="isv.MOBILE_NUMBER_ILLEGAL")
BUSY = SendResult("rejected", "fake", code="isp.SYSTEM_ERROR", retryable=True)
SILENT = SendResult("in_doubt", "fake", code="TIMEOUT")
FIRST, SECOND = NUMBERS["LEAD_PHONE"], NUMBERS["LEAD_PHONE_2"]
GATE = gate_of("a", then=("oncall",))
JOINT = gate_of("both", phases=("b", "c"))


class Post:
    """A notifier of one drill in one life of the engine."""

    def __init__(self, *script: SendResult, drill: Stage | None = None, messenger: FakeMessenger | None = None) -> None:
        phases = (phase_of("a", step_of("a.x"), gate="a"), phase_of("b", gate="both"), phase_of("c", gate="both"))
        told = phase_of("d", notify=("lead", "oncall"))
        self.drill = drill or Stage(plan_of(*phases, told, gates=(GATE, JOINT)))
        self.messenger = messenger or FakeMessenger(*script)
        self.notifier = Notifier(self.drill.recorder, self.drill.people, {"sms": self.messenger})

    def next_life(self) -> Post:
        return Post(drill=self.drill.next_life(), messenger=self.messenger)

    def ask(self, contact: str = "lead") -> bool:
        return self.notifier.ask(GATE, contact, escalated=contact != "lead")

    def numbers(self) -> list[str]:
        return [message.address for message in self.messenger.sent]

    def sent(self) -> list[dict[str, Any]]:
        return [dict(fact.data) for fact in self.drill.facts(Kind.MESSAGE_SENT)]


def test_a_question_carries_the_code_to_the_phone_and_hides_it_in_the_record() -> None:
    post = Post()

    assert post.ask()

    (message,), (fact,) = post.messenger.sent, post.sent()
    assert message.variables["code"] == post.drill.code("a", "lead")
    assert "····" in fact["text"]
    assert (fact["purpose"], fact["gate"], fact["contact"], fact["state"]) == ("gate", "a", "lead", "accepted")


def test_a_question_to_several_phases_names_them_all_in_one_text() -> None:
    post = Post()

    post.notifier.ask(JOINT, "lead", escalated=False)

    assert post.sent()[0]["purpose"] == "joint"
    assert "b and c" in post.sent()[0]["text"]


def test_people_are_texted_in_their_own_language() -> None:
    post = Post()

    post.ask("lead")
    post.ask("oncall")

    assert "Reply 1 yes" in post.sent()[0]["text"]
    assert "回复1通过" in post.sent()[1]["text"]
    assert post.sent()[1]["purpose"] == "escalation"


def test_a_number_that_is_refused_falls_over_to_the_next() -> None:
    post = Post(REFUSED)

    assert post.ask()

    assert post.numbers() == [FIRST, SECOND]
    assert [row["state"] for row in post.sent()] == ["rejected", "accepted"]


def test_a_number_that_took_the_text_is_enough() -> None:
    post = Post()

    post.ask()

    assert post.numbers() == [FIRST]


def test_nobody_was_reached_when_every_number_refused() -> None:
    post = Post(REFUSED, REFUSED)

    assert not post.ask()
    assert post.numbers() == [FIRST, SECOND]


def test_a_busy_provider_is_asked_once_more_before_the_next_number() -> None:
    post = Post(BUSY)

    assert post.ask()

    assert post.numbers() == [FIRST, FIRST]
    assert [row["state"] for row in post.sent()] == ["accepted"]


def test_a_send_without_an_answer_is_looked_up_and_not_repeated() -> None:
    post = Post(SILENT)
    post.messenger.fates["drill-1:gate/a:lead:sms:0"] = "delivered"

    assert post.ask()

    assert post.numbers() == [FIRST]
    assert (post.sent()[0]["state"], post.sent()[0]["detail"]) == ("accepted", "no answer to the send; found by look-up")


def test_a_send_that_cannot_be_found_stays_in_doubt_and_falls_over() -> None:
    post = Post(SILENT)

    assert post.ask()

    assert post.numbers() == [FIRST, SECOND]
    assert [row["state"] for row in post.sent()] == ["in_doubt", "accepted"]


def test_a_text_that_was_recorded_is_not_sent_again_after_a_crash() -> None:
    post = Post()
    post.ask()

    assert post.next_life().ask()

    assert len(post.messenger.sent) == 1


def test_a_refusal_that_was_recorded_is_not_tried_again_after_a_crash() -> None:
    post = Post(REFUSED)
    post.ask()

    assert post.next_life().ask()

    assert post.numbers() == [FIRST, SECOND]


class LostAnswer(FakeMessenger):
    """Takes the first text and kills the engine before it can write that down."""

    def send(self, message: OutboundMessage) -> SendResult:
        result = super().send(message)
        if len(self.sent) == 1:
            raise Died
        return result


def test_a_text_that_left_just_before_a_crash_is_looked_up_and_not_sent_again() -> None:
    post = Post(messenger=LostAnswer())
    with pytest.raises(Died):
        post.ask()

    assert post.next_life().ask()

    assert post.numbers() == [FIRST]
    assert post.sent()[0]["detail"] == "sent before the engine died"


def test_a_text_that_never_left_before_a_crash_is_sent_after_it() -> None:
    post = Post(messenger=LostAnswer())
    with pytest.raises(Died):
        post.ask()
    post.messenger.fates.clear()

    assert post.next_life().ask()

    assert post.numbers() == [FIRST, FIRST]


def test_a_crash_right_after_the_record_sends_nothing_twice() -> None:
    gates = (GATE,)
    drill = Stage(plan_of(phase_of("a", step_of("a.x"), gate="a"), gates=gates), DyingJournal(Kind.MESSAGE_SENT))
    post = Post(drill=drill)
    with pytest.raises(Died):
        post.ask()

    post.next_life().ask()

    assert post.numbers() == [FIRST]


def test_a_phase_that_asks_nobody_tells_its_state_once_to_each_person() -> None:
    post = Post()
    phase = post.drill.plan.phase("d")

    post.notifier.tell(phase, took_s=1.5)
    post.notifier.tell(phase, took_s=9.0)

    assert [row["contact"] for row in post.sent()] == ["lead", "oncall"]
    assert "d is done, time 1.5s. No answer asked." in post.sent()[0]["text"]


def test_a_hold_or_a_result_goes_to_everyone_once_per_reason() -> None:
    post = Post()
    words = {language: {"phase": "d", "reason": "nobody answered", "ways": "failback"} for language in ("en", "zh")}

    post.notifier.announce("hold", "drill/0", words)
    post.notifier.announce("hold", "drill/0", words)
    post.notifier.announce("hold", "drill/1", words)

    assert [row["contact"] for row in post.sent()] == ["lead", "oncall", "manager"] * 2


def test_arrivals_are_written_down_once_and_failures_as_such() -> None:
    post = Post()
    post.ask("lead")
    post.ask("oncall")
    post.messenger.fates["drill-1:gate/a:oncall:sms:0"] = "failed"

    post.notifier.look_after()
    post.notifier.look_after()

    arrived = [(fact.data["contact"], fact.data["state"]) for fact in post.drill.facts(Kind.MESSAGE_DELIVERED)]
    assert arrived == [("lead", "delivered"), ("oncall", "failed")]
    assert post.notifier.delivered(GATE)


def test_a_text_on_its_way_when_the_engine_died_is_looked_after_by_the_next() -> None:
    post = Post()
    post.ask()
    second = post.next_life()
    second.ask()

    second.notifier.look_after()

    assert len(second.drill.facts(Kind.MESSAGE_DELIVERED)) == 1


def test_neither_a_number_nor_a_code_is_in_any_fact() -> None:
    post = Post(SILENT, REFUSED, BUSY)
    codes = {post.drill.code(gate.id, contact) for gate in (GATE, JOINT) for contact in (*gate.ask, *gate.then)}

    for contact in ("lead", "oncall"):
        post.ask(contact)
    post.notifier.ask(JOINT, "lead", escalated=False)
    post.notifier.tell(post.drill.plan.phase("d"), took_s=1.0)
    post.notifier.look_after()

    for fact in post.drill.facts():
        written = json.dumps(fact.row()["data"], ensure_ascii=False) + fact.key + fact.by
        assert not [secret for secret in (*codes, *NUMBERS.values()) if secret in written], fact.kind
