"""A whole drill of traffic alone: a real BIND, Alibaba Cloud DNS and GTM, routing controls; over, proved, and home again exactly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from drill.sandbox.alidns_http import AlidnsServer
from drill.sandbox.arc_http import ArcCluster
from drill.sandbox.gtm_api import GtmApi
from tests.adapters.alidns_place import records, running_alidns
from tests.adapters.name_servers import KEY, NameServer, running

pytestmark = [pytest.mark.real, pytest.mark.sweep]
PROJECT = Path(__file__).resolve().parents[2]
HOME, AWAY = "127.0.1.1", "127.0.2.1"
SHOP, SHARED = "shop.drill.test", "shared.ali.test"
ARC_HOME, ARC_AWAY = "arn:aws:r::1:controlpanel/p/routingcontrol/home", "arn:aws:r::1:controlpanel/p/routingcontrol/away"

SCENARIO = """
scenario: all-levers
title: {en: Every lever over and home, zh: 全部流量手段}
objectives: {rto: 5m, rpo: 30s}
sites:
  primary: {provider: hosts, region: dc-1, addresses: [127.0.1.1]}
  standby: {provider: hosts, region: dc-2, addresses: [127.0.2.1]}
zones:
  drill.test:
    provider: rfc2136
    primary: "BIND"
    servers: ["BIND"]
    resolver: "BIND"
    key: {name: drill, secret: secret:TSIG_KEY}
  ali.test:
    provider: alidns
    levers:
      gtm.ali.test: {strategy: strategy-2, generation: 2, pools: {primary: DEFAULT, standby: FAILOVER}}
      pools.ali.test: {instance: gtm-3, config: config, pools: {primary: pool-home, standby: pool-away}}
  aws.test:
    provider: arc
    levers:
      api.aws.test: {endpoints: ENDPOINTS, controls: CONTROLS}
steady_state: [checkout]
probes:
  checkout: {http: "http://shop.drill.test:PORT/health", every: 100ms, timeout: 2s, user_view: true}
limits: {max_changes: 40, allow: ["*.drill.test", "*.ali.test", "*.aws.test"]}
phases:
  ahead:
    budget: 30s
    acknowledge: none
    steps: {lower: {dns.lower_ttl: {name: shop.drill.test, ttl: 1s}}}
  traffic:
    after: [ahead]
    budget: 2m
    acknowledge: none
    steps:
      switch: {dns.switch: {name: shop.drill.test, from: primary, to: standby, ttl: 1s, every: 100ms}}
      share:
        dns.weights: {name: shared.ali.test, from: primary, to: standby, weights: [10, 50, 100], probe: checkout, every: 50ms}
        after: [switch]
      gtm: {gslb.switch: {name: gtm.ali.test, from: primary, to: standby}}
      pools: {gslb.switch: {name: pools.ali.test, from: primary, to: standby}}
      controls: {gslb.switch: {name: api.aws.test, from: primary, to: standby}}
      proof: {probe.until: {probe: checkout, ok_in_a_row: 5, site: standby}, after: [share]}
failback:
  phases:
    home:
      budget: 2m
      acknowledge: none
      steps:
        switch: {dns.switch: {name: shop.drill.test, from: standby, to: primary, ttl: 1s, every: 100ms}}
        share:
          dns.weights: {name: shared.ali.test, from: standby, to: primary, weights: [50, 100], probe: checkout, every: 50ms}
          after: [switch]
        ttl: {dns.restore: {of: ahead.lower, name: shop.drill.test}, after: [switch]}
        weights: {dns.restore: {of: traffic.share, name: shared.ali.test}, after: [share]}
        gtm: {gslb.restore: {of: traffic.gtm, name: gtm.ali.test}}
        pools: {gslb.restore: {of: traffic.pools, name: pools.ali.test}}
        controls: {gslb.restore: {of: traffic.controls, name: api.aws.test}}
        proof: {probe.until: {probe: checkout, ok_in_a_row: 5, site: primary}, after: [share]}
"""


class _Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        pass


@dataclass(frozen=True)
class Place:
    home: Path
    bind: NameServer
    alidns: AlidnsServer
    gtm: GtmApi
    cluster: ArcCluster
    scenario: Path

    def drill(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ALIBABA_", "DRILL_"))}
        ours = {
            "DRILL_HOME": str(self.home / "state"),
            "DRILL_SECRET_TSIG_KEY": KEY.secret,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAItraffic",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": self.alidns.secrets["LTAItraffic"],
            "ALIBABA_ENDPOINT_ALIDNS": f"http://{self.alidns.endpoint}",
        }
        command = [sys.executable, "-m", "drill.cli.main", *arguments]
        return subprocess.run(command, cwd=PROJECT, env=kept | ours, capture_output=True, text=True, timeout=300, check=False)

    def held(self) -> str:
        """Everything that has to come back, as text."""
        rows = [{key: value for key, value in row.items() if key != "UpdateTimestamp"} for row in records(self.alidns).rows(SHARED)]
        return json.dumps([str(self.bind.dns().read(SHOP)), rows, self.gtm.snapshot(), self.cluster.states], sort_keys=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("traffic")
    gtm, cluster = GtmApi(), ArcCluster({ARC_HOME: "On", ARC_AWAY: "Off"})
    gtm.add_strategy(2, "gtm-2", "strategy-2", "pool-a", "pool-b")
    gtm.add_config("gtm-3", "config", "pool-home", "pool-away")
    cluster.start()
    with ExitStack() as stack:
        stack.callback(cluster.end)
        bind = stack.enter_context(running("bind", tmp_path_factory.mktemp("bind"), {SHOP: [HOME]}))
        alidns = stack.enter_context(running_alidns({"ali.test": 1}, {SHARED: [HOME, AWAY]}, gtm))
        port = _serve_shops(stack)
        _weigh(alidns)
        before = bind.dns().read(SHOP)
        bind.dns().swap(before, type(before)(SHOP, "A", 2, before.values))
        scenario = home / "all-levers.yaml"
        text = SCENARIO.replace("BIND", f"127.0.0.1:{bind.address[1]}").replace("PORT", str(port))
        text = text.replace("ENDPOINTS", json.dumps(dict(cluster.endpoints)))
        scenario.write_text(text.replace("CONTROLS", json.dumps({"primary": ARC_HOME, "standby": ARC_AWAY})))
        yield Place(home, bind, alidns, gtm, cluster, scenario)


def _serve_shops(stack: ExitStack) -> int:
    """The shop of both sites on one port; returns it."""
    first = ThreadingHTTPServer((HOME, 0), _Shop)
    for server in (first, ThreadingHTTPServer((AWAY, first.server_address[1]), _Shop)):
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
    return int(first.server_address[1])


def _weigh(alidns: AlidnsServer) -> None:
    api = records(alidns)
    api.call("SetDNSSLBStatus", {"SubDomain": SHARED, "Type": "A", "Open": "true"})
    for row in api.rows(SHARED):
        if row["Value"] == HOME:
            api.call("UpdateDNSSLBWeight", {"RecordId": row["RecordId"], "Weight": 100})
        else:
            api.call("SetDomainRecordStatus", {"RecordId": row["RecordId"], "Status": "Disable"})


def test_the_scenario_is_valid_and_its_plan_warns_of_the_control_plane(place: Place) -> None:
    checked, planned = place.drill("check", str(place.scenario)), place.drill("plan", str(place.scenario))

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "'traffic.gtm' moves 'gtm.ali.test' by its provider's control plane" in " ".join(planned.stdout.split())
    assert "'traffic.controls' moves" not in planned.stdout


def test_a_dry_run_reads_and_writes_nothing(place: Place) -> None:
    held, done = place.held(), len(place.alidns.log)

    seen = place.drill("run", "--dry-run", "--strict", str(place.scenario))

    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert {action for action in place.alidns.log[done:] if not action.startswith("Describe")} == set()
    assert place.held() == held


def test_every_lever_goes_over_and_everything_comes_home_exactly(place: Place) -> None:
    held = place.held()

    done = place.drill("run", str(place.scenario), "--live", "--confirm", "all-levers", "--id", "levers", "--report", str(place.home / "r"))

    assert done.returncode in {0, 1}, done.stdout[-6000:] + done.stderr[-3000:]
    report = json.loads((place.home / "r" / "report.json").read_text(encoding="utf-8"))
    assert report["outcome"] == "finished", done.stdout[-6000:]
    assert place.held() == held, done.stdout[-6000:]
