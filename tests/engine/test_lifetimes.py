"""A live TTL against the time the traffic phase has, as it will be when its turn comes."""

from __future__ import annotations

import pytest

from drill.engine.lifetimes import Lifetimes
from drill.model.effects import Effect, Stale, Verb
from drill.model.plan import PlannedPhase
from tests.engine.drilling import phase_of, step_of

NAME = "shop.example.com"
LOWERED = Effect(verb=Verb.UPDATE, target=NAME, marks=frozenset({"dns"}))


def traffic(budget_s: float | None = 60.0) -> PlannedPhase:
    return phase_of("traffic", step_of("traffic.switch")).model_copy(update={"budget_s": budget_s})


@pytest.mark.parametrize(
    ("stale", "budget_s", "word"),
    [
        (Stale(NAME, 61), 60.0, "longer than the budget of 'traffic': lower it to at most 1m"),
        (Stale(NAME, 61, 30), 600.0, "longer than its window: lower it to at most 30s"),
        (Stale(NAME, 301), None, "longer than what users can wait: lower it to at most 5m"),
    ],
)
def test_a_ttl_that_outlives_the_time_for_the_traffic_is_refused(stale: Stale, budget_s: float | None, word: str) -> None:
    (trouble,) = Lifetimes().trouble(traffic(budget_s), stale)

    assert trouble.startswith(f"{NAME} has a TTL of ")
    assert word in trouble


@pytest.mark.parametrize(
    ("stale", "budget_s"), [(None, 1.0), (Stale(NAME, 60), 60.0), (Stale(NAME, 900, 1200), 60.0), (Stale(NAME, 300), None)]
)
def test_a_ttl_that_can_be_waited_out_is_fine(stale: Stale | None, budget_s: float | None) -> None:
    assert Lifetimes().trouble(traffic(budget_s), stale) == []


def test_a_ttl_that_an_earlier_step_lowers_counts_as_lowered() -> None:
    lifetimes = Lifetimes()
    lifetimes.note([LOWERED], {"ttl_s": 5})

    assert lifetimes.trouble(traffic(), Stale(NAME, 86400)) == []
    assert len(lifetimes.trouble(traffic(), Stale("other.example.com", 86400))) == 1
