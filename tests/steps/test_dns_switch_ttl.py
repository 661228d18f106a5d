"""The life of the old answer: refused, lowered and waited out, or watched at the resolvers that keep it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.dns_spread import endpoint
from drill.model.effects import Stale
from drill.model.errors import Retryable
from drill.model.ports import NameFacts, RecordSet, World
from drill.steps.dns_switch import DnsSwitch, DnsSwitchParams
from tests.fakes import FakeAttempt, FakeClock, FakeDns, FakeGround, FakePropagation, fake_world

NAME = "shop.drill.test"
PRIMARY, STANDBY = ("127.0.1.1",), ("127.0.2.1",)


class Ground:
    def __init__(self, *, ttl_s: int = 120) -> None:
        self.dns = FakeDns({NAME: (ttl_s, PRIMARY)})
        self.clock = FakeClock(tick_s=0.01)
        self.propagation = FakePropagation()
        sites = FakeGround({"primary": {"addresses": PRIMARY}, "standby": {"addresses": STANDBY}})
        self.world: World = fake_world(dns=self.dns, propagation=self.propagation, ground=sites, clock=self.clock)


def params(**changes: Any) -> DnsSwitchParams:
    return DnsSwitchParams.model_validate({"name": NAME, "to": "standby", "ttl": "5s"} | changes)


def test_a_window_of_its_own_goes_with_what_users_may_keep() -> None:
    assert DnsSwitch().stale(params(window="1m"), Ground(ttl_s=61).world) == Stale(NAME, 61.0, 60.0)


def test_a_live_ttl_that_will_be_waited_out_leaves_nothing_stale() -> None:
    assert DnsSwitch().stale(params(lower_ttl_first=True), Ground(ttl_s=86400).world) is None
    assert DnsSwitch().ready(params(lower_ttl_first=True), Ground(ttl_s=86400).world) == []


def test_a_ttl_the_edition_does_not_allow_is_told_before_the_drill() -> None:
    ground = Ground(ttl_s=60)
    ground.dns.name_facts = NameFacts("Alibaba Cloud DNS", "control-plane", 60)

    (trouble,) = DnsSwitch().ready(params(ttl="5s"), ground.world)

    assert "Alibaba Cloud DNS allows no less than 1m" in trouble


def test_the_old_ttl_is_waited_out_before_the_name_moves() -> None:
    ground, attempt = Ground(), FakeAttempt(left_s=600)
    moved_at: list[float] = []
    swap = ground.dns.swap

    def timed(before: RecordSet, after: RecordSet) -> None:
        swap(before, after)
        moved_at.append(ground.clock.at_s)

    ground.dns.swap = timed  # type: ignore[method-assign]
    found = ground.dns.read(NAME)

    outputs = DnsSwitch().run(params(lower_ttl_first=True), ground.world, attempt)
    moved = ground.dns.read(NAME)
    DnsSwitch().undo(params(), ground.world, FakeAttempt(), attempt.undo or {})

    assert moved_at[1] - moved_at[0] >= 120
    assert (moved.values, moved.ttl_s, outputs["waited_old_ttl_s"]) == (STANDBY, 5, 120)
    assert ground.propagation.watched[0][1].ttl_s == 5
    assert ground.dns.read(NAME) == found


def test_a_crash_while_waiting_is_taken_back_or_gone_on_with() -> None:
    ground, attempt = Ground(), FakeAttempt(left_s=600)
    found = ground.dns.read(NAME)
    attempt.stop = True
    with pytest.raises(Retryable) as caught:
        DnsSwitch().run(params(lower_ttl_first=True), ground.world, attempt)
    assert (caught.value.code, ground.dns.read(NAME).values, ground.dns.read(NAME).ttl_s) == ("A124", PRIMARY, 5)

    DnsSwitch().undo(params(), ground.world, FakeAttempt(), attempt.undo or {})
    assert ground.dns.read(NAME) == found

    DnsSwitch().run(params(lower_ttl_first=True), ground.world, FakeAttempt(number=2, undo=attempt.undo, left_s=600))
    assert ground.dns.read(NAME).values == STANDBY


def test_a_try_too_short_for_the_old_ttl_moves_nothing() -> None:
    ground = Ground()

    with pytest.raises(Retryable, match="not over"):
        DnsSwitch().run(params(lower_ttl_first=True), ground.world, FakeAttempt(left_s=30))

    assert ground.dns.read(NAME).values == PRIMARY


def test_resolvers_are_watched_as_long_as_they_may_keep_the_old_answer() -> None:
    ground, attempt = Ground(ttl_s=120), FakeAttempt(left_s=600)

    outputs = DnsSwitch().run(params(resolvers=["127.0.0.2", "127.0.0.3:5353"], within="10s"), ground.world, attempt)

    agreement = ground.propagation.watched[0][2]
    assert agreement.caches == (("127.0.0.2", 53), ("127.0.0.3", 5353))
    assert agreement.within_s > 120
    assert outputs["servers"] == ["127.0.0.1:53"]
    assert set(outputs["resolvers"]) == {"127.0.0.2:53", "127.0.0.3:5353"}
    assert outputs["stale_beyond_ttl_s"] == {}


def test_a_resolver_that_stays_stale_beyond_the_ttl_is_named_and_fails_nothing() -> None:
    ground, attempt = Ground(), FakeAttempt(left_s=600)
    ground.propagation.stale_s["127.0.0.2:53"] = 11.5

    outputs = DnsSwitch().run(params(resolvers=["127.0.0.2"]), ground.world, attempt)

    assert outputs["stale_beyond_ttl_s"] == {"127.0.0.2:53": 11.5}
    assert ("stale beyond TTL", {"detail": "resolver 127.0.0.2:53 kept the old answer 11.5 s longer than it may"}) in attempt.said


def test_a_resolver_that_never_follows_is_named_and_fails_nothing() -> None:
    ground, attempt = Ground(), FakeAttempt(left_s=600)
    ground.propagation.lagging.append("127.0.0.2:53")

    outputs = DnsSwitch().run(params(resolvers=["127.0.0.2"]), ground.world, attempt)

    assert outputs["resolvers"] == {"127.0.0.2:53": None}
    assert "resolver behind" in [what for what, _ in attempt.said]


def test_the_provider_has_to_call_the_change_finished_too() -> None:
    ground = Ground()
    ground.dns.pending_looks = 4

    outputs = DnsSwitch().run(params(), ground.world, FakeAttempt(left_s=600))

    assert outputs["in_sync_s"] >= 4 * 0.5 > outputs["settled_s"]


def test_a_provider_too_busy_to_say_is_asked_again() -> None:
    ground = Ground()
    answers: list[Any] = [Retryable("busy"), False, Retryable("busy"), True]

    def in_sync(name: str) -> bool:
        assert name == NAME
        answer = answers.pop(0)
        if isinstance(answer, Retryable):
            raise answer
        return bool(answer)

    ground.dns.in_sync = in_sync  # type: ignore[method-assign]
    DnsSwitch().run(params(), ground.world, FakeAttempt(left_s=600))

    assert answers == []


def test_a_change_that_is_never_finished_fails_the_try() -> None:
    ground = Ground()
    ground.dns.pending_looks = 10_000

    with pytest.raises(Retryable, match="does not call the change finished") as caught:
        DnsSwitch().run(params(within="5s"), ground.world, FakeAttempt(left_s=600))

    assert (caught.value.code, ground.dns.read(NAME).values) == ("A121", STANDBY)


def test_a_lever_of_the_control_plane_says_so_in_its_preview() -> None:
    ground = Ground()
    ground.dns.name_facts = NameFacts("Route 53", "control-plane")

    (effect,) = DnsSwitch().preview(params(), ground.world)

    assert effect.marks == {"dns", "control-plane"}
    assert effect.detail.endswith("by the control plane of Route 53")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10.0.0.2", ("10.0.0.2", 53)), ("10.0.0.2:5", ("10.0.0.2", 5)), ("::1", ("::1", 53)), ("[::1]:5", ("::1", 5))],
)
def test_a_resolver_is_written_as_an_address_with_or_without_a_port(text: str, expected: tuple[str, int]) -> None:
    assert endpoint(text) == expected


@pytest.mark.parametrize("wrong", ["resolver.example.com", "10.0.0.2:x", "", "[::1", "10.0.0.2:70000"])
def test_what_is_no_resolver_is_refused_before_anything_runs(wrong: str) -> None:
    with pytest.raises(ValidationError):
        params(resolvers=[wrong])
