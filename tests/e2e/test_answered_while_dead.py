"""A person answers in time while the engine is dead, and the engine comes back after the deadline: the answer counts."""

from __future__ import annotations

import pytest

from tests.e2e.place import Place, eventually, passed
from tests.e2e.world import question

pytestmark = [pytest.mark.real, pytest.mark.sweep]


def test_an_answer_given_in_time_while_the_engine_was_dead_opens_the_gate_after_the_deadline(place: Place) -> None:
    engine = place.run("answered", "--manual", "--keep", sets=("phases.go.acknowledge.within=45s",))
    asked = engine.fact("AcknowledgementRequested", gate="go")
    place.sandbox()
    code = question(place, "go")["code"]
    engine.kill()
    assert place.drill("sandbox", "phone", "--reply", "-", typed=f"1 {code}\n").returncode == 0
    assert not passed(asked["data"]["deadline"]), "this machine is too slow to answer in time"
    assert eventually(lambda: passed(asked["data"]["deadline"]), within_s=60)

    again = place.start("resume", "answered")
    yes = again.fact("Acknowledged", gate="go")
    again.interrupt()

    assert yes["data"]["channel"] == "sms"
    assert again.ended() == 4
    assert again.told("AcknowledgementExpired", gate="go") == []
    assert place.drill("sandbox", "down").returncode == 0
