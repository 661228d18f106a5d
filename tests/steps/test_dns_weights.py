"""Traffic in growing shares: proved between, put back when it is not well, taken back exactly."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.errors import Fatal, Retryable
from drill.model.ports import RecordSet, World
from drill.steps.base import registry
from drill.steps.dns_weights import DnsWeights, DnsWeightsParams
from tests.fakes import FakeAttempt, FakeClock, FakeDns, FakeGround, FakeProbes, fake_world

NAME = "shop.drill.test"
PRIMARY, STANDBY = ("127.0.1.1",), ("127.0.2.1",)


class Ground:
    def __init__(self, *script: str, weighted: bool = True, standby: tuple[str, ...] = STANDBY) -> None:
        values = (*PRIMARY, *standby)
        self.dns = FakeDns({NAME: (10, values)})
        if weighted:
            self.dns.weigh(RecordSet(NAME, "A", 10, values, weights=(100, *(0 for _ in standby))))
        self.clock = FakeClock(tick_s=0.01)
        self.probes = FakeProbes(*(script or ("standby",)), clock=self.clock)
        sites = FakeGround({"primary": {"addresses": PRIMARY}, "standby": {"addresses": standby}})
        self.world: World = fake_world(dns=self.dns, ground=sites, clock=self.clock, probes=self.probes)
        self.seen: list[tuple[int, ...]] = []
        swap = self.dns.swap

        def noted(before: RecordSet, after: RecordSet) -> None:
            swap(before, after)
            self.seen.append(self.dns.read(NAME).weights)

        self.dns.swap = noted  # type: ignore[method-assign]


def params(**changes: Any) -> DnsWeightsParams:
    given = {"name": NAME, "to": "standby", "from": "primary", "probe": "checkout", "ok_in_a_row": 3}
    return DnsWeightsParams.model_validate(given | changes)


def test_the_kind_is_found_by_the_registry() -> None:
    assert isinstance(registry()["dns.weights"], DnsWeights)


def test_shares_grow_one_by_one_with_the_probe_and_the_ttl_between() -> None:
    ground, attempt = Ground(), FakeAttempt()
    started_s, found = ground.clock.at_s, ground.dns.read(NAME)

    outputs = DnsWeights().run(params(), ground.world, attempt)
    moved = ground.seen[:]
    DnsWeights().undo(params(), ground.world, FakeAttempt(), attempt.undo or {})

    assert moved == [(90, 10), (50, 50), (0, 100)]
    assert len(ground.probes.asked) == 9
    assert ground.clock.at_s - started_s >= 30
    assert outputs["weights"] == {"127.0.1.1": 0, "127.0.2.1": 100}
    assert list(outputs["steps"]) == ["10%", "50%", "100%"]
    assert ground.dns.read(NAME) == found


def test_a_share_that_is_not_well_is_put_back_and_the_next_never_comes() -> None:
    ground = Ground("standby", "standby", "standby", "timeout")

    with pytest.raises(Retryable, match="with 50% of the traffic at standby") as caught:
        DnsWeights().run(params(), ground.world, FakeAttempt())

    assert caught.value.code == "A123"
    assert ground.seen == [(90, 10), (50, 50), (90, 10)]


def test_a_try_after_a_crash_goes_on_with_the_share_that_was_written() -> None:
    ground, attempt = Ground("standby", "standby", "standby", "timeout"), FakeAttempt()
    found = ground.dns.read(NAME)
    with pytest.raises(Retryable):
        DnsWeights().run(params(), ground.world, attempt)
    ground.world = fake_world(**{**vars(ground.world), "probes": FakeProbes("standby", clock=ground.clock)})

    outputs = DnsWeights().run(params(), ground.world, FakeAttempt(number=2, undo=attempt.undo))
    DnsWeights().undo(params(), ground.world, FakeAttempt(), attempt.undo or {})

    assert list(outputs["steps"]) == ["10%", "50%", "100%"]
    assert ground.dns.read(NAME) == found


def test_a_stop_while_waiting_puts_the_share_back() -> None:
    ground, attempt = Ground(), FakeAttempt()
    attempt.stop = True

    with pytest.raises(Retryable, match="stopped"):
        DnsWeights().run(params(), ground.world, attempt)

    assert ground.dns.read(NAME).weights == (100, 0)


def test_weights_somebody_else_wrote_are_left_alone() -> None:
    ground, attempt = Ground(), FakeAttempt()
    DnsWeights().run(params(), ground.world, attempt)
    ground.dns.swap(ground.dns.read(NAME), RecordSet(NAME, "A", 10, (*PRIMARY, *STANDBY), weights=(7, 7)))

    with pytest.raises(Fatal) as undone:
        DnsWeights().undo(params(), ground.world, FakeAttempt(), attempt.undo or {})
    with pytest.raises(Fatal) as again:
        DnsWeights().run(params(), ground.world, FakeAttempt(number=2, undo=attempt.undo))

    assert (undone.value.code, again.value.code, ground.dns.read(NAME).weights) == ("A227", "A220", (7, 7))


def test_a_site_with_two_values_gets_its_share_over_both() -> None:
    ground = Ground(standby=("127.0.2.1", "127.0.2.2"))

    DnsWeights().run(params(weights=[10, 50]), ground.world, FakeAttempt())

    assert ground.seen == [(90, 5, 5), (50, 25, 25)]


def test_the_preview_counts_every_share_and_changes_nothing() -> None:
    ground = Ground()

    (effect,) = DnsWeights().preview(params(), ground.world)

    assert (effect.count, effect.detail) == (3, "primary -> standby: 10%, 50%, 100%, the probe 'checkout' between")
    assert ground.seen == []


def test_nothing_is_previewed_once_all_of_it_has_moved() -> None:
    ground = Ground()
    DnsWeights().run(params(), ground.world, FakeAttempt())

    assert DnsWeights().preview(params(), ground.world) == []


@pytest.mark.parametrize("ground", [Ground(weighted=False), Ground(standby=())], ids=["not weighted", "a site has no value"])
def test_a_name_that_cannot_be_shared_is_told_before_the_drill(ground: Ground) -> None:
    with pytest.raises(Fatal) as caught:
        DnsWeights().ready(params(), ground.world)

    assert caught.value.code == "A226"


@pytest.mark.parametrize("wrong", [[50, 10], [10, 10], [0, 100], [101], []])
def test_shares_that_do_not_grow_are_refused(wrong: list[int]) -> None:
    with pytest.raises(ValidationError):
        params(weights=wrong)
