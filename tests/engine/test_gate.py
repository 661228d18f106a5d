"""Gates: one question, one deadline, and an end that only facts can bring."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest

from drill.model.events import Kind
from tests.engine.door import Door
from tests.engine.drilling import Died, DyingJournal, Stage, die, gate_of, phase_of, plan_of, step_of


def test_a_gate_is_asked_once_and_a_yes_with_the_code_opens_it() -> None:
    door = Door()
    door.drill.clock.after(3.0, lambda: door.answer("lead"))

    result = door.hold()

    acknowledged = door.drill.facts(Kind.ACKNOWLEDGED)[0]
    assert result == {"status": "ok"}
    assert door.asked() == [("gate", "lead")]
    assert (acknowledged.data["contacts"], acknowledged.data["channel"]) == (["lead"], "sms")
    assert door.drill.clock.mono_s() < 1003.1


def test_a_gate_that_was_answered_is_neither_asked_nor_awaited_again_after_a_crash() -> None:
    door = Door()
    door.drill.clock.after(3.0, lambda: door.answer("lead"))
    door.hold()
    before = len(door.drill.facts())
    second = door.next_life()

    result = second.hold()

    assert result == {"status": "ok"}
    assert len(second.drill.facts()) == before + 1, "only the start of the engine is new"
    assert len(door.messenger.sent) == 1


def test_the_question_and_its_deadline_stay_as_they_were_after_a_crash() -> None:
    door = Door(within_s=60.0)
    door.drill.clock.after(20.0, die)
    with pytest.raises(Died):
        door.hold()
    second = door.next_life(later_s=15.0)

    result = second.hold()

    (requested,) = second.drill.facts(Kind.ACKNOWLEDGEMENT_REQUESTED)
    (expired,) = second.drill.facts(Kind.ACKNOWLEDGEMENT_EXPIRED)
    assert result == {"status": "expired"}
    assert expired.at - requested.at == timedelta(seconds=60)
    assert door.asked() == [("gate", "lead")]


def test_an_answer_that_came_while_no_engine_ran_opens_the_gate_at_once_and_nobody_is_asked_again() -> None:
    gate = gate_of("a", then=("oncall",))
    plan = plan_of(phase_of("a", step_of("a.x"), gate="a"), gates=(gate,))
    door = Door(gate, drill=Stage(plan, DyingJournal(Kind.ESCALATED)))
    with pytest.raises(Died):
        door.hold()
    door.answer("lead")

    result = door.next_life().hold()

    assert result == {"status": "ok"}
    assert door.asked() == [("gate", "lead")]


def test_a_quorum_of_two_needs_two_different_people() -> None:
    door = Door(ask=("lead", "oncall"), quorum=2)
    door.drill.clock.after(1.0, lambda: door.answer("lead"))
    door.drill.clock.after(2.0, lambda: door.answer("lead"))
    door.drill.clock.after(9.0, lambda: door.answer("oncall"))

    result = door.hold()

    assert result == {"status": "ok"}
    assert door.drill.clock.mono_s() >= 1009
    assert door.drill.facts(Kind.ACKNOWLEDGED)[0].data["contacts"] == ["lead", "oncall"]


def test_one_no_closes_the_gate_whatever_the_others_said_and_asks_to_stop() -> None:
    door = Door(ask=("lead", "oncall"), quorum=2)
    door.drill.clock.after(1.0, lambda: door.answer("lead"))
    door.drill.clock.after(2.0, lambda: door.answer("oncall", "2"))

    result = door.hold()

    assert result == {"status": "declined"}
    assert door.drill.facts(Kind.DECLINED)[0].data["contact"] == "oncall"
    assert door.drill.facts(Kind.ABORT_REQUESTED)[0].data["reason"] == "oncall said no to a"
    assert not door.drill.facts(Kind.ACKNOWLEDGED)


@pytest.mark.parametrize(
    ("silence", "status", "aborts", "hold"),
    [("abort", "expired", True, False), ("hold", "expired", True, True), ("proceed", "ok", False, None)],
)
def test_silence_does_what_the_gate_says(silence: str, status: str, aborts: bool, hold: bool | None) -> None:  # noqa: FBT001
    door = Door(silence=silence, within_s=30.0)

    result = door.hold()

    abort = door.drill.facts(Kind.ABORT_REQUESTED)
    assert result == {"status": status}
    assert door.drill.facts(Kind.ACKNOWLEDGEMENT_EXPIRED)[0].data["silence"] == silence
    assert bool(abort) is aborts
    assert not abort or (abort[0].data["hold"], abort[0].data["channel"]) == (hold, "silence")


@pytest.mark.parametrize("silence", ["abort", "hold", "proceed"])
def test_silence_before_anything_was_touched_stops_the_drill_without_a_hold(silence: Literal["abort", "hold", "proceed"]) -> None:
    door = Door(silence=silence, at="before", touched=False)

    result = door.hold()

    assert result == {"status": "expired"}
    assert door.drill.facts(Kind.ABORT_REQUESTED)[0].data["hold"] is False


@pytest.mark.parametrize(("silence", "status"), [("proceed", "ok"), ("hold", "expired"), ("abort", "expired")])
def test_silence_means_the_same_after_a_crash(silence: str, status: str) -> None:
    door = Door(silence=silence)
    door.hold()

    result = door.next_life().hold()

    assert result == {"status": status}


def test_a_receipt_gate_opens_when_the_text_has_arrived() -> None:
    door = Door(by="receipt")
    door.drill.clock.after(4.0, door.receipts)

    result = door.hold()

    assert result == {"status": "ok"}
    assert door.drill.facts(Kind.ACKNOWLEDGED)[0].data["channel"] == "receipt"
    assert door.drill.clock.mono_s() >= 1004


def test_a_receipt_gate_does_not_open_for_a_text_that_failed_to_arrive() -> None:
    door = Door(by="receipt", silence="abort")
    door.messenger.fates["drill-1:gate/a:lead:sms:0"] = "failed"
    door.drill.clock.after(4.0, door.receipts)

    result = door.hold()

    assert result == {"status": "expired"}


def test_a_system_gate_opens_when_its_check_holds_and_texts_nobody() -> None:
    door = Door(by="system")
    door.drill.clock.after(4.0, lambda: setattr(door, "steady", True))

    result = door.hold()

    assert result == {"status": "ok"}
    assert door.drill.facts(Kind.ACKNOWLEDGED)[0].data["channel"] == "system"
    assert door.messenger.sent == []


def test_a_yes_from_a_person_does_not_open_a_gate_for_the_system() -> None:
    door = Door(by="system", silence="abort")
    door.drill.clock.after(1.0, lambda: door.answer("lead"))

    result = door.hold()

    assert result == {"status": "expired"}


def test_an_abort_ends_the_wait_and_leaves_the_question_open() -> None:
    door = Door(within_s=600.0)
    door.drill.clock.after(5.0, door.drill.abort)

    result = door.hold()

    assert result == {"status": "stopped"}
    assert door.drill.clock.mono_s() < 1005.1
    assert door.drill.recorder.look(lambda progress: progress.gate("a").state) == "open"


def test_nobody_is_asked_once_somebody_asked_to_stop() -> None:
    door = Door()
    door.drill.abort()

    result = door.hold()

    assert result == {"status": "stopped"}
    assert not door.drill.facts(Kind.ACKNOWLEDGEMENT_REQUESTED)
    assert door.messenger.sent == []


def test_a_resumed_gate_asks_nobody_when_the_drill_was_aborted_meanwhile() -> None:
    gate = gate_of("a")
    plan = plan_of(phase_of("a", step_of("a.x"), gate="a"), gates=(gate,))
    door = Door(gate, drill=Stage(plan, DyingJournal(Kind.ACKNOWLEDGEMENT_REQUESTED)))
    with pytest.raises(Died):
        door.hold()
    door.drill.abort()

    result = door.next_life().hold()

    assert result == {"status": "stopped"}
    assert door.messenger.sent == []


@pytest.mark.parametrize("before", ["open", "declined", "expired"])
def test_a_gate_without_a_yes_counts_as_answered_when_a_person_goes_on_with_a_drill_on_hold(before: str) -> None:
    door = Door(silence="hold", within_s=60.0)
    play = {"open": door.drill.abort, "declined": lambda: door.answer("lead", "2"), "expired": lambda: None}[before]
    door.drill.clock.after(5.0, play)
    door.hold()
    door.drill.recorder.say(Kind.DRILL_HELD, "held/drill/0", reason="no answer", left=[])
    door.drill.decide("proceed")

    result = door.next_life().hold()

    assert result == {"status": "ok"}
    assert len(door.messenger.sent) == 1
