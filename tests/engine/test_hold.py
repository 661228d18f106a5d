"""Ways to stop a drill half-way: hold, abort and a person's text, each before the point of no return and after it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from drill.model.events import Kind
from drill.model.plan import Plan
from tests.engine.drilling import Died, Stage, die, gate_of, phase_of, plan_of, step_of
from tests.engine.troupe import Troupe, registers

PLAN = plan_of(
    phase_of("go", gate="go"),
    phase_of("a", step_of("a.cut"), after=("go",), gate="a"),
    phase_of("b", step_of("b.promote", no_return=True), after=("a",), gate="b"),
    phase_of("c", step_of("c.switch"), after=("b",)),
    failback=(phase_of("home", step_of("home.back")),),
    gates=(gate_of("go", at="before", within_s=600.0), gate_of("a", within_s=600.0), gate_of("b", within_s=600.0)),
)


def troupe(answers: Mapping[str, str], plan: Plan = PLAN) -> Troupe:
    stage = Stage(plan)
    stage.step.script["a.cut"] = [registers]
    return Troupe(plan, stage, answers=dict(answers))


def outcome(drill: Troupe) -> tuple[str, int]:
    (fact,) = drill.stage.facts(Kind.DRILL_FINISHED)
    return fact.data["outcome"], fact.data["exit_code"]


def held(drill: Troupe) -> int:
    return len(drill.stage.facts(Kind.DRILL_HELD))


def abort_on_hold(drill: Troupe) -> None:
    drill.stage.decide("abort")
    drill.stage.abort("taken back")


def test_a_hold_before_the_point_of_no_return_takes_nothing_back_and_starts_nothing() -> None:
    drill = troupe({"go": "1"})
    seen: list[tuple[list[str], int]] = []
    drill.stage.clock.after(20, lambda: drill.stage.abort("wait for the network team", hold=True))
    drill.stage.clock.after(60, lambda: seen.append((drill.ran(), len(drill.stage.step.undone))))
    drill.stage.clock.after(70, lambda: abort_on_hold(drill))

    drill.play()

    assert seen == [(["a.cut"], 0)]
    assert [fact.data["reason"] for fact in drill.stage.facts(Kind.DRILL_HELD)] == ["wait for the network team"]


def test_an_abort_takes_a_drill_on_hold_back() -> None:
    drill = troupe({"go": "1"})
    drill.stage.clock.after(20, lambda: drill.stage.abort("wait", hold=True))
    drill.stage.clock.after(60, lambda: abort_on_hold(drill))

    drill.play()

    assert [step for step, _ in drill.stage.step.undone] == ["a.cut"]
    assert drill.ran() == ["a.cut"]
    assert outcome(drill) == ("aborted", 4)
    assert held(drill) == 1


def test_an_abort_of_a_drill_on_hold_survives_a_crash_of_the_engine_that_takes_it_back() -> None:
    drill = troupe({"go": "1"})
    drill.stage.clock.after(20, lambda: drill.stage.abort("wait", hold=True))
    drill.stage.clock.after(60, lambda: abort_on_hold(drill))
    drill.play()
    again = drill.next_life()

    again.play()

    assert len(again.stage.facts(Kind.DRILL_FINISHED)) == len(again.stage.facts(Kind.UNDO_DONE)) == 1


def test_an_abort_takes_a_drill_on_hold_back_whose_engine_has_gone() -> None:
    drill = troupe({"go": "1"})
    drill.stage.clock.after(20, lambda: drill.stage.abort("wait", hold=True))
    drill.stage.clock.after(60, die)
    with pytest.raises(Died):
        drill.play()
    again = drill.next_life()
    abort_on_hold(again)

    again.play()

    assert [step for step, _ in again.stage.step.undone] == ["a.cut"]
    assert outcome(again) == ("aborted", 4)
    assert held(again) == 1


def test_proceed_lets_a_drill_on_hold_pass_the_question_it_was_stopped_at() -> None:
    drill = troupe({"go": "1", "b": "1"})
    drill.stage.clock.after(20, lambda: drill.stage.abort("wait", hold=True))
    drill.stage.clock.after(60, lambda: drill.stage.decide("proceed"))

    drill.play()

    assert drill.ran() == ["a.cut", "b.promote", "c.switch", "home.back"]
    assert outcome(drill)[0] == "finished"


def test_a_hold_before_anything_was_touched_can_be_aborted_without_a_trace() -> None:
    drill = troupe({})
    drill.stage.clock.after(20, lambda: drill.stage.abort("wait", hold=True))
    drill.stage.clock.after(60, lambda: abort_on_hold(drill))

    drill.play()

    assert drill.ran() == []
    assert outcome(drill) == ("aborted", 4)


@pytest.mark.parametrize("wanted", [True, False], ids=["hold", "abort"])
def test_after_the_point_of_no_return_a_hold_and_an_abort_are_the_same(*, wanted: bool) -> None:
    drill = troupe({"go": "1", "a": "1"})
    drill.stage.clock.after(30, lambda: drill.stage.abort("stop", hold=wanted))
    drill.stage.clock.after(90, lambda: drill.stage.decide("failback"))

    drill.play()

    assert held(drill) == 1
    assert drill.stage.step.undone == []
    assert drill.ran() == ["a.cut", "b.promote", "home.back"]


def test_a_text_that_says_nine_takes_a_drill_back() -> None:
    drill = troupe({"go": "1", "a": "9"})

    drill.play()

    (asked,) = drill.stage.facts(Kind.ABORT_REQUESTED)
    assert (asked.by, asked.data["channel"], asked.data["reason"]) == ("person:lead", "sms", "lead said abort to a")
    assert [step for step, _ in drill.stage.step.undone] == ["a.cut"]
    assert outcome(drill) == ("aborted", 4)


def test_after_the_point_of_no_return_a_text_that_says_nine_holds() -> None:
    drill = troupe({"go": "1", "a": "1", "b": "9"})
    drill.stage.clock.after(90, lambda: drill.stage.decide("failback"))

    drill.play()

    assert held(drill) == 1
    assert drill.stage.step.undone == []
    assert drill.ran()[-1] == "home.back"


def test_a_broken_guard_takes_a_drill_back_before_the_point_of_no_return_and_holds_it_after() -> None:
    before, after = troupe({"go": "1"}), troupe({"go": "1", "a": "1"})
    before.stage.clock.after(20, lambda: before.stage.abort("the guard shop broke", channel="guard", guard="shop"))
    after.stage.clock.after(30, lambda: after.stage.abort("the guard shop broke", channel="guard", guard="shop"))
    after.stage.clock.after(90, lambda: after.stage.decide("failback"))

    before.play()
    after.play()

    assert outcome(before) == ("aborted", 4)
    assert [step for step, _ in before.stage.step.undone] == ["a.cut"]
    assert (held(after), after.stage.step.undone) == (1, [])
    hold = [fact for fact in after.stage.facts(Kind.MESSAGE_SENT) if fact.data["purpose"] == "hold"]
    assert "a guard broke" in hold[0].data["text"] or "安全条件不再成立" in hold[0].data["text"]
