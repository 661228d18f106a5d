"""What only dynamic updates can do wrong, on a real BIND and a real Knot: keys, policies, lost answers, servers that talk nonsense."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from drill.adapters.dns_rfc2136 import Rfc2136Dns, TsigKey
from drill.model.errors import Fatal, InDoubt, Retryable, StepError
from drill.model.ports import RecordSet
from tests.adapters.dns_relay import relaying
from tests.adapters.name_servers import KEY, NARROW_KEY, ZONE, NameServer, running

NAMES = [f"shop{number}.{ZONE}" for number in range(40)]
_names = iter(NAMES)


@pytest.fixture(scope="module", params=["bind", "knot"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    with running(request.param, tmp_path_factory.mktemp(request.param), dict.fromkeys(NAMES, ("127.0.1.1",))) as started:
        yield started


@pytest.fixture
def name() -> str:
    return next(_names)


def to_standby(before: RecordSet, *values: str, ttl_s: int = 1) -> RecordSet:
    return RecordSet(before.name, before.type, ttl_s, values or ("127.0.2.1",))


@pytest.mark.parametrize(
    "key",
    [
        None,
        TsigKey("drill", NARROW_KEY.secret),
        TsigKey("drill", KEY.secret, "hmac-sha512"),
        TsigKey("nobody", KEY.secret),
        NARROW_KEY,
        TsigKey("drill", "not base64!"),
        TsigKey("drill", KEY.secret, "hmac-rot13"),
    ],
    ids=["unsigned", "wrong secret", "wrong algorithm", "unknown key", "another name's key", "no base64", "no such algorithm"],
)
def test_a_key_that_does_not_fit_is_told_as_one_and_changes_nothing(server: NameServer, name: str, key: TsigKey | None) -> None:
    before = server.dns().read(name)

    with pytest.raises(Fatal) as caught:
        server.dns(key=key).swap(before, to_standby(before))

    assert caught.value.code == "A224"
    assert KEY.secret not in str(caught.value)
    assert server.dns().read(name) == before


def test_a_clock_that_is_an_hour_off_is_told_as_one(server: NameServer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = server.dns().read(name)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)

    with pytest.raises(Fatal, match="clocks") as caught:
        server.dns().swap(before, to_standby(before))

    monkeypatch.undo()
    assert caught.value.code == "A224"
    assert server.dns().read(name) == before


def test_a_key_for_one_name_may_change_that_name(server: NameServer) -> None:
    dns = server.dns(key=NARROW_KEY)
    before = dns.read(f"narrow.{ZONE}")

    dns.swap(before, to_standby(before))
    dns.swap(to_standby(before), before)

    assert dns.read(f"narrow.{ZONE}") == before


@pytest.mark.parametrize("zone", ["other.test", f"sub.{ZONE}"])
def test_a_zone_the_server_is_not_primary_for_is_named(server: NameServer, zone: str) -> None:
    with pytest.raises(Fatal) as caught:
        server.dns(zone=zone).read(f"shop.{zone}")

    assert caught.value.code in {"A221", "A228"}


def test_a_name_outside_the_zone_is_not_asked_for(server: NameServer) -> None:
    with pytest.raises(Fatal) as caught:
        server.dns().read("shop.elsewhere.test")

    assert caught.value.code == "A225"


def test_a_ttl_of_its_own_comes_back_exactly(server: NameServer) -> None:
    dns = server.dns()
    before = dns.read(f"slow.{ZONE}")
    lowered = RecordSet(before.name, "A", 5, before.values)

    dns.swap(before, lowered)
    dns.swap(lowered, to_standby(before))
    dns.swap(to_standby(before), before)

    assert before.ttl_s == 3600
    assert dns.read(f"slow.{ZONE}") == before


def test_a_changed_ttl_alone_is_somebody_elses_change(server: NameServer, name: str) -> None:
    dns = server.dns()
    before = dns.read(name)
    dns.swap(before, RecordSet(name, "A", 77, before.values))

    with pytest.raises(Fatal) as caught:
        dns.swap(before, to_standby(before))

    assert (caught.value.code, "TTL 77" in caught.value.what) == ("A220", True)


def test_an_alias_moves_as_an_alias(server: NameServer) -> None:
    dns = server.dns()
    before = dns.read(f"alias.{ZONE}", "CNAME")
    after = RecordSet(before.name, "CNAME", 1, ("lb.elsewhere.test",))

    dns.swap(before, after)
    moved = dns.read(f"alias.{ZONE}", "CNAME")
    dns.swap(after, before)

    assert moved.values == ("lb.elsewhere.test",)
    assert dns.read(f"alias.{ZONE}", "CNAME") == before


def test_an_address_of_an_alias_is_not_the_aliass_own(server: NameServer) -> None:
    with pytest.raises(Fatal) as caught:
        server.dns().read(f"alias.{ZONE}", "A")

    assert caught.value.code == "A221"


def test_a_value_that_is_none_is_refused_before_it_is_sent(server: NameServer, name: str) -> None:
    before = server.dns().read(name)

    with pytest.raises(Fatal, match=r"999\.0\.0\.1") as caught:
        server.dns().swap(before, to_standby(before, "999.0.0.1"))

    assert caught.value.code == "A222"


def test_plain_dns_has_no_weights(server: NameServer, name: str) -> None:
    before = server.dns().read(name)

    with pytest.raises(Fatal) as caught:
        server.dns().swap(before, RecordSet(name, "A", 1, before.values, weights=(10,)))

    assert caught.value.code == "A226"


def test_the_servers_of_a_zone_are_those_it_names(server: NameServer) -> None:
    dns = Rfc2136Dns(ZONE, server.address, KEY, lookup=lambda host: {f"ns.{ZONE}": ["127.0.0.53"]}[host])

    assert dns.servers(NAMES[0]) == [("127.0.0.53", 53)]


def test_a_server_that_is_not_there_is_worth_another_try() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dns = Rfc2136Dns(ZONE, unused.getsockname(), KEY, timeout_s=0.3)
        with pytest.raises(Retryable) as caught:
            dns.read(NAMES[0])

    assert caught.value.code == "A120"


@contextmanager
def between(server: NameServer, **faults: Any) -> Iterator[Rfc2136Dns]:
    with relaying(server.address) as relay:
        for fault, value in faults.items():
            setattr(relay, fault, value)
        # only a server that falls silent makes the client wait; all others are given time on a busy machine
        yield Rfc2136Dns(ZONE, relay.address, KEY, timeout_s=2.0 if faults.get("deaf_after") else 15.0)


def test_an_update_whose_answer_was_lost_is_seen_to_have_worked(server: NameServer, name: str) -> None:
    with between(server) as dns:
        before = dns.read(name)

        dns.swap(before, to_standby(before))

    assert server.dns().read(name).values == ("127.0.2.1",)


def test_an_update_that_was_lost_on_its_way_may_be_tried_again(server: NameServer, name: str) -> None:
    with between(server, drop_request=True) as dns:
        before = dns.read(name)
        with pytest.raises(Retryable) as caught:
            dns.swap(before, to_standby(before))

    assert caught.value.code == "A120"
    assert server.dns().read(name) == before


def test_an_update_that_cannot_be_read_back_is_in_doubt(server: NameServer, name: str) -> None:
    with between(server, deaf_after=True) as dns:
        before = dns.read(name)
        with pytest.raises(InDoubt) as caught:
            dns.swap(before, to_standby(before))

    assert caught.value.code == "A320"


@pytest.mark.parametrize("answer", [b"", b"x", b"\0" * 12, b"\xff" * 40])
def test_nonsense_for_an_answer_is_settled_by_reading_back(server: NameServer, name: str, answer: bytes) -> None:
    with between(server, answer=answer) as dns:
        before = dns.read(name)

        dns.swap(before, to_standby(before))

    assert server.dns().read(name).values == ("127.0.2.1",)


@pytest.mark.parametrize("wire", [b"", b"x" * 11, b"\0" * 12, b"\xff" * 60])
def test_no_error_of_the_dns_library_escapes(wire: bytes) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(5)

        def answer() -> None:
            question, asker = udp.recvfrom(4096)
            udp.sendto(question[:2] + wire, asker)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(StepError):
            Rfc2136Dns(ZONE, udp.getsockname(), KEY, timeout_s=0.5).read(NAMES[0])
        thread.join()
