"""Route 53 failover for real in the sandbox: an endpoint dies, the provider's checks notice, DNS answers with the standby."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import dns.message
import dns.query
import pytest

from drill.adapters.clock import SystemClock
from drill.adapters.dns_route53_client import Route53Account
from drill.adapters.dns_route53_health import Route53HealthCheck
from drill.adapters.levers import NamedLevers
from drill.adapters.propagation import DnsPropagation
from drill.model.errors import Fatal
from drill.steps.gslb_await import GslbAwait, GslbAwaitParams
from drill.steps.gslb_switch import GslbSwitch, GslbSwitchParams
from tests.e2e.place import eventually
from tests.fakes import FakeAttempt, FakeGround, fake_world
from tests.sandbox.dns_process import DnsProcess, running_dns

HOME, AWAY = "127.0.1.1", "127.0.2.1"


class _Well(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        pass


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DnsProcess]:
    directory: Path = tmp_path_factory.mktemp("dns")
    with running_dns(directory) as running:
        yield running


@pytest.fixture
def endpoint() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Well)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Failover:
    """A failover name whose primary has a real health check."""

    name: str
    check: str
    process: DnsProcess
    vendor: Any

    def answer(self) -> str:
        found = dns.query.udp(dns.message.make_query(self.name, "A"), *self.process.dns[:1], port=self.process.dns[1], timeout=5)
        return str(found.answer[0][0])

    def world(self) -> Any:
        account = Route53Account(self.process.api, "us-east-1", "key", "secret")
        lever = Route53HealthCheck(self.name, account, self.check, primary="primary", standby="standby")
        sites = FakeGround({"primary": {"addresses": [HOME]}, "standby": {"addresses": [AWAY]}})
        return fake_world(levers=NamedLevers({self.name: lever}), clock=SystemClock(), ground=sites, propagation=DnsPropagation())


@pytest.fixture
def failover(process: DnsProcess, endpoint: ThreadingHTTPServer, request: pytest.FixtureRequest) -> Failover:
    name = f"{request.node.name[:40].replace('_', '-')}.drill.test"
    vendor = boto3.client("route53", region_name="us-east-1", endpoint_url=process.api, aws_access_key_id="k", aws_secret_access_key="s")
    config = {"Type": "HTTP", "IPAddress": "127.0.0.1", "Port": endpoint.server_address[1], "ResourcePath": "/", "RequestInterval": 10}
    check = vendor.create_health_check(CallerReference=name, HealthCheckConfig=config | {"FailureThreshold": 2})["HealthCheck"]["Id"]
    common = {"Name": name, "Type": "A", "TTL": 1}
    sets = [
        {**common, "SetIdentifier": "home", "Failover": "PRIMARY", "HealthCheckId": check, "ResourceRecords": [{"Value": HOME}]},
        {**common, "SetIdentifier": "away", "Failover": "SECONDARY", "ResourceRecords": [{"Value": AWAY}]},
    ]
    changes = [{"Action": "CREATE", "ResourceRecordSet": one} for one in sets]
    vendor.change_resource_record_sets(HostedZoneId=process.zone_id, ChangeBatch={"Changes": changes})
    return Failover(name, check, process, vendor)


def test_the_checks_switch_by_themselves_when_the_endpoint_dies(failover: Failover, endpoint: ThreadingHTTPServer) -> None:
    params = GslbAwaitParams.model_validate({"name": failover.name, "to": "standby", "limit": "60s", "every": "50ms"})
    world, attempt = failover.world(), FakeAttempt()
    assert eventually(lambda: GslbAwait().ready(params, world) == [] and failover.answer() == HOME)  # once the checkers have seen it well

    endpoint.shutdown()
    endpoint.server_close()
    outputs = GslbAwait().run(params, world, attempt)

    assert (outputs["by"], attempt.undo) == ("provider", None)
    assert failover.answer() == AWAY


def test_a_forced_check_moves_a_healthy_name_and_the_way_back_is_exact(failover: Failover) -> None:
    resolver = f"{failover.process.dns[0]}:{failover.process.dns[1]}"
    params = GslbSwitchParams.model_validate(
        {"name": failover.name, "to": "standby", "from": "primary", "every": "50ms", "ttl": "1s", "resolvers": [resolver]}
    )
    world, attempt = failover.world(), FakeAttempt()
    before = failover.vendor.get_health_check(HealthCheckId=failover.check)["HealthCheck"]["HealthCheckConfig"]

    outputs = GslbSwitch().run(params, world, attempt)
    moved = failover.answer()
    GslbSwitch().undo(params, world, FakeAttempt(), attempt.undo or {})

    assert (moved, outputs["after"], outputs["reach"]) == (AWAY, "standby", "control-plane")
    assert outputs["settled_s"] >= outputs["api_s"]
    assert failover.vendor.get_health_check(HealthCheckId=failover.check)["HealthCheck"]["HealthCheckConfig"] == before
    until_s = time.monotonic() + 30
    while failover.answer() != HOME:
        assert time.monotonic() < until_s, "the name did not come home"
        time.sleep(0.05)


def test_a_change_of_the_check_between_read_and_write_is_noticed_by_its_version(failover: Failover) -> None:
    account = Route53Account(failover.process.api, "us-east-1", "key", "secret")
    lever = Route53HealthCheck(failover.name, account, failover.check, primary="primary", standby="standby")
    before = lever.read()
    read = lever.read

    def meddled() -> Any:
        found = read()
        failover.vendor.update_health_check(HealthCheckId=failover.check, FailureThreshold=9)
        return found

    lever.read = meddled  # type: ignore[method-assign]
    with pytest.raises(Fatal) as caught:
        lever.steer(before, "standby")

    assert caught.value.code == "A220"
    assert failover.answer() == HOME


def test_a_check_that_is_not_there_is_told(process: DnsProcess) -> None:
    account = Route53Account(process.api, "us-east-1", "key", "secret")

    with pytest.raises(Fatal) as caught:
        Route53HealthCheck("shop.drill.test", account, "no-such-check", primary="primary", standby="standby").read()

    assert caught.value.code == "A221"
