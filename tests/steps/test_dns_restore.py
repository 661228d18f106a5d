"""The way home puts a name back exactly, and never over what somebody else wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from drill.model.errors import Fatal
from drill.model.events import Fact, Kind
from drill.model.ports import RecordSet, World
from drill.steps.base import registry
from drill.steps.dns_lower_ttl import DnsLowerTtl, DnsLowerTtlParams
from drill.steps.dns_restore import DnsRestore, DnsRestoreParams
from drill.steps.dns_switch import DnsSwitch, DnsSwitchParams
from tests.fakes import FakeAttempt, FakeClock, FakeDns, FakeGround, FakePropagation, fake_world

NAME = "shop.drill.test"
PRIMARY, STANDBY = ("127.0.1.1",), ("127.0.2.1",)


class Ground:
    def __init__(self) -> None:
        self.dns = FakeDns({NAME: (600, PRIMARY)})
        sites = FakeGround({"primary": {"addresses": PRIMARY}, "standby": {"addresses": STANDBY}})
        self.propagation = FakePropagation()
        self.world: World = fake_world(dns=self.dns, propagation=self.propagation, ground=sites, clock=FakeClock(tick_s=0.01))

    def after(self, step: Any, params: Any) -> Any:
        attempt = FakeAttempt(left_s=7200)
        step.run(params, self.world, attempt)
        return attempt.undo


def restore(undo: Any, ground: Ground, **params: Any) -> dict[str, Any]:
    attempt = FakeAttempt(step="home.restore")
    row = {"step": "traffic.step", "undo": undo}
    at = datetime(2027, 1, 1, tzinfo=UTC)
    attempt.facts = [Fact("drill-1", 1, at, 1.0, "boot/1", "engine", Kind.UNDO_REGISTERED, "key", row, "")] if undo else []
    return dict(DnsRestore().run(DnsRestoreParams(of="traffic.step", name=NAME, **params), ground.world, attempt))


def switched(ground: Ground, to: str) -> Any:
    return ground.after(DnsSwitch(), DnsSwitchParams.model_validate({"name": NAME, "to": to, "ttl": "5s"}))


def test_the_kind_is_found_by_the_registry() -> None:
    assert isinstance(registry()["dns.restore"], DnsRestore)


def test_a_switch_is_put_back_with_its_ttl_and_watched() -> None:
    ground = Ground()
    found = ground.dns.read(NAME)

    outputs = restore(switched(ground, "standby"), ground)

    assert ground.dns.read(NAME) == found
    assert (outputs["restored"], len(ground.propagation.watched)) == (True, 2)


def test_resolvers_are_watched_on_the_way_home_too_and_the_stale_one_is_named() -> None:
    ground = Ground()
    undo = switched(ground, "standby")
    ground.propagation.stale_s["127.0.0.3:53"] = 4.5

    outputs = restore(undo, ground, resolvers=("127.0.0.2", "127.0.0.3"))

    assert set(outputs["resolvers"]) == {"127.0.0.2:53", "127.0.0.3:53"}
    assert outputs["stale_beyond_ttl_s"] == {"127.0.0.3:53": 4.5}


def test_a_lowered_ttl_comes_back_once_the_name_is_home() -> None:
    ground = Ground()
    found = ground.dns.read(NAME)
    undo = ground.after(DnsLowerTtl(), DnsLowerTtlParams.model_validate({"name": NAME, "ttl": "5s"}))
    switched(ground, "standby")

    with pytest.raises(Fatal) as away:
        restore(undo, ground)
    switched(ground, "primary")
    restore(undo, ground)

    assert (away.value.code, ground.dns.read(NAME)) == ("A227", found)


def test_what_somebody_else_wrote_is_left_alone() -> None:
    ground = Ground()
    undo = switched(ground, "standby")
    ground.dns.swap(ground.dns.read(NAME), RecordSet(NAME, "A", 5, ("127.0.9.9",)))

    with pytest.raises(Fatal) as caught:
        restore(undo, ground)

    assert (caught.value.code, ground.dns.read(NAME).values) == ("A227", ("127.0.9.9",))


def test_what_it_will_leave_is_foreseen_by_the_type_it_is_told() -> None:
    ground = Ground()

    assert DnsRestore().foresee(DnsRestoreParams(of="a.b", name=NAME), ground.world)["values"] == list(PRIMARY)
    with pytest.raises(Fatal) as caught:
        DnsRestore().foresee(DnsRestoreParams(of="a.b", name=NAME, type="CNAME"), ground.world)

    assert caught.value.code == "A221"


def test_a_step_that_changed_nothing_is_taken_back_by_nothing() -> None:
    ground = Ground()

    assert restore(None, ground) == {"restored": False}
    assert ground.dns.read(NAME).ttl_s == 600
