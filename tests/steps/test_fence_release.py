"""A fence is opened by its own step on the way home, and only when the fence itself lets that happen."""

from __future__ import annotations

import pytest

from drill.model.errors import Fatal
from drill.steps.base import registry
from drill.steps.fence_release import FenceRelease, FenceReleaseParams
from tests.fakes import FakeAttempt, FakeFence, fake_world

PRIMARY = FenceReleaseParams(site="primary")


def fenced(*, writable: str = "") -> FakeFence:
    fence = FakeFence(writable=writable)
    fence.fence("primary")
    return fence


def test_the_fence_is_open_afterwards_and_there_is_nothing_left_to_do() -> None:
    fence = fenced()
    assert [effect.target for effect in FenceRelease().preview(PRIMARY, fake_world(fence=fence))] == ["primary/fence"]

    assert FenceRelease().run(PRIMARY, fake_world(fence=fence), FakeAttempt()) == {"site": "primary"}

    assert fence.fenced == set()
    assert FenceRelease().preview(PRIMARY, fake_world(fence=fence)) == []


def test_a_fence_that_would_make_two_primaries_stays_shut() -> None:
    fence = fenced(writable="standby")

    with pytest.raises(Fatal) as refused:
        FenceRelease().run(PRIMARY, fake_world(fence=fence), FakeAttempt())

    assert refused.value.code == "A211"
    assert fence.fenced == {"primary"}


def test_it_is_found_by_its_kind() -> None:
    assert isinstance(registry()["fence.release"], FenceRelease)
