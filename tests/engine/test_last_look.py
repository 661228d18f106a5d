"""Between the yes and the outage minutes may pass: the ground is looked at once more, and a sick one is not touched."""

from __future__ import annotations

import pytest

from drill.model.errors import Retryable
from drill.model.events import Kind
from drill.model.ports import World
from tests.engine.drilling import Died, ScriptedParams, ScriptedStep, Stage
from tests.engine.troupe import SHAPE, Troupe
from tests.fakes import FakeProbes

PREFLIGHT = ["primary"] * 5


def looks(troupe: Troupe) -> list[tuple[bool, str]]:
    facts = troupe.stage.facts(Kind.PREFLIGHT_CHECKED)
    return [(fact.data["ok"], fact.data["detail"]) for fact in facts if fact.data["check"] == "ground after go"]


def test_a_steady_state_that_fell_sick_while_people_made_up_their_minds_is_not_touched() -> None:
    troupe = Troupe(stage=Stage(SHAPE, probes=FakeProbes(*PREFLIGHT, "HTTP 503")))

    result = troupe.play()

    ended = troupe.stage.facts(Kind.DRILL_FINISHED)[0].data
    assert (result["exit_code"], ended["outcome"]) == (4, "aborted")
    assert troupe.ran() == []
    assert looks(troupe) == [(False, "checkout does not answer well")]
    assert "the ground is no longer firm after go" in ended["reason"]


def test_a_step_that_is_no_longer_ready_keeps_the_drill_from_starting() -> None:
    troupe = Troupe()
    troupe.stage.clock.after(1.5, lambda: troupe.stage.step.trouble.append("its quota is used up"))

    assert troupe.play()["exit_code"] == 4
    assert troupe.ran() == []
    assert (looks(troupe)[0][0], looks(troupe)[0][1].split("; ")[0]) == (False, "a.x: its quota is used up")


def test_a_place_elsewhere_that_fell_silent_while_people_made_up_their_minds_keeps_the_drill_from_starting() -> None:
    troupe = Troupe(silent_from=1)

    assert troupe.play()["exit_code"] == 4
    assert troupe.ran() == []
    assert looks(troupe) == [(False, "frankfurt has sent nothing for 5 s")]


class DeadStandby(ScriptedStep):
    """A promote whose standby dies after the preflight."""

    marks = frozenset({"promote"})
    dead = False

    def preview(self, params: ScriptedParams, world: World) -> list[object]:  # type: ignore[override]
        if self.dead:
            raise Retryable("the standby is dead", code="A131")
        return []


def test_what_cuts_fences_or_promotes_is_previewed_again() -> None:
    step = DeadStandby()
    troupe = Troupe(stage=Stage(SHAPE, step=step))
    troupe.stage.clock.after(1.5, lambda: setattr(step, "dead", True))

    assert troupe.play()["exit_code"] == 4
    assert troupe.ran() == []
    assert "[A131] the standby is dead" in looks(troupe)[0][1]


def test_a_firm_ground_is_looked_at_once_and_no_more_when_it_has_been_touched() -> None:
    troupe = Troupe()

    troupe.play()

    assert looks(troupe) == [(True, "still firm")]
    assert troupe.ran()[0] == "a.x"


def test_another_life_looks_again_as_long_as_nothing_was_touched() -> None:
    troupe = Troupe()
    troupe.stage.step.script["a.x"] = [Died()]
    with pytest.raises(Died):
        troupe.play()
    assert looks(troupe) == [(True, "still firm")]
    troupe.stage.probes = FakeProbes("HTTP 503")

    troupe.next_life().play()

    assert troupe.ran() == ["a.x", "a.x", "b.promote", "c.z", "home.y"], "the drill has touched the ground: it goes on"
