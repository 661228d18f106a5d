"""Ten points of the sweep, the ones where most could go wrong; `make crash` strikes all of them."""

from __future__ import annotations

import pytest

from tests.crash.engine import Strike
from tests.crash.points import Played, after_a_kill, after_an_abort, always, play
from tests.crash.sweep import number

KILLED_AFTER = (
    "go/requested",
    "message/crash:gate/go:lead:sms:0",
    "outage.blackhole/undo",
    "data.promote/1/started",
    "traffic.switch/undo",
    "data_home.rejoin/1/started",
    "finished",
)
"""A question not yet sent, a text not yet answered, acts that only their undo tells of, a promote, and an end that nobody was told."""


@pytest.fixture(scope="module")
def undisturbed() -> Played:
    played = play(Strike())
    assert always(played) == []
    assert played.codes == (0,)
    return played


@pytest.mark.parametrize("key", KILLED_AFTER)
def test_a_drill_killed_after_a_fact_ends_as_if_nothing_had_happened(undisturbed: Played, key: str) -> None:
    played = play(Strike(kill_fact=number(undisturbed, key)))

    assert after_a_kill(played, undisturbed) == []
    assert len(played.codes) == 2


def test_a_drill_killed_after_an_effect_that_no_fact_tells_of_has_it_once(undisturbed: Played) -> None:
    promoted = [what for _, what in undisturbed.effects.calls].index("promote_postgres.yml on standby") + 1

    played = play(Strike(kill_effect=promoted))

    assert after_a_kill(played, undisturbed) == []


def test_an_undo_that_is_killed_half_way_is_finished_by_the_next_engine(undisturbed: Played) -> None:
    fenced = number(undisturbed, "data.fence/1/succeeded")

    played = play(Strike(abort_fact=fenced, kill_fact=fenced + 8))

    assert after_an_abort(played) == []


def test_an_abort_at_the_verdict_holds_and_goes_home_when_a_person_says_so(undisturbed: Played) -> None:
    played = play(Strike(abort_fact=number(undisturbed, "canary-found/standby")))

    assert after_an_abort(played) == []
    assert len(played.on_hold) == 1
