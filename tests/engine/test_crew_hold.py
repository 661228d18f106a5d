"""A drill on hold, and the next life of a drill whose engine died: both go on from the journal alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal
from drill.model.events import Kind
from drill.model.ports import Attempt
from tests.engine.drilling import Died, ScriptedParams, die, texts_of
from tests.engine.troupe import Troupe, held
from tests.fakes import FakeProbes


def test_a_failure_after_the_point_of_no_return_holds_and_rolls_nothing_back() -> None:
    troupe = held()

    fact = troupe.stage.facts(Kind.DRILL_HELD)[0]
    assert (fact.data["reason"], fact.data["left"]) == ("b.promote failed: no quorum", ["a.x (automatic)"])
    assert troupe.stage.step.undone == []
    assert texts_of(troupe.stage.facts())[-3:] == [("hold", "lead"), ("hold", "oncall"), ("hold", "manager")]
    assert "publish" in troupe.hooked
    assert troupe.crew.settled.is_set()


def test_a_hold_waits_for_a_decision_as_long_as_it_takes() -> None:
    troupe = held()
    second = troupe.next_life()
    second.stage.clock.after(3600.0, die)

    with pytest.raises(Died):
        second.play()

    assert len(second.stage.facts(Kind.DRILL_HELD)) == 1
    assert len([text for text in texts_of(second.stage.facts()) if text[0] == "hold"]) == 3
    assert not second.stage.facts(Kind.DRILL_FINISHED)


def test_a_decision_taken_while_no_engine_ran_lifts_the_hold() -> None:
    troupe = held()
    troupe.stage.decide("failback")

    result = troupe.next_life().play()

    assert result["exit_code"] == 1
    assert troupe.ran() == ["a.x", "b.promote", "home.y"], "the rest of the way out is not gone"


def test_proceed_tries_again_what_failed_and_goes_on() -> None:
    troupe = held()
    troupe.stage.decide("proceed")

    troupe.next_life().play()

    assert troupe.ran() == ["a.x", "b.promote", "b.promote", "c.z", "home.y"]


def test_a_drill_that_holds_again_after_proceed_waits_again() -> None:
    troupe = held()
    troupe.stage.step.script["b.promote"] = [Fatal("still no quorum")]
    troupe.stage.decide("proceed")
    second = troupe.next_life()
    second.stage.clock.after(3600.0, die)

    with pytest.raises(Died):
        second.play()

    assert [fact.data["reason"] for fact in second.stage.facts(Kind.DRILL_HELD)] == [
        "b.promote failed: no quorum",
        "b.promote failed: still no quorum",
    ]
    assert not second.stage.facts(Kind.DRILL_FINISHED)


def test_a_hold_that_was_lifted_is_no_longer_settled_until_the_end() -> None:
    troupe = held()
    troupe.stage.decide("failback")
    second = troupe.next_life()
    seen: list[bool] = []

    def looks(_attempt: Attempt, _params: ScriptedParams) -> Mapping[str, Any]:
        seen.append(second.crew.settled.is_set())
        return {}

    second.stage.step.script["home.y"] = [looks]

    second.play()

    assert seen == [False]
    assert second.crew.settled.is_set()


def test_a_failure_on_the_way_home_holds_too_and_is_tried_again_when_a_person_says_so() -> None:
    troupe = Troupe()
    troupe.stage.step.script["home.y"] = [Fatal("no rewind")]
    troupe.stage.clock.after(60.0, lambda: troupe.stage.decide("proceed"))

    result = troupe.play()

    assert result["exit_code"] == 1
    assert troupe.ran()[-2:] == ["home.y", "home.y"]


def test_silence_at_a_gate_that_holds_goes_on_to_the_end_after_proceed() -> None:
    troupe = Troupe(answers={"go": "1"})
    troupe.stage.clock.after(300.0, lambda: troupe.stage.decide("proceed"))

    troupe.play()

    assert troupe.stage.facts(Kind.DRILL_HELD)[0].data["reason"] == "nobody answered b within 60 s"
    assert troupe.ran() == ["a.x", "b.promote", "c.z", "home.y"]


# ---------------------------------------------------------------- another life


def test_another_life_of_a_drill_that_turned_home_does_not_go_out_again() -> None:
    troupe = held()
    troupe.stage.decide("failback")
    second = troupe.next_life()
    second.stage.step.script["home.y"] = [Died()]
    with pytest.raises(Died):
        second.play()

    result = second.next_life().play()

    assert result["exit_code"] == 1
    assert troupe.ran() == ["a.x", "b.promote", "home.y", "home.y"]
    assert [fact.data["state"] for fact in troupe.stage.facts(Kind.PHASE_CLOSED) if fact.data["phase"] == "a"] == ["succeeded"]


def test_another_life_does_not_judge_the_ground_that_the_drill_has_shaken() -> None:
    troupe = Troupe()
    troupe.stage.step.script["a.x"] = [Died()]
    with pytest.raises(Died):
        troupe.play()
    troupe.stage.probes = FakeProbes("HTTP 503")
    second = troupe.next_life()

    result = second.play()

    assert not [fact for fact in second.stage.facts(Kind.DRILL_FINISHED) if fact.data["outcome"] == "refused"]
    assert result["exit_code"] == 5, "the steady state is not back"


def test_another_life_sends_no_text_and_opens_no_phase_twice() -> None:
    troupe = Troupe()
    troupe.stage.step.script["c.z"] = [Died()]
    with pytest.raises(Died):
        troupe.play()

    troupe.next_life().play()

    texts = [message.id for message in troupe.messenger.sent]
    opened = [fact.data["phase"] for fact in troupe.stage.facts(Kind.PHASE_OPENED)]
    assert len(texts) == len(set(texts)) == 5
    assert opened == ["go", "a", "b", "c", "home"]


def test_failback_of_a_promote_that_never_came_about_is_the_undos() -> None:
    troupe = held()
    troupe.stage.step.effects = [Effect(verb=Verb.UPDATE, target="standby/database")]
    troupe.stage.decide("failback")

    result = troupe.next_life().play()

    assert result["exit_code"] == 4
    assert [step for step, _ in troupe.stage.step.undone] == ["a.x"]
    assert "home.y" not in troupe.ran()
