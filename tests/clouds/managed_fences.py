"""Databases that a cloud manages and a drill fences, played without Ansible: the playbooks' own module, on moto and on the emulator."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import boto3
from moto import mock_aws

from drill.model.ports import PlayResult
from drill.sandbox.alidns_http import AlidnsServer
from drill.sandbox.aliyun_databases import Instance, RdsApi
from tests.clouds.modules import module_util
from tests.clouds.outage_calls import Calls
from tests.clouds.playing import TAGS

_REGION = {"rds": "ap-southeast-1", "aliyun_rds": "cn-hangzhou"}
_LISTS = {"default": "10.0.0.0/8", "office": "192.0.2.1,192.0.2.2"}
_UTIL = {"rds": "managed_aws", "aliyun_rds": "managed_aliyun"}


class Played:
    """The database `orders` (port Ansible). A deaf one is never changed, whatever its playbooks are told to do."""

    def __init__(self, open_fence: Callable[[], Any], state: Callable[[], Any]) -> None:
        self.state = state
        self.done: list[str] = []
        """The calls that were carried out and change something."""
        self.deaf = False
        self._open = open_fence

    def play(self, playbook: str, *, check: bool, **_asked: Any) -> PlayResult:
        fence, managed = self._open(), module_util("managed")
        act = fence.fence if playbook.startswith("fence_") else fence.release
        try:
            report = act(TAGS, check=check or self.deaf, wait=_settle)
        except managed.Refused as refused:
            return PlayResult("failed", {}, 0, (), str(refused))
        return PlayResult("successful", {"db_fence": report}, int(report["changed"]), ())


def _settle(done: Callable[[], bool]) -> None:
    assert any(done() for _ in range(10))


@contextmanager
def managed_database(engine: str, calls: Calls) -> Iterator[Played]:
    """One of `rds` and `aliyun_rds`, new; its calls that change something go through `calls`."""
    api, region = module_util(_UTIL[engine]).Api, _REGION[engine]
    plain, done = api.act, list[str]()

    def act(self: Any, call: str, **arguments: Any) -> Any:
        def carried_out() -> Any:
            answer = plain(self, call, **arguments)
            done.append(call)
            return answer

        return calls.carry(call, carried_out)

    keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    place: Any = mock_aws() if engine == "rds" else _emulator()
    with mock.patch.object(api, "act", act), mock.patch.dict(os.environ, keys), place as server:
        made = _rds(region) if engine == "rds" else _aliyun(region, server)
        made.done = done
        yield made


def _rds(region: str) -> Played:
    ec2, rds = boto3.client("ec2", region_name=region), boto3.client("rds", region_name=region)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    groups = [ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("app", "office", "nothing")]
    rds.create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="drill",
        MasterUserPassword="not-a-real-one",
        VpcSecurityGroupIds=groups[:2],
        Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()],
    )

    def state() -> Mapping[str, Any]:
        found = rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]
        held = sorted(group["VpcSecurityGroupId"] for group in found["VpcSecurityGroups"])
        return {"groups": held, "status": found["DBInstanceStatus"], "tags": {tag["Key"]: tag["Value"] for tag in found["TagList"]}}

    opened = cache(lambda: module_util("managed_aws").RdsFence(region, "orders", groups[2:]))  # boto3 takes a second to open
    return Played(opened, state)


def _aliyun(region: str, server: AlidnsServer) -> Played:
    api: Any = server.parts[0]
    instance = api.instances["orders"]
    return Played(
        lambda: module_util("managed_aliyun").RdsFence(region, "orders"),
        lambda: {"lists": dict(instance.lists), "tags": dict(instance.tags)},
    )


@contextmanager
def _emulator() -> Iterator[AlidnsServer]:
    server = AlidnsServer([RdsApi(Instance("orders", lists=dict(_LISTS), tags=dict(TAGS)))], {"LTAIEXAMPLE": "secret"})
    server.start()
    reached = {
        "ALIBABA_ENDPOINT_RDS": f"http://{server.endpoint}",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIEXAMPLE",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret",
    }
    try:
        with mock.patch.dict(os.environ, reached):
            yield server
    finally:
        server.end()
