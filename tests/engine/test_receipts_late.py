"""One late try when no way is left, peace for a blocked number, room between two texts to one number."""

from __future__ import annotations

import pytest

from drill.engine.tracking import LATE_S
from drill.model.events import Kind
from tests.engine.carrier import FIRST, FULL, GATE, GONE, OFF, SECOND, Carrier, Post, message_id


def test_a_phone_that_was_off_gets_the_text_once_more_later_when_no_way_is_left() -> None:
    post = Post()
    post.tell()
    post.fails(OFF)
    post.fails(OFF)
    assert post.numbers() == [FIRST, SECOND]

    post.later(LATE_S - 10)
    assert len(post.numbers()) == 2
    post.later(20)

    assert post.numbers() == [FIRST, SECOND, FIRST]
    assert post.carrier.sent[-1].id == f"{message_id()}+late"


def test_a_late_try_that_fails_leads_to_that_of_the_next_number_and_no_further() -> None:
    post = Post()
    post.carrier.every = OFF
    post.tell()
    for _ in range(8):
        post.later(LATE_S + 1)

    assert post.numbers() == [FIRST, SECOND, FIRST, SECOND]
    assert len({message.id for message in post.carrier.sent}) == 4


def test_a_text_that_another_number_took_is_not_sent_again() -> None:
    post = Post()
    post.tell()
    post.fails(OFF)
    post.carrier.codes.pop(message_id(1), None)

    post.later(LATE_S + 1)
    post.later(LATE_S + 1)

    assert post.numbers() == [FIRST, SECOND]


def test_a_number_that_is_gone_gets_no_late_try() -> None:
    post = Post()
    post.tell()
    post.fails(GONE)
    post.fails(GONE)

    post.later(LATE_S + 1)

    assert post.numbers() == [FIRST, SECOND]


def test_a_late_try_is_made_after_a_crash_too_and_once() -> None:
    post = Post()
    post.tell()
    post.fails(OFF)
    post.fails(OFF)

    after = Post(post.carrier, stage=post.drill.next_life(), letters=post.letters)
    after.notifier.look_after()
    after.later(LATE_S + 1)
    third = Post(post.carrier, stage=after.drill.next_life(), letters=post.letters)
    third.later(LATE_S + 1)

    assert post.numbers() == [FIRST, SECOND, FIRST]


def test_a_question_whose_gate_has_ended_gets_no_late_try() -> None:
    post = Post()
    post.asks()
    post.fails(OFF)
    post.fails(OFF)
    post.drill.recorder.say(Kind.ACKNOWLEDGED, "a/acknowledged", gate="a", contacts=["oncall"], channel="sms")

    post.later(LATE_S + 1)

    assert post.numbers() == [FIRST, SECOND]


def test_a_late_try_that_is_awaited_keeps_nobody_from_being_unreachable() -> None:
    post = Post()
    post.asks()

    post.fails(OFF)
    post.fails(OFF)

    assert post.notifier.unreachable(GATE, "lead", escalated=False)


def test_a_number_that_had_too_many_by_receipt_gets_no_more_until_then() -> None:
    post = Post(Carrier(gap_s=1.0))
    post.tell()
    post.fails(FULL)
    post.later(10)

    post.tell("t1")

    assert [message.id for message in post.carrier.sent] == [message_id(), message_id(1), message_id(1, "t1")]
    post.later(3600)
    post.notifier.warn("w", {language: {"phase": "x", "state": "x", "took": "1s"} for language in ("en", "zh")})
    assert [message.address for message in post.carrier.sent if message.contact == "lead"][-1] == FIRST


def test_two_texts_to_one_number_are_a_gap_apart_and_others_do_not_wait() -> None:
    post = Post(Carrier(gap_s=1.0))
    began_s = post.drill.clock.at_s

    post.tell("t0")
    post.tell("t1")
    ended_s = post.drill.clock.at_s
    post.notifier.warn("w", {language: {"phase": "x", "state": "x", "took": "1s"} for language in ("en", "zh")})

    assert post.numbers()[:2] == [FIRST, FIRST]
    assert ended_s - began_s == pytest.approx(1.0)
    assert post.drill.clock.at_s - ended_s == pytest.approx(1.0)  # the lead's third; the two others have numbers of their own
    assert {fact.data["state"] for fact in post.drill.facts(Kind.MESSAGE_SENT)} == {"accepted"}
