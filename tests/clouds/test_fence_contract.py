"""The port Fence: announced, proved, idempotent, given back exactly, and never opened while another site may take writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from drill.model.errors import Fatal
from drill.sandbox.world import Sandbox, take_down
from tests.adapters.pg_pair import Servers
from tests.clouds.fence_grounds import FENCES, FenceGround, Rival, fence_ground
from tests.clouds.outage_calls import EngineDied

pytestmark = pytest.mark.xdist_group("moto")


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    made = Servers()
    yield made
    made.end()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Sandbox]]:
    """Opens the sandbox that the tests of this file share, when one asks for it."""
    home = tmp_path_factory.mktemp("home")
    opened: list[Sandbox] = []

    def up() -> Sandbox:
        if not opened:
            opened.append(Sandbox.up(home, services=()))
        return opened[0]

    yield up
    take_down(home)


@pytest.fixture(params=FENCES)
def ground(request: pytest.FixtureRequest, servers: Servers, sandbox: Callable[[], Sandbox]) -> Iterator[FenceGround]:
    with fence_ground(request.param, servers, sandbox) as found:
        yield found


def test_a_fence_is_announced_as_one_that_the_drill_takes_back(ground: FenceGround) -> None:
    effects = ground.fence().preview("primary")

    assert effects
    assert all(effect.target.startswith("primary/") for effect in effects)
    assert {(effect.verb, effect.undo, effect.marks) for effect in effects} == {("stop", "automatic", frozenset({"fence"}))}


def test_looking_changes_nothing(ground: FenceGround) -> None:
    before = ground.state()

    ground.fence().preview("primary")

    assert ground.state() == before
    assert ground.calls.made == []


def test_a_fence_may_be_asked_for_twice_and_says_that_it_was_there_already(ground: FenceGround) -> None:
    first = ground.fence().fence("primary")
    fenced = ground.state()
    second = ground.fence().fence("primary")

    assert (first["site"], bool(first["already"]), bool(second["already"])) == ("primary", False, True)
    assert ground.state() == fenced
    assert json.loads(json.dumps(second)) == second
    if ground.tells_when_fenced:
        assert ground.fence().preview("primary") == []


def test_a_database_that_still_answers_is_not_fenced_whatever_was_done(ground: FenceGround) -> None:
    ground.resist()

    with pytest.raises(Fatal) as refused:
        ground.fence().fence("primary")

    assert refused.value.code == "A210"
    assert refused.value.fix


def test_it_is_given_back_exactly_and_may_be_given_back_twice(ground: FenceGround) -> None:
    before = ground.state()
    ground.fence().fence("primary")
    assert ground.state() != before

    for _ in range(2):
        ground.fence().release("primary")
        assert ground.state() == before


@pytest.mark.parametrize("does", ["writes", "silent"])
def test_it_stays_shut_while_the_other_site_takes_writes_or_cannot_be_asked(ground: FenceGround, does: Rival) -> None:
    ground.rival(does)
    ground.fence().fence("primary")
    fenced = ground.state()

    with pytest.raises(Fatal) as refused:
        ground.fence().release("primary")

    assert refused.value.code == "A211"
    assert ground.state() == fenced


def test_a_site_that_is_not_there_is_told(ground: FenceGround) -> None:
    if ground.knows_sites:
        for act in (ground.fence().preview, ground.fence().fence):
            with pytest.raises(Fatal) as refused:
                act("elsewhere")
            assert refused.value.code == "A250"


@pytest.mark.parametrize("moment", ["die_before", "die_after"])
def test_after_a_crash_at_any_call_it_is_finished_or_taken_back(ground: FenceGround, moment: str) -> None:
    before = ground.state()
    ground.fence().fence("primary")
    number = len(ground.calls.made)
    ground.fence().release("primary")

    for at in range(number):
        for finishes in (True, False):
            ground.calls.made.clear()
            setattr(ground.calls, moment, at)
            with pytest.raises(EngineDied):
                ground.fence().fence("primary")
            setattr(ground.calls, moment, None)

            if finishes:
                ground.fence().fence("primary")
                assert ground.connections_ended()
            ground.fence().release("primary")
            assert ground.state() == before, f"{moment} of call {at}"
