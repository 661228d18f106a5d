"""The shipped scenarios that only move traffic, live over emulated providers whose names really answer: out, home, exactly as before."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from drill.sandbox.alidns_http import AlidnsServer
from drill.sandbox.arc_http import ArcCluster
from drill.sandbox.dns_server import respond
from drill.sandbox.route53_answers import Answers
from tests.adapters.alidns_place import records, running_alidns
from tests.adapters.caching_resolver import Resolver, running_resolver
from tests.clouds.shipped import drill, without_people
from tests.sandbox.dns_process import running_dns

pytestmark = [pytest.mark.real, pytest.mark.sweep]
HOME, AWAY = "127.0.1.1", "127.0.2.1"
SHOP = "shop.drill.test"
ARC_HOME, ARC_AWAY = "arn:aws:r::1:controlpanel/p/routingcontrol/home", "arn:aws:r::1:controlpanel/p/routingcontrol/away"


class _Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The shop of both sites on one port."""
    first = ThreadingHTTPServer((HOME, 0), _Shop)
    servers = [first, ThreadingHTTPServer((AWAY, first.server_address[1]), _Shop)]
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in servers]
    for thread in threads:
        thread.start()
    yield int(first.server_address[1])
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


def urls(port: int) -> dict[str, str]:
    """Where the shop and its interface are."""
    return {"https://shop.example.com": f"http://{SHOP}:{port}", "https://api.example.com": f"http://{AWAY}:{port}"}


@contextmanager
def answering(alidns: AlidnsServer) -> Iterator[str]:
    """A name server that answers what the API of Alibaba Cloud DNS holds; its address and port."""
    api = records(alidns)
    answers = Answers(api.zones, lambda: api.changes, random.Random(7))
    over = threading.Event()
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(0.05)

        def serve() -> None:
            while not over.is_set():
                try:
                    wire, asker = udp.recvfrom(4096)
                except TimeoutError:
                    continue
                answer = respond(wire, answers.answer)
                if answer:
                    udp.sendto(answer, asker)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{udp.getsockname()[1]}"
        finally:
            over.set()
            thread.join(10)


def held(alidns: AlidnsServer) -> list[dict[str, Any]]:
    """The records of the shop, without the time of their last change."""
    return [{key: value for key, value in row.items() if key != "UpdateTimestamp"} for row in records(alidns).rows(SHOP)]


def test_a_site_is_drained_by_weights_and_taken_in_again(tmp_path: Path, port: int) -> None:
    with ExitStack() as stack:
        alidns = stack.enter_context(running_alidns({"drill.test": 1}, {SHOP: [HOME, AWAY]}))
        api = records(alidns)
        api.call("SetDNSSLBStatus", {"SubDomain": SHOP, "Type": "A", "Open": "true"})
        for row in api.rows(SHOP):
            api.call("UpdateDNSSLBWeight", {"RecordId": row["RecordId"], "Weight": 50})
        server = stack.enter_context(answering(alidns))
        before = held(alidns)
        zone = {"servers": [server], "resolver": server}
        data = without_people("active-active-drain", zone, {**urls(port), "192.0.2.10": HOME, "198.51.100.20": AWAY})
        [[key, secret]] = alidns.secrets.items()
        environment = {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": key,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": secret,
            "ALIBABA_ENDPOINT_ALIDNS": f"http://{alidns.endpoint}",
        }

        report = drill(tmp_path, data, environment, held=lambda: records(alidns).changes)
        after = held(alidns)

    assert report["outcome"] == "finished"
    shares = {step: report["steps"][step]["outputs"]["weights"] for step in ("half.share", "drain.share", "quarter.share")}
    assert shares["half.share"][AWAY] == 3 * shares["half.share"][HOME]
    assert shares["drain.share"] == {HOME: 0, AWAY: 100}
    assert shares["quarter.share"][AWAY] == 3 * shares["quarter.share"][HOME]
    assert after == before


def test_a_record_and_a_routing_control_go_over_and_come_home(tmp_path: Path, port: int) -> None:
    cluster = ArcCluster({ARC_HOME: "On", ARC_AWAY: "Off"})
    cluster.start()
    with ExitStack() as stack:
        stack.callback(cluster.end)
        (tmp_path / "dns").mkdir()
        process = stack.enter_context(running_dns(tmp_path / "dns", f"{SHOP}=3={HOME}"))
        server = f"{process.dns[0]}:{process.dns[1]}"
        resolvers = [stack.enter_context(running_resolver(Resolver(process.dns))) for _ in range(2)]
        lever = {"endpoints": dict(cluster.endpoints), "controls": {"primary": ARC_HOME, "standby": ARC_AWAY}}
        zone = {"servers": [server], "resolver": server, "resolvers": resolvers, "levers": {"api.drill.test": lever}}
        before = process.route53().read(SHOP)
        data = without_people("traffic-only", zone, {**urls(port), "192.0.2.30, 192.0.2.31": HOME, "198.51.100.30": AWAY})

        route53 = process.route53()
        report = drill(tmp_path, data, {"AWS_ENDPOINT_URL_ROUTE_53": process.api}, held=lambda: (route53.read(SHOP), cluster.states))
        after = process.route53().read(SHOP)

    steps = {name: row["outputs"] for name, row in report["steps"].items()}
    assert report["outcome"] == "finished"
    assert (steps["ahead.lower"]["before_s"], steps["ahead.lower"]["waited_s"]) == (3, 3.0)
    assert set(steps["traffic.shop"]["resolvers"]) == set(steps["traffic_home.shop"]["resolvers"]) == set(resolvers)
    assert steps["traffic.interface"]["reach"] == "data-plane"
    assert cluster.states == {ARC_HOME: "On", ARC_AWAY: "Off"}
    assert after == before
