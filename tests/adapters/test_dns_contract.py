"""What every provider of names promises: the same cases on the fake, Route 53, Alibaba Cloud DNS, BIND and Knot."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from drill.model.errors import Fatal
from drill.model.ports import Dns, RecordSet
from drill.sandbox.alidns_http import AlidnsServer
from tests.adapters import name_servers as name_servers_module
from tests.adapters.alidns_place import opened_alidns, running_alidns
from tests.adapters.name_servers import NameServer
from tests.fakes import FakeDns
from tests.sandbox.dns_process import DnsProcess, running_dns

PRIMARY = ("127.0.1.1", "127.0.1.2")
STANDBY = ("127.0.2.1", "127.0.2.2")
NAMES = [f"shop{number}.drill.test" for number in range(80)]


@pytest.fixture(scope="module")
def dns_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DnsProcess]:
    directory: Path = tmp_path_factory.mktemp("dns")
    with running_dns(directory, *(f"{name}=1={','.join(PRIMARY)}" for name in NAMES)) as process:
        yield process


@pytest.fixture(scope="module")
def fresh_name() -> Callable[[], str]:
    names = iter(NAMES)
    return lambda: next(names)


@pytest.fixture
def name(fresh_name: Callable[[], str]) -> str:
    return fresh_name()


@pytest.fixture(scope="module")
def name_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, NameServer]]:
    names = dict.fromkeys(NAMES, PRIMARY)
    with (
        name_servers_module.running("bind", tmp_path_factory.mktemp("bind"), names) as bind,
        name_servers_module.running("knot", tmp_path_factory.mktemp("knot"), names) as knot,
    ):
        yield {"bind": bind, "knot": knot}


@pytest.fixture(scope="module")
def alidns_server() -> Iterator[AlidnsServer]:
    with running_alidns({"drill.test": 1}, dict.fromkeys(NAMES, PRIMARY)) as server:
        yield server


@pytest.fixture(params=["fake", "route53", "alidns", "bind", "knot"])
def dns(request: pytest.FixtureRequest) -> Dns:
    if request.param == "fake":
        return FakeDns(dict.fromkeys(NAMES, (1, PRIMARY)))
    if request.param == "alidns":
        return opened_alidns(request.getfixturevalue("alidns_server"), request.getfixturevalue("tmp_path"))
    if request.param == "route53":
        process: DnsProcess = request.getfixturevalue("dns_process")
        return process.route53()
    servers: Mapping[str, NameServer] = request.getfixturevalue("name_servers")
    return servers[request.param].dns()


def towards(before: RecordSet, values: tuple[str, ...] = STANDBY) -> RecordSet:
    return RecordSet(before.name, before.type, 1, values)


def test_reading_gives_the_values_and_the_ttl(dns: Dns, name: str) -> None:
    record = dns.read(name)

    assert (record.name, record.type, record.ttl_s, record.values) == (name, "A", 1, PRIMARY)


def test_a_name_that_is_not_there_is_said_to_be_missing(dns: Dns) -> None:
    with pytest.raises(Fatal) as caught:
        dns.read("nobody.drill.test")

    assert caught.value.code == "A221"


def test_the_raw_form_survives_json(dns: Dns, name: str) -> None:
    raw = dns.read(name).raw

    assert json.loads(json.dumps(raw)) == raw


def test_a_swap_replaces_the_values(dns: Dns, name: str) -> None:
    before = dns.read(name)

    dns.swap(before, towards(before))

    assert set(dns.read(name).values) == set(STANDBY)


def test_a_stale_swap_is_refused_and_names_the_present_values(dns: Dns, name: str) -> None:
    before = dns.read(name)
    dns.swap(before, towards(before, ("127.0.9.9",)))

    with pytest.raises(Fatal) as caught:
        dns.swap(before, towards(before))

    assert caught.value.code == "A220"
    assert "127.0.9.9" in caught.value.what
    assert dns.read(name).values == ("127.0.9.9",)


def test_a_swap_to_what_is_there_already_succeeds(dns: Dns, name: str) -> None:
    before = dns.read(name)
    dns.swap(before, towards(before))

    dns.swap(before, towards(before))

    assert set(dns.read(name).values) == set(STANDBY)


def test_rolling_back_restores_every_byte(dns: Dns, name: str) -> None:
    before = dns.read(name)
    after = towards(before)
    dns.swap(before, after)

    dns.swap(after, before)

    assert dns.read(name) == before


def test_of_eight_racing_writers_one_wins(dns: Dns, name: str) -> None:
    before = dns.read(name)
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def race(number: int) -> None:
        start.wait()
        try:
            dns.swap(before, towards(before, (f"127.0.8.{number}",)))
            outcomes.append(f"127.0.8.{number}")
        except Fatal as lost:
            outcomes.append(str(lost.code))

    writers = [threading.Thread(target=race, args=(number,)) for number in range(1, 9)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert sorted(outcomes)[1:] == ["A220"] * 7
    assert dns.read(name).values == (min(outcomes),)


@pytest.mark.parametrize(("refused", "rtype"), [("drill.test", "A"), ("drill.test", "NS"), ("drill.test", "SOA"), ("*.drill.test", "A")])
def test_what_a_drill_must_never_move_is_refused(dns: Dns, refused: str, rtype: str) -> None:
    with pytest.raises(Fatal) as caught:
        dns.read(refused, rtype)

    assert caught.value.code == "A225"


def test_a_name_is_never_left_without_an_answer(dns: Dns, name: str) -> None:
    before = dns.read(name)

    with pytest.raises(Fatal) as caught:
        dns.swap(before, towards(before, ()))

    assert caught.value.code == "A225"
    assert dns.read(name) == before


def test_a_change_is_in_sync_sooner_or_later(dns: Dns, name: str) -> None:
    assert dns.in_sync(name)
    before = dns.read(name)
    dns.swap(before, towards(before))

    until_s = time.monotonic() + 30
    while not dns.in_sync(name):
        assert time.monotonic() < until_s
        time.sleep(0.05)


def test_what_is_not_weighted_is_not_weighed(dns: Dns, name: str) -> None:
    before = dns.read(name)

    with pytest.raises(Fatal) as caught:
        dns.swap(before, RecordSet(before.name, before.type, before.ttl_s, before.values, weights=(3, 1)))

    assert caught.value.code == "A226"
    assert dns.read(name) == before


def test_a_provider_says_what_its_names_are_like(dns: Dns, name: str) -> None:
    facts = dns.facts(name)

    assert facts.provider
    assert facts.reach in {"control-plane", "data-plane"}
    assert 1 <= facts.min_ttl_s <= dns.read(name).ttl_s


def test_there_is_at_least_one_server_to_ask(dns: Dns, name: str) -> None:
    assert len(dns.servers(name)) >= 1
