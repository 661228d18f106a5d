"""A site on Alibaba Cloud, in the emulator, to be cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from drill.adapters.outage_aliyun import AliyunSite, aliyun_outage, aliyun_stop
from drill.adapters.outage_aliyun_calls import AliyunCalls
from drill.adapters.outage_parts import DATABASE_TAG
from drill.adapters.sms_aliyun_sdk import Account
from drill.model.ports import Outage
from drill.sandbox.alidns_http import AlidnsServer
from drill.sandbox.balancers import BalancersApi
from drill.sandbox.ecs_api import EcsApi
from drill.sandbox.ecs_doors import Balancer, Database, RdsApi, SlbApi
from drill.sandbox.polardb_lists import Cluster, PolarDbListsApi
from drill.sandbox.tag_api import TagApi
from tests.clouds.outage_calls import CAP, OPT_IN, Calls

_KEYS: Final = {"key": "secret"}


class _Signed(AliyunCalls):
    calls: Calls

    def _send(self, product: str, action: str, query: dict[str, Any]) -> Mapping[str, Any]:
        rehearsed = "Describe" if "DryRun" in query else ""
        answer: Mapping[str, Any] = self.calls.carry(rehearsed + action, lambda: super(_Signed, self)._send(product, action, query))
        return answer


class Aliyun:
    """Three tagged machines in two networks, one of which has enterprise groups, and doors of every sort; one of each did not opt in."""

    region = "cn-hangzhou"

    def __init__(self, method: str) -> None:
        self.calls = Calls()
        self.method = method
        self.ecs, self.slb, self.rds = EcsApi(self.region, transit_s=0.02), SlbApi(), RdsApi()
        self.alb, self.nlb, self.polardb = BalancersApi("alb"), BalancersApi("nlb"), PolarDbListsApi()
        self.tagged = TagApi(self.region)
        self.server = AlidnsServer([self.ecs, self.slb, self.rds, self.alb, self.nlb, self.polardb, self.tagged], _KEYS)
        groups = [self.ecs.add_group("vpc-1"), self.ecs.add_group("vpc-1"), self.ecs.add_group("vpc-2", kind="enterprise")]
        self.other = self.ecs.add_group("vpc-1")
        self.machines = [
            self.ecs.add_machine("vpc-1", groups[:2], {"app": "shop", **OPT_IN}),
            self.ecs.add_machine("vpc-1", groups[1:2], {"app": "shop", **OPT_IN}),
            self.ecs.add_machine("vpc-2", groups[2:], OPT_IN),
        ]
        self.ecs.add_machine("vpc-1", groups[:1], {"app": "spared"})
        for name, tags in (("lb-shop", OPT_IN), ("lb-spared", {})):
            self.slb.balancers[name] = Balancer(name, dict(tags), {("http", 80): "running", ("tcp", 5432): "stopped"})
        for name, tags in (("rm-orders", {**OPT_IN, **DATABASE_TAG}), ("rm-fenced", OPT_IN), ("rm-spared", {})):
            lists = {"default": "10.0.0.0/8,192.168.1.1", "apps": "127.0.0.1", "hdm_security_ips": "100.104.0.0/16"}
            self.rds.databases[name] = Database(name, dict(tags), lists)
        for kind, tags in (("shop", OPT_IN), ("spared", {})):
            self.alb.add(f"alb-{kind}", tags, ("HTTPS", 443, "Running"), ("HTTP", 80, "Running"), ("HTTP", 8080, "Stopped"))
            self.nlb.add(f"nlb-{kind}", tags, ("TCP", 6379, "Running"))
        for name, tags in (("pc-orders", {**OPT_IN, **DATABASE_TAG}), ("pc-fenced", OPT_IN), ("pc-spared", {})):
            self.polardb.clusters[name] = Cluster(name, dict(tags), {"default": "10.0.0.0/8,192.168.1.1", "dts_ips": "100.104.0.0/16"})

    def opened(self, region: str) -> AliyunCalls:
        """Calls as a freshly started engine makes them."""
        made = _Signed(region, lambda _product, _host: Account(self.server.endpoint, "http", "key", "secret"), sleep=lambda _s: None)
        made.calls = self.calls
        return made

    def outage(self) -> Outage:
        site = {"primary": AliyunSite(self.region, OPT_IN, CAP)}
        if self.method == "stop":
            return aliyun_stop(site, self.opened, poll_s=0.01)
        return aliyun_outage(site, self.opened, poll_s=0.01)

    def tag(self, machines: Sequence[str], tags: Mapping[str, str]) -> None:
        """Somebody tags machines; without a value, takes the tag away."""
        for machine in machines:
            held = {**self.ecs.machines[machine].tags, **tags}
            self.ecs.machines[machine].tags = {key: value for key, value in held.items() if value}

    def status(self) -> list[str]:
        """How its machines are, in order."""
        return [self.ecs.machines[machine].status.lower() for machine in self.machines]

    def state(self) -> Any:
        doors = {row.id: dict(row.listeners) for row in self.slb.balancers.values()}
        lists = {row.id: dict(row.lists) for row in self.rds.databases.values()}
        lists |= {row.id: dict(row.lists) for row in self.polardb.clusters.values()}
        return {**self.ecs.state(), "doors": doors, "lists": lists, "listeners": {**self.alb.statuses(), **self.nlb.statuses()}}

    def untag(self) -> str:
        del self.ecs.machines[self.machines[1]].tags["drill"]
        return self.machines[1]

    def meddle(self) -> str:
        self.ecs.machines[self.machines[1]].groups = [self.other]
        return self.machines[1]

    def grow(self, count: int) -> None:
        for _ in range(count):
            self.ecs.add_machine("vpc-1", [self.other], OPT_IN)
