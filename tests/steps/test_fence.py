"""The step `fence`."""

from __future__ import annotations

from typing import Any

import pytest

from drill.model.errors import Fatal
from drill.model.ports import PlayResult, TaskEvent
from drill.steps.base import registry
from drill.steps.fence import Fence, FenceParams
from tests.fakes import FakeAnsible, FakeAttempt, FakeDatabaseGround, FakeFence, fake_world

PARAMS = FenceParams(site="primary")


def test_it_is_found_without_any_other_file_knowing_it() -> None:
    assert isinstance(registry()["fence"], Fence)


def test_its_effects_carry_the_mark_a_promote_looks_for() -> None:
    world = fake_world(fence=FakeFence())

    effects = Fence().preview(PARAMS, world)

    assert [(effect.target, effect.marks) for effect in effects] == [("primary/database", frozenset({"fence"}))]


def test_the_undo_is_written_before_the_act() -> None:
    log: list[str] = []

    class Attempt(FakeAttempt):
        def register_undo(self, undo: Any) -> None:
            log.append(f"undo {undo['undo']}")
            super().register_undo(undo)

    Fence().run(PARAMS, fake_world(fence=FakeFence(log=log)), Attempt())

    assert log == ["undo release", "fence primary"]


def test_it_hands_on_the_proof() -> None:
    world, attempt = fake_world(fence=FakeFence()), FakeAttempt()

    outputs = Fence().run(PARAMS, world, attempt)

    assert outputs == {"site": "primary", "proof": {"site": "primary", "already": False, "write": "refused"}}
    assert [what for what, _ in attempt.said] == ["primary takes no write"]


def test_a_fenced_site_needs_nothing_more_and_is_proved_again() -> None:
    world = fake_world(fence=FakeFence())
    Fence().run(PARAMS, world, FakeAttempt())

    assert Fence().preview(PARAMS, world) == []
    assert Fence().run(PARAMS, world, FakeAttempt(number=2))["proof"]


def test_a_fence_by_playbook_is_proved_by_the_sites_own_fence() -> None:
    ansible = FakeAnsible(PlayResult("successful", {}, 1, (TaskEvent("Fence", "primary", "changed", 0.1),)))
    fence, attempt = FakeFence(), FakeAttempt()
    params = FenceParams(site="primary", playbook="fence_postgres.yml")

    Fence().run(params, fake_world(fence=fence, ansible=ansible, ground=FakeDatabaseGround()), attempt)

    assert [asked["playbook"] for asked in ansible.asked] == ["fence_postgres.yml"]
    assert fence.log == ["fence primary"]
    assert attempt.said[0] == ("Fence", {"task": "Fence", "host": "primary", "state": "changed", "took_s": 0.1, "detail": ""})


def test_a_playbook_that_fails_fences_nothing() -> None:
    ansible, fence = FakeAnsible(PlayResult("failed", {}, 0, (), "Fence: rc 1")), FakeFence()
    params = FenceParams(site="primary", playbook="fence_postgres.yml")

    with pytest.raises(Fatal, match="Fence: rc 1"):
        Fence().run(params, fake_world(fence=fence, ansible=ansible, ground=FakeDatabaseGround()), FakeAttempt())

    assert fence.log == []


def test_it_is_taken_back_only_while_nobody_else_takes_writes() -> None:
    attempt = FakeAttempt()
    free, promoted = FakeFence(), FakeFence(writable="standby")
    Fence().run(PARAMS, fake_world(fence=free), attempt)
    assert attempt.undo is not None

    Fence().undo(PARAMS, fake_world(fence=free), attempt, attempt.undo)

    assert free.log == ["fence primary", "release primary"]
    with pytest.raises(Fatal) as caught:
        Fence().undo(PARAMS, fake_world(fence=promoted), attempt, attempt.undo)
    assert caught.value.code == "A211"
