"""The primary of a drill on Alibaba Cloud: machines in the emulated ECS, which region a of the sandbox follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drill.sandbox.alidns_http import Actions, AlidnsServer
from drill.sandbox.balancers import BalancersApi
from drill.sandbox.ecs_api import EcsApi
from drill.sandbox.ecs_doors import Balancer, RdsApi, SlbApi
from drill.sandbox.layout import REGIONS
from drill.sandbox.polardb_lists import PolarDbListsApi
from drill.sandbox.tag_api import TagApi
from drill.sandbox.world import Sandbox
from tests.clouds.primary import OPT_IN, Primary

_PRODUCTS = ("ECS", "SLB", "ALB", "NLB", "RDS", "POLARDB", "TAG")
KEY, SECRET = "clouds-aliyun", "clouds-aliyun-secret"


class AliyunPrimary(Primary):
    """Cut off when every one of its machines is isolated. Whatever follows happens before the API answers."""

    provider = "aliyun"
    region = "cn-hangzhou"
    cuts_by = frozenset(
        {
            *("CreateSecurityGroup", "ModifyInstanceAttribute", "DeleteSecurityGroup"),
            *("StopLoadBalancerListener", "StartLoadBalancerListener", "StopListener", "StartListener"),
        }
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.api = EcsApi(self.region, on_change=self._changed)
        group = self.api.add_group("vpc-hangzhou")
        for address in REGIONS["a"]:
            self.api.add_machine("vpc-hangzhou", [group], OPT_IN, address=address)
        self._database = self.api.add_machine("vpc-hangzhou", [group], {**OPT_IN, "drill-role": "database"}, address="127.0.0.1")
        self._slb, self._alb = SlbApi(), BalancersApi("alb")
        self._slb.balancers["lb-shop"] = Balancer("lb-shop", dict(OPT_IN), {("http", 80): "running"})
        self._alb.add("alb-shop", OPT_IN, ("HTTPS", 443, "Running"))
        self.began = self.state()
        doors: list[Actions] = [self._slb, self._alb, BalancersApi("nlb"), RdsApi(), PolarDbListsApi(), TagApi(self.region)]
        self._server = AlidnsServer([self.api, *doors], {KEY: SECRET})
        self._server.start()

    @property
    def environment(self) -> Mapping[str, str]:
        endpoints = {f"ALIBABA_ENDPOINT_{product}": f"http://{self._server.endpoint}" for product in _PRODUCTS}
        return {**endpoints, "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET}

    @property
    def asked(self) -> list[str]:
        return self._server.log

    @property
    def isolated(self) -> bool:
        return any(self.api.isolated(machine) for machine in self.api.machines)

    def state(self) -> Any:
        doors = {row.id: dict(row.listeners) for row in self._slb.balancers.values()}
        return {**self.api.state(), "doors": {**doors, **self._alb.statuses()}}

    def follow(self) -> None:
        """The emulator tells of every change by itself."""

    def end(self) -> None:
        self._server.end()

    def _changed(self) -> None:
        cut = all(self.api.isolated(machine) for machine in self.api.machines)
        self.become(cut=cut, stopped=self.api.machines[self._database].status == "Stopped")
