"""The desk: which answers change something, and that each of them does so once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from drill.engine.desk import Desk
from drill.model.events import Kind, stamp
from drill.model.ports import InboundMessage
from drill.model.replies import Reply
from tests.engine.drilling import NUMBERS, Stage, gate_of, phase_of, plan_of, step_of


def asked(**fields: Any) -> Stage:
    """A drill with gate `a` open to the lead for a minute."""
    drill = Stage(plan_of(phase_of("a", step_of("a.x"), gate="a"), gates=(gate_of("a", ask=("lead", "oncall"), **fields),)))
    open_gate(drill, "a", "lead")
    return drill


def open_gate(drill: Stage, gate: str, *contacts: str) -> None:
    deadline = stamp(drill.clock.now() + timedelta(seconds=60))
    drill.recorder.say(
        Kind.ACKNOWLEDGEMENT_REQUESTED,
        f"{gate}/requested",
        gate=gate,
        phases=[gate],
        contacts=list(contacts),
        deadline=deadline,
        within_s=60.0,
    )


def rejections(drill: Stage) -> list[str]:
    return [fact.data["reason"] for fact in drill.facts(Kind.REPLY_REJECTED)]


def confirmed(drill: Stage) -> tuple[str, ...]:
    return drill.recorder.look(lambda progress: progress.gate("a").confirmed)


def test_the_same_message_twice_counts_once() -> None:
    drill = asked()
    code = drill.code("a", "lead")

    drill.says("lead", f"1 {code}", message_id="m-1")
    drill.says("lead", f"1 {code}", message_id="m-1")

    assert len(drill.facts(Kind.REPLY_RECEIVED, Kind.REPLY_REJECTED)) == 1


def test_the_same_message_after_a_crash_counts_once() -> None:
    drill = asked()
    drill.says("lead", f"9 {drill.code('a', 'lead')}", message_id="m-1")

    drill.next_life().says("lead", f"9 {drill.code('a', 'lead')}", message_id="m-1")

    assert len(drill.facts(Kind.ABORT_REQUESTED)) == 1
    assert len(drill.facts(Kind.REPLY_RECEIVED)) == 1


@pytest.mark.parametrize("number", ["8613900000001", "+86 139 0000 0001", "13900000002"])
def test_a_person_is_known_by_each_of_their_numbers_however_it_is_written(number: str) -> None:
    drill = asked()
    message = InboundMessage("m-1", number, f"1 {drill.code('a', 'lead')}", None, "h")

    judgement = Desk(drill.recorder, drill.people).take_message(message)

    assert judgement.counted
    assert confirmed(drill) == ("lead",)


def test_a_right_code_from_a_wrong_number_is_a_strangers() -> None:
    drill = asked()
    message = InboundMessage("m-1", "13900000009", f"1 {drill.code('a', 'lead')}", None, "h")

    Desk(drill.recorder, drill.people).take_message(message)

    (fact,) = drill.facts(Kind.REPLY_REJECTED)
    assert (fact.by, fact.data["contact"], fact.data["reason"]) == ("stranger", None, "stranger")
    assert confirmed(drill) == ()


def test_the_code_of_another_person_does_not_count() -> None:
    drill = asked()

    drill.says("lead", f"1 {drill.code('a', 'oncall')}")

    assert rejections(drill) == ["wrong-code"]


def test_a_person_who_was_not_asked_cannot_answer() -> None:
    drill = asked()

    drill.says("manager", "1")

    assert rejections(drill) == ["not-asked"]


def test_three_wrong_codes_lock_a_person_out_even_with_the_right_one_and_across_a_crash() -> None:
    drill = asked()
    wrong = "1111" if drill.code("a", "lead") != "1111" else "2222"
    for number in range(3):
        drill.says("lead", f"1 {wrong}", message_id=f"m-{number}")

    drill.next_life().says("lead", f"1 {drill.code('a', 'lead')}", message_id="m-4")

    assert rejections(drill) == ["wrong-code", "wrong-code", "wrong-code", "locked"]
    assert confirmed(drill) == ()


def test_a_no_is_a_decline_and_asks_to_stop_in_one_transaction() -> None:
    drill = asked()

    drill.says("lead", f"2 {drill.code('a', 'lead')}")

    received, declined, abort = drill.facts()[-3:]
    assert [fact.kind for fact in (received, declined, abort)] == [Kind.REPLY_RECEIVED, Kind.DECLINED, Kind.ABORT_REQUESTED]
    assert {fact.by for fact in (received, declined, abort)} == {"person:lead"}
    assert abort.data["reason"] == "lead said no to a"


def test_an_abort_by_text_asks_to_stop_and_declines_nothing() -> None:
    drill = asked()

    drill.says("lead", "9")

    assert drill.facts(Kind.ABORT_REQUESTED)[0].data["reason"] == "lead said abort to a"
    assert not drill.facts(Kind.DECLINED)


def test_a_late_yes_is_written_down_as_late_and_changes_nothing() -> None:
    drill = asked()
    sent_at = drill.clock.now() + timedelta(seconds=59)
    drill.clock.sleep(61)

    drill.says("lead", f"1 {drill.code('a', 'lead')}", sent_at=sent_at)

    (fact,) = drill.facts(Kind.REPLY_REJECTED)
    assert (fact.data["reason"], fact.data["given_in_time"]) == ("late", True)
    assert confirmed(drill) == ()


def test_a_late_abort_still_stops_the_drill() -> None:
    drill = asked()
    drill.clock.sleep(61)

    drill.says("lead", "9")

    assert drill.facts(Kind.ABORT_REQUESTED)


def test_an_answer_from_the_command_line_is_judged_by_the_same_rules() -> None:
    drill = asked()
    desk = Desk(drill.recorder, drill.people)

    wrong = desk.take(Reply("confirm", "1111"), contact="lead", channel="cli", message_id="cli-1")
    right = desk.take(Reply("confirm", drill.code("a", "lead")), contact="lead", channel="cli", message_id="cli-2")

    assert (wrong.counted, wrong.reason, right.counted) == (False, "wrong-code", True)
    assert drill.facts(Kind.REPLY_RECEIVED)[0].data["channel"] == "cli"


def test_neither_a_number_nor_a_code_nor_the_text_itself_is_in_any_fact() -> None:
    drill = asked()
    codes = {drill.code("a", contact) for contact in ("lead", "oncall")}
    for text in (f"1 {drill.code('a', 'lead')}", "1 4711", f"please 1 {drill.code('a', 'oncall')}", "call me on 13900000001"):
        drill.says("lead", text)
    stranger = InboundMessage("m-9", "13900000009", f"1 {drill.code('a', 'lead')}", None, "h")
    Desk(drill.recorder, drill.people).take_message(stranger)

    written = " ".join(str(fact.row()["data"]) + fact.key + fact.by for fact in drill.facts())

    assert not [secret for secret in (*codes, "4711", *NUMBERS.values(), "13900000009") if secret in written]
