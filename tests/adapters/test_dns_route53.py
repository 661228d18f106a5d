"""What only Route 53 can do wrong: lost answers, routing policies, delegations, refusals."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from drill.adapters.dns_route53 import Route53Dns
from drill.model.errors import DrillError, Fatal, InDoubt, Retryable
from drill.model.ports import RecordSet
from tests.adapters.lossy_proxy import LossyProxy, running_proxy
from tests.sandbox.dns_process import DnsProcess, running_dns

NAMES = [f"shop{number}.drill.test" for number in range(12)]
STANDBY = ("127.0.2.1",)


@pytest.fixture(scope="module")
def dns_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DnsProcess]:
    directory: Path = tmp_path_factory.mktemp("dns")
    with running_dns(directory, *(f"{name}=1=127.0.1.1" for name in NAMES)) as process:
        yield process


@pytest.fixture
def proxy(dns_process: DnsProcess) -> LossyProxy:
    return LossyProxy(dns_process.api)


@pytest.fixture
def lossy(dns_process: DnsProcess, proxy: LossyProxy) -> Iterator[Route53Dns]:
    with running_proxy(proxy) as url:
        yield dns_process.route53(api=url)


@pytest.fixture
def vendor(dns_process: DnsProcess) -> Any:
    return boto3.client(
        "route53", region_name="us-east-1", endpoint_url=dns_process.api, aws_access_key_id="key", aws_secret_access_key="secret"
    )


def to_standby(before: RecordSet, values: tuple[str, ...] = STANDBY) -> RecordSet:
    return RecordSet(before.name, before.type, 1, values)


def weighted(name: str, site: str, address: str, weight: int) -> dict[str, Any]:
    records = [{"Value": address}]
    return {"Name": f"{name}.", "Type": "A", "SetIdentifier": site, "Weight": weight, "TTL": 1, "ResourceRecords": records}


def test_a_swap_whose_answer_was_lost_is_seen_to_have_worked(lossy: Route53Dns, proxy: LossyProxy) -> None:
    before = lossy.read(NAMES[0])
    proxy.lose = 1

    lossy.swap(before, to_standby(before))

    assert lossy.read(NAMES[0]).values == STANDBY
    assert proxy.changes_seen == 2


def test_a_swap_whose_every_answer_was_lost_is_settled_by_reading_back(lossy: Route53Dns, proxy: LossyProxy) -> None:
    before = lossy.read(NAMES[1])
    proxy.lose = 99

    lossy.swap(before, to_standby(before))

    assert lossy.read(NAMES[1]).values == STANDBY


def test_a_swap_that_cannot_be_read_back_is_in_doubt(dns_process: DnsProcess) -> None:
    class GoesDeaf(LossyProxy):
        def after_loss(self) -> None:
            self.deaf = True

    proxy = GoesDeaf(dns_process.api)
    with running_proxy(proxy) as url:
        dns = dns_process.route53(api=url)
        before = dns.read(NAMES[2])
        proxy.lose = 1

        with pytest.raises(InDoubt) as caught:
            dns.swap(before, to_standby(before))

    assert caught.value.code == "A320"


def test_all_weighted_record_sets_of_a_name_are_the_lock_and_come_back_byte_for_byte(dns_process: DnsProcess, vendor: Any) -> None:
    name = NAMES[3]
    plain = vendor.list_resource_record_sets(HostedZoneId=dns_process.zone_id, StartRecordName=name, StartRecordType="A", MaxItems="1")[
        "ResourceRecordSets"
    ][0]
    sets = [weighted(name, "primary", "127.0.1.1", 100), weighted(name, "standby", "127.0.2.1", 0)]
    changes = [{"Action": "DELETE", "ResourceRecordSet": plain}, *({"Action": "CREATE", "ResourceRecordSet": one} for one in sets)]
    vendor.change_resource_record_sets(HostedZoneId=dns_process.zone_id, ChangeBatch={"Changes": changes})
    dns = dns_process.route53()
    before = dns.read(name)
    after = to_standby(before)

    dns.swap(before, after)
    dns.swap(after, RecordSet(before.name, before.type, before.ttl_s, before.values, raw=json.loads(json.dumps(before.raw))))

    assert len(before.raw) == 2
    assert json.dumps(dns.read(name).raw, sort_keys=True) == json.dumps(before.raw, sort_keys=True)


def test_a_change_is_pending_until_the_service_calls_it_finished(tmp_path: Path) -> None:
    with running_dns(tmp_path, "shop.drill.test=1=127.0.1.1", pending_s=2.0) as process:
        dns = process.route53()
        before = dns.read("shop.drill.test")
        dns.swap(before, to_standby(before))
        at_once = dns.in_sync("shop.drill.test")
        until_s = time.monotonic() + 30
        while not dns.in_sync("shop.drill.test"):
            assert time.monotonic() < until_s
            time.sleep(0.05)

    assert not at_once


def test_a_change_that_may_not_be_asked_about_counts_as_made(lossy: Route53Dns, proxy: LossyProxy) -> None:
    before = lossy.read(NAMES[6])
    lossy.swap(before, to_standby(before))
    proxy.answer_with = (403, "AccessDenied")

    assert lossy.in_sync(NAMES[6])


def test_a_service_too_busy_to_tell_of_a_change_is_worth_asking_again(lossy: Route53Dns, proxy: LossyProxy) -> None:
    before = lossy.read(NAMES[7])
    lossy.swap(before, to_standby(before))
    proxy.answer_with = (503, "ServiceUnavailable")

    with pytest.raises(Retryable):
        lossy.in_sync(NAMES[7])


def test_weights_move_step_by_step_and_come_back_byte_for_byte(dns_process: DnsProcess, vendor: Any) -> None:
    name = "steps.drill.test"
    sets = [weighted(name, "primary", "127.0.1.1", 100), weighted(name, "standby", "127.0.2.1", 0)]
    create = [{"Action": "CREATE", "ResourceRecordSet": one} for one in sets]
    vendor.change_resource_record_sets(HostedZoneId=dns_process.zone_id, ChangeBatch={"Changes": create})
    dns = dns_process.route53()
    found = dns.read(name)
    assert (found.values, found.weights) == (("127.0.1.1", "127.0.2.1"), (100, 0))

    seen = []
    for weights in ((90, 10), (50, 50), (0, 100)):
        dns.swap(dns.read(name), RecordSet(name, "A", 1, found.values, weights=weights))
        seen.append(dns.read(name).weights)
    dns.swap(dns.read(name), found)

    assert seen == [(90, 10), (50, 50), (0, 100)]
    assert dns.read(name) == found


@pytest.mark.parametrize("weights", [(0, 0), (256, 1), (-1, 5)])
def test_weights_the_service_does_not_know_are_refused(dns_process: DnsProcess, vendor: Any, weights: tuple[int, ...]) -> None:
    name = f"odd{weights[0]}.drill.test"
    sets = [weighted(name, "primary", "127.0.1.1", 100), weighted(name, "standby", "127.0.2.1", 1)]
    create = [{"Action": "CREATE", "ResourceRecordSet": one} for one in sets]
    vendor.change_resource_record_sets(HostedZoneId=dns_process.zone_id, ChangeBatch={"Changes": create})
    dns = dns_process.route53()
    before = dns.read(name)

    with pytest.raises(Fatal) as caught:
        dns.swap(before, RecordSet(name, "A", 1, before.values, weights=weights))

    assert (caught.value.code, dns.read(name)) == ("A226", before)


def test_a_plain_name_cannot_be_weighed(dns_process: DnsProcess) -> None:
    dns = dns_process.route53()
    before = dns.read(NAMES[5])

    with pytest.raises(Fatal) as caught:
        dns.swap(before, RecordSet(before.name, "A", 1, before.values, weights=(10,)))

    assert (caught.value.code, before.weights) == ("A226", ())


def test_a_change_of_a_weight_alone_is_noticed(dns_process: DnsProcess, vendor: Any) -> None:
    name = "split.drill.test"
    create = [{"Action": "CREATE", "ResourceRecordSet": weighted(name, "primary", "127.0.1.1", 100)}]
    vendor.change_resource_record_sets(HostedZoneId=dns_process.zone_id, ChangeBatch={"Changes": create})
    dns = dns_process.route53()
    before = dns.read(name)
    upsert = [{"Action": "UPSERT", "ResourceRecordSet": weighted(name, "primary", "127.0.1.1", 90)}]
    vendor.change_resource_record_sets(HostedZoneId=dns_process.zone_id, ChangeBatch={"Changes": upsert})

    with pytest.raises(Fatal) as caught:
        dns.swap(before, to_standby(before))

    assert caught.value.code == "A220"


def test_values_the_service_refuses_are_told_apart_from_a_lost_race(dns_process: DnsProcess) -> None:
    dns = dns_process.route53()
    before = dns.read(NAMES[4])

    with pytest.raises(Fatal, match=r"999\.0\.0\.1") as caught:
        dns.swap(before, to_standby(before, ("999.0.0.1",)))

    assert caught.value.code == "A222"
    assert dns.read(NAMES[4]) == before


@pytest.mark.parametrize(
    ("status", "code", "expected", "ours"),
    [
        (403, "AccessDenied", Fatal, "A224"),
        (403, "SignatureDoesNotMatch", Fatal, "A224"),
        (404, "NoSuchHostedZone", Fatal, "A221"),
        (400, "PriorRequestNotComplete", Retryable, "A120"),
        (503, "ServiceUnavailable", Retryable, "A120"),
        (400, "InvalidInput", Fatal, "A222"),
    ],
)
def test_every_refusal_becomes_an_error_of_ours(
    lossy: Route53Dns, proxy: LossyProxy, status: int, code: str, expected: type[DrillError], ours: str
) -> None:
    proxy.answer_with = (status, code)

    with pytest.raises(expected) as caught:
        lossy.read(NAMES[5])

    assert caught.value.code == ours


def test_what_the_service_says_about_signatures_stays_out_of_our_error(lossy: Route53Dns, proxy: LossyProxy) -> None:
    proxy.answer_with = (403, "SignatureDoesNotMatch")

    with pytest.raises(Fatal) as caught:
        lossy.read(NAMES[5])

    assert "AKIDEXAMPLE" not in str(caught.value)


def test_an_endpoint_that_does_not_answer_may_be_tried_again(lossy: Route53Dns, proxy: LossyProxy) -> None:
    proxy.deaf = True

    with pytest.raises(Retryable) as caught:
        lossy.read(NAMES[5])

    assert caught.value.code == "A120"


def test_a_proxy_meant_for_the_outside_world_is_not_used_on_loopback(dns_process: DnsProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert dns_process.route53().read(NAMES[5]).values == ("127.0.1.1",)


def test_without_named_servers_the_zones_delegation_is_asked(dns_process: DnsProcess) -> None:
    looked_up: list[str] = []

    def lookup(host: str) -> list[str]:
        looked_up.append(host)
        return ["192.0.2.1", "2001:db8::1"]

    dns = Route53Dns(dns_process.api, "us-east-1", "key", "secret", lookup=lookup)

    servers = dns.servers(NAMES[5])

    assert len(looked_up) == 4
    assert set(servers) == {("192.0.2.1", 53), ("2001:db8::1", 53)}


def test_a_name_server_without_an_address_is_named(dns_process: DnsProcess) -> None:
    def lookup(host: str) -> list[str]:
        raise OSError(-2, f"{host} is not known")

    with pytest.raises(Fatal, match="ns-2048") as caught:
        Route53Dns(dns_process.api, "us-east-1", "key", "secret", lookup=lookup).servers(NAMES[5])

    assert caught.value.code == "A228"


def test_a_name_outside_every_zone_is_said_to_lie_in_none(dns_process: DnsProcess) -> None:
    with pytest.raises(Fatal, match="no hosted zone") as caught:
        dns_process.route53().read("shop.example.org")

    assert caught.value.code == "A221"


def test_two_zones_of_the_same_name_are_refused(dns_process: DnsProcess, vendor: Any) -> None:
    for reference in ("one", "two"):
        vendor.create_hosted_zone(Name="twice.test", CallerReference=reference)

    with pytest.raises(Fatal) as caught:
        dns_process.route53().read("shop.twice.test")

    assert caught.value.code == "A229"


def test_a_swap_of_two_different_names_is_refused(dns_process: DnsProcess) -> None:
    dns = dns_process.route53()

    with pytest.raises(Fatal, match="one name at a time"):
        dns.swap(dns.read(NAMES[6]), to_standby(dns.read(NAMES[7])))
