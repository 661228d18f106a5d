"""A step that a person does: asked once, done when they say so, and taken back by hand."""

from __future__ import annotations

from typing import Any

import pytest

from drill.engine.compile import compile_plan
from drill.engine.compile_checks import scenario_problems
from drill.model.events import Kind
from drill.model.plan import Mode, Plan
from drill.model.summarize import summarize
from drill.steps.base import registry
from tests.engine.drilling import Stage, gate_of, phase_of, plan_of, step_of, texts_of
from tests.engine.troupe import Troupe
from tests.fakes import FakeMessenger
from tests.scenarios import KINDS, scenario, sound

_HAND = "a.cables"
SHAPE = plan_of(
    phase_of("a", step_of(_HAND), step_of("a.next", after=(_HAND,))),
    failback=(phase_of("home", step_of("home.y")),),
    gates=(gate_of(_HAND, at="before", phases=("a",)),),
)


def troupe(verb: str = "1", *, ahead: dict[str, Any] | None = None) -> Troupe:
    stage = Stage(SHAPE)
    stage.step.ahead = ahead
    return Troupe(SHAPE, stage, FakeMessenger(), {_HAND: verb} if verb else {})


# ------------------------------------------------------------ while it plays


def test_the_step_runs_after_the_answer_and_the_next_one_after_it() -> None:
    played = troupe()

    played.play()

    kinds = [fact.kind for fact in played.stage.facts() if fact.data.get("gate") == _HAND or fact.data.get("step") == _HAND]
    assert played.ran() == [_HAND, "a.next", "home.y"]
    assert kinds.index(Kind.ACKNOWLEDGEMENT_REQUESTED) < kinds.index(Kind.ACKNOWLEDGED) < kinds.index(Kind.STEP_STARTED)


def test_the_message_asks_for_the_work_and_names_it() -> None:
    played = troupe()

    played.play()

    text = next(fact.data["text"] for fact in played.stage.facts(Kind.MESSAGE_SENT) if fact.data["gate"] == _HAND)
    assert "is yours to do, answer when done" in text
    assert played.messenger.sent[0].variables["phase"] == "a-cables"  # carriers take no dot


def test_a_no_ends_the_drill_without_running_the_step() -> None:
    played = troupe("2")

    played.play()

    assert played.ran() == []
    assert played.exit_code() == 4


def test_the_way_back_is_written_before_anybody_is_asked() -> None:
    played = troupe("2", ahead={"undo": "by hand"})

    played.play()

    kinds = [fact.kind for fact in played.stage.facts()]
    assert kinds.index(Kind.UNDO_REGISTERED) < kinds.index(Kind.ACKNOWLEDGEMENT_REQUESTED)
    assert played.stage.step.undone == [(_HAND, {"undo": "by hand"})]


def test_silence_holds_or_aborts_but_never_means_done() -> None:
    played = troupe("")

    played.play()

    assert played.ran() == []
    assert played.exit_code() == 4
    assert played.stage.facts(Kind.ACKNOWLEDGEMENT_EXPIRED)


def test_another_life_asks_nobody_again() -> None:
    played = troupe()
    played.play()
    texts = texts_of(played.stage.facts())

    played.next_life().play()

    assert texts_of(played.stage.facts()) == texts
    assert played.ran() == [_HAND, "a.next", "home.y"]


def test_the_report_names_the_work_and_does_not_count_it_as_a_slow_answer() -> None:
    played = troupe()
    played.play()

    report = summarize(played.stage.facts(), trend=(), version="1")

    assert [gate.title.en for gate in report.gates] == [SHAPE.step(_HAND).title.en]
    assert all(row.id != "answer" for row in report.promises)


# ------------------------------------------------------------ from a scenario


def planned(hand: dict[str, Any], *, failback: bool = False, **changes: Any) -> Plan:
    phases = {
        "hand": {"acknowledge": "none", "steps": {"cables": {"manual": {"do": "Plug the cable in", "changes": ["primary/rack"], **hand}}}}
    }
    whole = {"failback": {"phases": phases}} if failback else {"phases": {**sound()["phases"], **phases}}
    return compile_plan(scenario(**{**whole, **changes}), {**KINDS, "manual": registry()["manual"]}, Mode.SANDBOX)


@pytest.mark.parametrize("failback", [False, True])
def test_who_is_asked_comes_from_the_defaults_unless_it_is_written(failback: bool) -> None:  # noqa: FBT001
    usual = planned({}, failback=failback).gate("hand.cables")
    own = planned({"ask": ["manager"], "then": [], "within": "20m", "quorum": 1, "silence": "abort"}, failback=failback).gate("hand.cables")

    assert (usual.ask, usual.then, usual.within_s, usual.silence) == (("oncall",), ("lead",), 30.0, "hold")
    assert (own.ask, own.then, own.within_s, own.silence) == (("manager",), (), 1200.0, "abort")
    assert usual.by_hand


def test_a_default_that_lets_silence_pass_does_not_hold_for_hands() -> None:
    asks = {"acknowledge": {"ask": ["oncall"], "within": "30s", "silence": "proceed"}}

    assert planned({}, defaults=asks).gate("hand.cables").silence == "hold"


def test_the_step_is_called_by_what_is_to_be_done() -> None:
    assert planned({}).step("hand.cables").title.en == "Plug the cable in"


def test_a_skipped_step_asks_nobody() -> None:
    data = sound()
    data["phases"]["hand"] = {"steps": {"cables": {"manual": {"do": "x", "changes": []}, "skip": True}}}

    plan = compile_plan(scenario(**data), {**KINDS, "manual": registry()["manual"]}, Mode.SANDBOX)

    assert not any(gate.by_hand for gate in plan.gates)


@pytest.mark.parametrize(
    ("hand", "code"),
    [
        ({"ask": ["nobody"]}, "S023"),
        ({"ask": ["oncall"], "then": ["oncall"]}, "S027"),
        ({"ask": ["oncall"], "then": [], "quorum": 2}, "S034"),
    ],
)
def test_a_wrong_name_is_found_where_it_is_written(hand: dict[str, Any], code: str) -> None:
    data = sound()
    data["phases"]["hand"] = {"steps": {"cables": {"manual": {"do": "x", "changes": [], **hand}}}}

    found = [row for row in scenario_problems(data, {**KINDS, "manual": registry()["manual"]}) if row.code == code]

    assert found
    assert found[0].at[:5] == ("phases", "hand", "steps", "cables", "manual")
