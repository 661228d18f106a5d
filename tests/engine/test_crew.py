"""The crew: what follows from how a part ended, and what the end of a drill says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest

from drill.model.errors import Fatal, Retryable
from drill.model.events import Kind
from drill.model.ports import Attempt
from tests.engine.drilling import ScriptedParams, Stage, phase_of, plan_of, step_of, texts_of
from tests.engine.troupe import SHAPE, Troupe, registers
from tests.fakes import FakeProbes

# ---------------------------------------------------------------- what next


@pytest.mark.parametrize(
    ("part", "aborted", "no_return", "hold_wanted", "expected"),
    [
        ("drill", False, False, False, "failback"),
        ("drill", True, False, False, "undo"),
        ("drill", True, False, True, "hold"),
        ("drill", True, True, False, "hold"),
        ("drill", False, True, False, "failback"),
        ("failback", False, True, False, "end"),
        ("failback", True, False, False, "hold"),
        ("failback", True, True, True, "hold"),
    ],
)
def test_what_follows_from_how_a_part_ended(
    part: Literal["drill", "failback"],
    aborted: bool,  # noqa: FBT001
    no_return: bool,  # noqa: FBT001
    hold_wanted: bool,  # noqa: FBT001
    expected: str,
) -> None:
    troupe = Troupe()
    if no_return:
        troupe.stage.run("b.promote")
    if aborted:
        troupe.stage.abort(hold=hold_wanted)

    assert troupe.crew.decide(part) == {"status": "ok", "next": expected}


# ---------------------------------------------------------------- whole drills


def test_a_drill_goes_out_and_home_and_says_so_to_everyone() -> None:
    troupe = Troupe()

    result = troupe.play()

    assert troupe.ran() == ["a.x", "b.promote", "c.z", "home.y"]
    assert result["exit_code"] == troupe.exit_code() == 1, "no sample was taken: unmeasured"
    assert texts_of(troupe.stage.facts())[-3:] == [("result", "lead"), ("result", "oncall"), ("result", "manager")]
    assert troupe.hooked[:3] == ["arm", "observe", "warm"]
    assert "stop observing" in troupe.hooked
    assert troupe.crew.settled.is_set()


def test_a_no_at_go_ends_the_drill_with_exit_4_and_nothing_touched() -> None:
    troupe = Troupe(answers={"go": "2"})

    result = troupe.play()

    ended = troupe.stage.facts(Kind.DRILL_FINISHED)[0].data
    assert result["exit_code"] == 4
    assert (ended["outcome"], ended["left"], ended["reason"]) == ("declined", [], "lead said no to go")
    assert troupe.ran() == []
    assert troupe.stage.probes.asked.count("checkout") == 5, "only before the start"


def test_silence_at_go_ends_the_drill_with_exit_4_and_nothing_touched() -> None:
    troupe = Troupe(answers={})

    assert troupe.play()["exit_code"] == 4
    assert troupe.ran() == []


def test_a_failed_step_before_the_point_of_no_return_is_taken_back_with_exit_4() -> None:
    troupe = Troupe()

    def half(attempt: Attempt, params: ScriptedParams) -> Mapping[str, Any]:
        registers(attempt, params)
        raise Fatal("no capacity")

    troupe.stage.step.script["a.x"] = [half]

    result = troupe.play()

    assert result["exit_code"] == 4
    assert troupe.stage.facts(Kind.DRILL_FINISHED)[0].data["outcome"] == "aborted"
    assert [step for step, _ in troupe.stage.step.undone] == ["a.x"]
    assert troupe.ran() == ["a.x"]


def test_an_undo_that_failed_is_left_for_a_person_with_exit_5() -> None:
    troupe = Troupe()

    def half(attempt: Attempt, params: ScriptedParams) -> Mapping[str, Any]:
        registers(attempt, params)
        raise Fatal("no capacity")

    troupe.stage.step.script["a.x"] = [half]
    troupe.stage.step.undo_script["a.x"] = [Retryable("locked") for _ in range(3)]

    result = troupe.play()

    assert result["exit_code"] == 5
    assert troupe.stage.facts(Kind.DRILL_FINISHED)[0].data["left"] == ["the undo of a.x failed"]
    assert [fact.data["what"] for fact in troupe.stage.facts(Kind.FINDING_RAISED)] == ["the undo of a.x failed"]


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (["app[0] is still there"], "a.x: app[0] is still there"),
        (Fatal("no answer"), "a.x could not be looked at again: [A200] no answer"),
        (KeyError("workspace"), "a.x could not be looked at again: [A900] an unexpected KeyError: 'workspace'"),
    ],
)
def test_what_is_left_behind_or_cannot_be_looked_at_makes_exit_5_and_is_named(left: list[str] | Exception, words: str) -> None:
    troupe = Troupe()
    troupe.stage.step.left = left

    result = troupe.play()

    assert result["exit_code"] == 5
    assert troupe.stage.facts(Kind.DRILL_FINISHED)[0].data["left"][0].startswith(words)


def test_a_steady_state_that_is_not_back_makes_exit_5_and_is_named() -> None:
    troupe = Troupe(stage=Stage(SHAPE, probes=FakeProbes(*["primary"] * 8, "HTTP 503")))

    result = troupe.play()

    assert result["exit_code"] == 5
    assert troupe.stage.facts(Kind.DRILL_FINISHED)[0].data["left"] == ["the steady state is not back: checkout does not answer well"]


def test_a_ground_that_is_not_firm_is_refused_with_exit_3_and_nobody_is_texted() -> None:
    stage = Stage(SHAPE, probes=FakeProbes("HTTP 503"))
    troupe = Troupe(stage=stage)

    result = troupe.play()

    assert result["exit_code"] == 3
    assert stage.facts(Kind.DRILL_FINISHED)[0].data["outcome"] == "refused"
    assert troupe.messenger.sent == []
    assert not stage.facts(Kind.DRILL_STARTED)


# ---------------------------------------------------------------- the evidence of the data loss


def with_canary(found: Sequence[tuple[int, int]] | Fatal) -> Troupe:
    plan = plan_of(phase_of("b", step_of("b.promote", no_return=True)), canary=True)
    promote = plan.step("b.promote").model_copy(update={"params": {"site": "standby"}})
    plan = plan.model_copy(update={"phases": (phase_of("b", promote),)})
    troupe = Troupe(plan, Stage(plan), answers={}, canary=found)
    for row in (1, 2, 3):
        troupe.stage.recorder.say(Kind.CANARY_ACKNOWLEDGED, f"canary/{row}", by="canary", row=row, sent_s=1.0, acked_s=1.1)
    return troupe


def test_acknowledged_rows_are_looked_for_on_the_promoted_side() -> None:
    troupe = with_canary([(1, 2)])

    troupe.crew.begin_failback()

    (found,) = troupe.stage.facts(Kind.CANARY_FOUND)
    assert (found.data["site"], found.data["ranges"], found.data["highest_asked"]) == ("standby", [[1, 2]], 3)


def test_a_promoted_side_that_cannot_be_asked_is_a_finding_and_not_no_loss() -> None:
    troupe = with_canary(Fatal("no answer", code="A250"))

    troupe.crew.begin_failback()

    assert not troupe.stage.facts(Kind.CANARY_FOUND)
    assert troupe.stage.facts(Kind.FINDING_RAISED)[0].data["code"] == "A250"
    assert troupe.stage.facts(Kind.FAILBACK_STARTED)
