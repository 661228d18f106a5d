"""A name on a real BIND moves under the eyes of real caches: the honest one follows, the one that stretches TTLs is named."""

from __future__ import annotations

from collections.abc import Iterator

import dns.message
import dns.query
import pytest

from drill.adapters.clock import SystemClock
from drill.adapters.propagation import DnsPropagation
from drill.model.ports import RecordSet, World
from drill.steps.dns_lower_ttl import DnsLowerTtl, DnsLowerTtlParams
from drill.steps.dns_switch import DnsSwitch, DnsSwitchParams
from tests.adapters.caching_resolver import Resolver, running_resolver
from tests.adapters.name_servers import NameServer, running
from tests.fakes import FakeAttempt, FakeGround, fake_world

NAME = "shop.drill.test"
HOME, AWAY = "127.0.1.1", "127.0.2.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    with running("bind", tmp_path_factory.mktemp("bind"), {NAME: [HOME]}) as started:
        yield started


def world_of(server: NameServer) -> World:
    sites = FakeGround({"primary": {"addresses": [HOME]}, "standby": {"addresses": [AWAY]}})
    return fake_world(dns=server.dns(), propagation=DnsPropagation(), ground=sites, clock=SystemClock())


def warmed(resolver: str) -> str:
    """The resolver, which has just been asked: its cache holds the old answer."""
    host, _, port = resolver.partition(":")
    dns.query.udp(dns.message.make_query(NAME, "A"), host, port=int(port), timeout=5)
    return resolver


def test_the_honest_cache_follows_and_the_one_that_stretches_ttls_is_named(server: NameServer) -> None:
    honest, stretching = Resolver(server.address), Resolver(server.address, min_ttl_s=60)
    world, attempt = world_of(server), FakeAttempt(left_s=120)
    found = server.dns().read(NAME)
    with running_resolver(honest) as good, running_resolver(stretching) as bad:
        params = DnsSwitchParams.model_validate(
            {"name": NAME, "to": "standby", "from": "primary", "ttl": "1s", "every": "100ms", "within": "6s", "resolvers": [good, bad]}
        )
        warmed(good)
        warmed(bad)

        outputs = DnsSwitch().run(params, world, attempt)
        DnsSwitch().undo(params.model_copy(update={"resolvers": ()}), world, FakeAttempt(), attempt.undo or {})

    said = dict(attempt.said)
    assert outputs["resolvers"][good] is not None
    assert outputs["resolvers"][bad] is None
    assert list(outputs["stale_beyond_ttl_s"]) == [bad]
    assert outputs["stale_beyond_ttl_s"][bad] > 1.0
    assert bad in said["stale beyond TTL"]["detail"]
    assert outputs["settled_s"] <= outputs["last_new_s"]
    assert server.dns().read(NAME) == found


def test_a_ttl_lowered_ahead_is_what_the_switch_finds_and_comes_back_last(server: NameServer) -> None:
    world = world_of(server)
    slow = f"slow.{NAME.partition('.')[2]}"
    found = server.dns().read(slow)
    server.dns().swap(found, RecordSet(slow, "A", 2, found.values))
    found = server.dns().read(slow)
    lower = DnsLowerTtlParams.model_validate({"name": slow, "ttl": "1s"})
    switch = DnsSwitchParams.model_validate({"name": slow, "to": "standby", "ttl": "1s", "every": "50ms"})
    first, second = FakeAttempt(left_s=120), FakeAttempt(left_s=120)

    waited = DnsLowerTtl().run(lower, world, first)
    DnsSwitch().run(switch, world, second)
    moved = server.dns().read(slow).values
    DnsSwitch().undo(switch, world, FakeAttempt(), second.undo or {})
    DnsLowerTtl().undo(lower, world, FakeAttempt(), first.undo or {})

    assert (waited["waited_s"], moved) == (2.0, (AWAY,))
    assert server.dns().read(slow) == found
