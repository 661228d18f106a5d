"""Lowering a TTL ahead of the outage: waited out, taken back, and in nobody's way when the name has moved."""

from __future__ import annotations

from typing import Any

import pytest

from drill.model.errors import Fatal, Retryable
from drill.model.ports import NameFacts, RecordSet, World
from drill.steps.base import registry
from drill.steps.dns_lower_ttl import DnsLowerTtl, DnsLowerTtlParams
from tests.fakes import FakeAttempt, FakeClock, FakeDns, fake_world

NAME = "shop.drill.test"


class Ground:
    def __init__(self, *, ttl_s: int = 600) -> None:
        self.dns = FakeDns({NAME: (ttl_s, ("127.0.1.1",))})
        self.clock = FakeClock()
        self.world: World = fake_world(dns=self.dns, clock=self.clock)


def params(**changes: Any) -> DnsLowerTtlParams:
    return DnsLowerTtlParams.model_validate({"name": NAME, "ttl": "5s"} | changes)


def test_the_kind_is_found_by_the_registry() -> None:
    assert isinstance(registry()["dns.lower_ttl"], DnsLowerTtl)


def test_one_old_ttl_passes_before_the_step_is_done() -> None:
    ground, attempt = Ground(), FakeAttempt(left_s=7200)
    started_s, found = ground.clock.at_s, ground.dns.read(NAME)

    outputs = DnsLowerTtl().run(params(), ground.world, attempt)
    lowered = ground.dns.read(NAME)
    DnsLowerTtl().undo(params(), ground.world, FakeAttempt(), attempt.undo or {})

    assert ground.clock.at_s - started_s >= 600
    assert (lowered.ttl_s, lowered.values, outputs["before_s"], outputs["waited_s"]) == (5, ("127.0.1.1",), 600, 600)
    assert ground.dns.read(NAME) == found


def test_a_name_that_is_low_already_is_left_alone() -> None:
    ground, attempt = Ground(ttl_s=5), FakeAttempt()

    assert DnsLowerTtl().preview(params(), ground.world) == []
    assert DnsLowerTtl().run(params(), ground.world, attempt)["waited_s"] == 0
    assert attempt.undo is None


def test_the_preview_says_how_long_it_waits_and_changes_nothing() -> None:
    ground = Ground()

    (effect,) = DnsLowerTtl().preview(params(), ground.world)

    assert "600s of waiting" in effect.detail
    assert ground.dns.read(NAME).ttl_s == 600


def test_a_try_after_a_crash_waits_again() -> None:
    ground, attempt = Ground(), FakeAttempt(left_s=10)
    with pytest.raises(Retryable) as caught:
        DnsLowerTtl().run(params(), ground.world, attempt)
    assert caught.value.code == "A124"

    outputs = DnsLowerTtl().run(params(), ground.world, FakeAttempt(number=2, undo=attempt.undo, left_s=7200))

    assert outputs["waited_s"] == 600


@pytest.mark.parametrize(("values", "ttl_s", "restored"), [(("127.0.1.1",), 30, True), (("127.0.2.1",), 5, False)])
def test_the_old_ttl_comes_back_once_the_name_is_home_and_not_before(values: tuple[str, ...], ttl_s: int, restored: bool) -> None:  # noqa: FBT001
    ground, attempt = Ground(), FakeAttempt(left_s=7200)
    found = ground.dns.read(NAME)
    DnsLowerTtl().run(params(), ground.world, attempt)
    ground.dns.swap(ground.dns.read(NAME), RecordSet(NAME, "A", ttl_s, values))

    if restored:
        DnsLowerTtl().undo(params(), ground.world, FakeAttempt(), attempt.undo or {})
        assert ground.dns.read(NAME) == found
    else:
        with pytest.raises(Fatal) as caught:
            DnsLowerTtl().undo(params(), ground.world, FakeAttempt(), attempt.undo or {})
        assert (caught.value.code, ground.dns.read(NAME).values) == ("A227", values)


def test_a_ttl_below_the_editions_is_told_before_the_drill() -> None:
    ground = Ground()
    ground.dns.name_facts = NameFacts("Alibaba Cloud DNS", "control-plane", 60)

    assert DnsLowerTtl().ready(params(), ground.world) == ["Alibaba Cloud DNS allows shop.drill.test no TTL below 1m"]
