"""Preflight looks at every guard: one that does not hold now would end the drill as soon as it starts."""

from __future__ import annotations

from typing import Literal

import pytest

from drill.engine.preflight import Check, Preflight
from drill.model.plan import Guard
from tests.engine.drilling import Stage, phase_of, plan_of, step_of
from tests.fakes import FakeGuards, FakeProbes

QUERY = Guard(id="errors", asks="prometheus", url="http://p", query="up == 1", for_s=5.0)
SHOP = Guard(id="shop", asks="probe", probe="shop")

Word = Literal["holds", "broken", "firing", "lost"]


def looked(*guards: Guard, says: list[Word] | None = None, probe: str = "primary") -> tuple[list[Check], Stage]:
    plan = plan_of(phase_of("a", step_of("a.one"))).model_copy(update={"guards": guards})
    stage = Stage(plan, probes=FakeProbes(probe))
    runner = FakeGuards(stage.clock, errors=says) if says else None
    checks = Preflight(stage.runner, secrets=stage.secrets, guards=runner).run()
    return [check for check in checks if check.name.startswith("guard ")], stage


def test_guards_that_hold_pass() -> None:
    checks, _ = looked(QUERY, SHOP, says=["holds"])

    assert [(check.name, check.ok, check.detail) for check in checks] == [
        ("guard errors", True, "it holds"),
        ("guard shop", True, "it holds"),
    ]


@pytest.mark.parametrize("word", ["broken", "firing", "lost"])
def test_a_guard_that_does_not_hold_stops_the_drill_before_anything_is_touched(word: Word) -> None:
    (check,), stage = looked(QUERY, says=[word])

    assert (check.ok, check.detail) == (False, f"seen {word}")
    assert check.fix
    assert stage.clock.at_s >= 1000.0 + QUERY.for_s


def test_a_guard_is_given_its_time_to_hold() -> None:
    (check,), _ = looked(QUERY, says=["lost", "lost", "holds"])

    assert check.ok


def test_a_guarded_probe_that_fails_stops_the_drill() -> None:
    (check,), _ = looked(SHOP, probe="refused")

    assert (check.ok, check.detail) == (False, "shop does not answer well")


def test_a_guard_that_nothing_here_can_ask_stops_the_drill() -> None:
    (check,), _ = looked(QUERY)

    assert (check.ok, check.detail) == (False, "nothing here can ask it")
