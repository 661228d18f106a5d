"""The shipped loss of a zone, live: a region of the sandbox stands still, and health checks alone move the traffic, out and home."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from drill.sandbox.layout import REGIONS
from drill.sandbox.world import Sandbox, take_down
from tests.adapters.pg_pair import binaries, copy_pair, make_template
from tests.clouds.shipped import drill, without_people

pytestmark = [pytest.mark.real, pytest.mark.sweep]
NAME, REST = "web.drill.test", "127.0.2.9"


class _Shop(BaseHTTPRequestHandler):
    """What serves in the other zones."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        pass


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    home = tmp_path / "state"
    home.mkdir()
    yield Sandbox.up(home, owner="clouds", lease_s=600)
    take_down(home)


@pytest.fixture
def port(sandbox: Sandbox) -> Iterator[int]:
    """The port of the shop, in the zone that is lost and in the rest."""
    server = ThreadingHTTPServer((REST, sandbox.details["regions"]["a"]["shop_port"]), _Shop)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def database() -> Iterator[str]:
    """A database of two servers that spans the zones; its primary is in the rest."""
    template = make_template(binaries()[-1])
    servers = copy_pair(template, binaries()[-1])
    try:
        servers.start()
        servers.a.sql("drop table if exists canary")  # the template's own is another one
        servers.a.sql("create table orders as select generate_series(1, 3) as id")
        yield f"host=127.0.0.1,127.0.0.1 port={servers.a.port},{servers.b.port} user=drill dbname=postgres target_session_attrs=read-write"
    finally:
        servers.end()
        shutil.rmtree(template)


def failover(vendor: Any, port: int) -> str:
    """A name whose primary is region a while its health check is well; returns that check's id."""
    probe = {"Type": "HTTP", "IPAddress": REGIONS["a"][0], "Port": port, "ResourcePath": "/health", "RequestInterval": 10}
    check = vendor.create_health_check(CallerReference=NAME, HealthCheckConfig={**probe, "FailureThreshold": 3})["HealthCheck"]["Id"]
    [zone] = vendor.list_hosted_zones_by_name(DNSName="drill.test.")["HostedZones"]
    rows = [("lost", "PRIMARY", REGIONS["a"][0], {"HealthCheckId": check}), ("rest", "SECONDARY", REST, {})]
    sets = [
        {"Name": NAME, "Type": "A", "TTL": 1, "SetIdentifier": site, "Failover": role, "ResourceRecords": [{"Value": address}], **more}
        for site, role, address, more in rows
    ]
    changes = [{"Action": "CREATE", "ResourceRecordSet": one} for one in sets]
    vendor.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch={"Changes": changes})
    return str(check)


def test_the_checks_move_the_traffic_and_bring_it_home_by_themselves(tmp_path: Path, sandbox: Sandbox, port: int, database: str) -> None:
    details = sandbox.details
    api, dns = str(details["api"]["endpoint"]), details["dns"]
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    vendor = boto3.client("route53", region_name="us-east-1", endpoint_url=api, **keys)
    check = failover(vendor, port)
    before = vendor.get_health_check(HealthCheckId=check)["HealthCheck"]
    server = f"{dns['address']}:{dns['port']}"
    lever = {"check": check, "primary": "lost", "standby": "rest"}
    zone = {"servers": [server], "resolver": server, "levers": {NAME: lever}}
    texts = {"https://shop.example.com": f"http://{NAME}:{port}", "https://pay.example.com": f"http://{REST}:{port}"}
    data = without_people("availability-zone-loss", zone, {**texts, "shop.example.com": NAME})
    rest = {"provider": "hosts", "region": "rest", "addresses": [REST]}
    data["sites"] = {"lost": {"provider": "sandbox", "region": "a"}, "rest": rest}

    secrets = {f"DRILL_SECRET_{name}": database for name in ("CANARY_DSN", "SHOP_READ_DSN")}
    environment = {"AWS_ENDPOINT_URL_ROUTE_53": api, **secrets}
    report = drill(tmp_path, data, environment, held=lambda: vendor.get_health_check(HealthCheckId=check)["HealthCheck"], strict=False)

    steps = {name: row["outputs"] for name, row in report["steps"].items()}
    assert report["outcome"] == "finished"
    assert {step: steps[step]["by"] for step in ("proof.switch", "home.switch")} == {"proof.switch": "provider", "home.switch": "provider"}
    assert (steps["proof.users"]["site"], steps["home.proof"]["site"]) == ("rest", "lost")
    assert steps["proof.rows"]["tables"] == steps["before.rows"]["tables"]
    assert steps["before.rows"]["tables"]["orders"]["rows"] == 3
    assert (report["rpo"]["met"], report["rpo"]["lost_rows"]) == (True, 0)
    assert vendor.get_health_check(HealthCheckId=check)["HealthCheck"] == before
