"""No outage without somebody who measures it and somebody who ends it when the engine dies."""

from __future__ import annotations

from typing import Any, cast

from drill.model.events import Kind
from drill.model.ports import Attempt
from drill.model.progress import Progress
from tests.engine.drilling import ScriptedParams, Stage
from tests.engine.troupe import SHAPE, Troupe, registers


def losing() -> Stage:
    """A drill in whose plan every step cuts something off."""
    stage = Stage(SHAPE)
    vars(cast("Any", stage.step))["marks"] = frozenset({"outage"})
    return stage


def ended(troupe: Troupe) -> Progress:
    return Progress().apply(troupe.stage.facts())


def test_a_drill_whose_dead_man_cannot_be_armed_is_refused_before_anybody_is_asked() -> None:
    troupe = Troupe(stage=losing(), dead_man_falls=1)

    troupe.play()

    assert ended(troupe).outcome == "refused"
    assert troupe.exit_code() == 3
    assert troupe.ran() == []
    assert troupe.stage.facts(Kind.ACKNOWLEDGEMENT_REQUESTED) == []
    assert [fact.data["check"] for fact in troupe.stage.facts(Kind.PREFLIGHT_CHECKED) if not fact.data["ok"]] == ["watchers"]


def test_a_dead_man_lost_while_people_were_asked_stops_the_drill_before_the_outage() -> None:
    troupe = Troupe(stage=losing(), dead_man_falls=2)

    troupe.play()

    (abort,) = troupe.stage.facts(Kind.ABORT_REQUESTED)
    assert troupe.ran() == []
    assert ended(troupe).outcome == "aborted"
    assert troupe.exit_code() == 4
    assert "F065" in abort.data["reason"]


def test_a_step_that_cuts_nothing_off_asks_for_no_dead_man() -> None:
    troupe = Troupe(dead_man_falls=2)

    troupe.play()

    assert ended(troupe).outcome == "finished"
    assert troupe.hooked.count("await") == 1


def test_a_place_elsewhere_that_falls_silent_after_the_ground_was_touched_keeps_the_outage_from_beginning() -> None:
    troupe = Troupe(stage=losing(), silent_from=3)

    troupe.play()

    (abort,) = troupe.stage.facts(Kind.ABORT_REQUESTED)
    assert troupe.ran() == ["a.x"]
    assert (ended(troupe).outcome, abort.data["reason"]) == ("aborted", "frankfurt has sent nothing for 5 s")


def test_samples_taken_elsewhere_are_heard_out_before_the_drill_is_judged() -> None:
    troupe = Troupe()

    troupe.play()

    heard = troupe.hooked.index("hear out")
    assert troupe.hooked[heard : heard + 3] == ["hear out", "publish", "stop observing"]
    assert troupe.hooked.count("hear out") == 1


def test_a_drill_whose_ground_is_gone_ends_as_aborted_and_takes_nothing_back() -> None:
    troupe = Troupe()

    def vanishes(attempt: Attempt, params: ScriptedParams) -> dict[str, str]:
        registers(attempt, params)
        troupe.stage.recorder.say(Kind.ABORT_REQUESTED, "abort/ground", reason="its ground is gone", channel="ground")
        return {}

    troupe.stage.step.script["b.promote"] = [vanishes]  # after the point of no return, where any other abort would hold

    troupe.play()

    (finished,) = troupe.stage.facts(Kind.DRILL_FINISHED)
    assert ended(troupe).outcome == "aborted"
    assert (finished.data["exit_code"], finished.data["left"], finished.data["ground_gone"]) == (4, [], True)
    assert troupe.stage.step.undone == []
    assert troupe.stage.facts(Kind.DRILL_HELD) == []
    assert troupe.ran() == ["a.x", "b.promote"]
