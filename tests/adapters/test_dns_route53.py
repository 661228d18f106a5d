"""What only Route 53 does: lost answers, changes that are pending, routing policies, delegations."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.dns_route53 import Route53Dns
from drill.model.errors import Fatal
from drill.model.ports import RecordSet
from tests.adapters.lossy_proxy import LossyProxy
from tests.adapters.route53_place import NAMES, STANDBY, to_standby, weighted
from tests.sandbox.dns_process import DnsProcess, running_dns


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
