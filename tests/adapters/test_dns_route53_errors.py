"""What Route 53 refuses, cannot answer or does not know becomes an error of ours that says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from drill.adapters.dns_route53 import Route53Dns
from drill.model.errors import DrillError, Fatal, InDoubt, Retryable
from drill.model.ports import RecordSet
from tests.adapters.lossy_proxy import LossyProxy, running_proxy
from tests.adapters.route53_place import NAMES, to_standby, weighted
from tests.sandbox.dns_process import DnsProcess


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


def test_a_service_too_busy_to_tell_of_a_change_is_worth_asking_again(lossy: Route53Dns, proxy: LossyProxy) -> None:
    before = lossy.read(NAMES[7])
    lossy.swap(before, to_standby(before))
    proxy.answer_with = (503, "ServiceUnavailable")

    with pytest.raises(Retryable):
        lossy.in_sync(NAMES[7])


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
