"""The grounds on which the port Outage is held to its contract: a fake, the sandbox, AWS in moto, Alibaba Cloud in the emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, Protocol

import boto3
from moto import mock_aws

from drill.adapters.outage_aliyun import AliyunSite, aliyun_outage, aliyun_stop
from drill.adapters.outage_aliyun_calls import AliyunCalls
from drill.adapters.outage_aws import AwsSite, Method, aws_outage, aws_stop
from drill.adapters.outage_aws_client import AwsClients
from drill.adapters.outage_swap import DATABASE_TAG, QUARANTINE
from drill.adapters.sms_aliyun_sdk import Account
from drill.model.ports import Outage
from drill.sandbox.alidns_http import AlidnsServer
from drill.sandbox.ecs_api import EcsApi
from drill.sandbox.ecs_doors import Balancer, Database, RdsApi, SlbApi
from drill.sandbox.ground import SandboxOutage
from tests.clouds.strict_ec2 import strict_ec2
from tests.fakes import FakeOutage

OPT_IN: Final = {"drill": "allowed"}
CAP: Final = 12
_KEYS: Final = {"key": "secret"}
_READS: Final = ("describe", "Describe", "List")


class EngineDied(BaseException):
    """Stands for a `kill -9` of the engine between two calls."""


class Calls:
    """Sees every call that changes something, and can end the engine at one of them."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.die_before: int | None = None
        self.die_after: int | None = None

    def carry(self, name: str, act: Callable[[], Any]) -> Any:
        """Do it, unless the engine dies first; it may also die right afterwards."""
        if name.startswith(_READS):
            return act()
        number = len(self.made)
        self.made.append(name)
        if number == self.die_before:
            raise EngineDied(name)
        answer = act()
        if number == self.die_after:
            raise EngineDied(name)
        return answer


class CloudGround(Protocol):
    """A site in a cloud, seen from its console."""

    calls: Calls

    def outage(self) -> Outage:
        """Adapters as a freshly started engine makes them."""

    def state(self) -> Any:
        """Everything that a drill could have changed, and what it made."""

    def untag(self) -> str:
        """Take the opt-in tag from one resource; returns its id."""

    def meddle(self) -> str:
        """Somebody changes one resource behind the drill's back; returns its id."""

    def grow(self, count: int) -> None:
        """More resources opt in."""


class _Clients(AwsClients):
    calls: Calls
    opened: Mapping[str, Any]

    def of(self, service: str) -> Any:
        """The test's own clients."""
        return self.opened[service]

    def call(self, service: str, operation: str, **arguments: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self.calls.carry(operation, lambda: super(_Clients, self).call(service, operation, **arguments))
        return answer


@cache
def _client(name: str, region: str) -> Any:
    """One client for all tests: boto3 takes a second to read what EC2 can do."""
    return boto3.client(name, region_name=region, aws_access_key_id="none", aws_secret_access_key="none")


class Aws:
    """Two tagged subnets and a machine in each, a load balancer and a database; one more of each that did not opt in."""

    region = "ap-southeast-1"

    def __init__(self, method: str) -> None:
        self.calls = Calls()
        self.method = method
        self.ec2, self.elb, self.rds = (_client(name, self.region) for name in ("ec2", "elbv2", "rds"))
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.group = self.ec2.create_security_group(GroupName="app", Description="app", VpcId=self.vpc)["GroupId"]
        self.other = self.ec2.create_security_group(GroupName="other", Description="other", VpcId=self.vpc)["GroupId"]
        self.acl = self.ec2.create_network_acl(VpcId=self.vpc)["NetworkAcl"]["NetworkAclId"]
        self.subnets = [self._subnet(1, OPT_IN), self._subnet(2, OPT_IN)]
        self.spared = self._subnet(3, {})
        self._tie(self.subnets[0], self.acl)
        self.machines = [self._machine(subnet, OPT_IN) for subnet in self.subnets]
        self._machine(self.spared, {})
        if method != "stop":
            self._doors()

    def _doors(self) -> None:
        for name, tags in (("shop", OPT_IN), ("spared", {})):
            made = self.elb.create_load_balancer(
                Name=name, Subnets=self.subnets, SecurityGroups=[self.group], Tags=[*_tags(tags), *_tags({"app": name})]
            )
            assert made["LoadBalancers"]
        self.rds.create_db_subnet_group(DBSubnetGroupName="db", DBSubnetGroupDescription="db", SubnetIds=self.subnets)
        for name, tags in (("orders", {**OPT_IN, **DATABASE_TAG}), ("fenced", OPT_IN), ("spared", {})):
            self.rds.create_db_instance(
                DBInstanceIdentifier=name,
                DBInstanceClass="db.m5.large",
                Engine="postgres",
                MasterUsername="drill",
                MasterUserPassword="not-a-secret",
                AllocatedStorage=20,
                DBSubnetGroupName="db",
                VpcSecurityGroupIds=[self.group],
                Tags=_tags(tags),
            )

    def _subnet(self, number: int, tags: Mapping[str, str]) -> str:
        specification = [{"ResourceType": "subnet", "Tags": _tags({"app": "shop", **tags})}]
        zone = f"{self.region}{'ab'[number % 2]}"
        made = self.ec2.create_subnet(
            VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24", TagSpecifications=specification, AvailabilityZone=zone
        )
        return str(made["Subnet"]["SubnetId"])

    def _machine(self, subnet: str, tags: Mapping[str, str]) -> str:
        made = self.ec2.run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            SubnetId=subnet,
            SecurityGroupIds=[self.group],
            TagSpecifications=[{"ResourceType": "instance", "Tags": _tags({"app": "shop", **tags})}],
        )
        return str(made["Instances"][0]["InstanceId"])

    def _tie(self, subnet: str, acl: str) -> None:
        rows = self.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"]
        tie = next(row["NetworkAclAssociationId"] for row in rows[0]["Associations"] if row["SubnetId"] == subnet)
        self.ec2.replace_network_acl_association(AssociationId=tie, NetworkAclId=acl)

    def outage(self) -> Outage:
        def clients(region: str) -> AwsClients:
            made = _Clients(region)
            made.calls, made.opened = self.calls, {"ec2": self.ec2, "elbv2": self.elb, "rds": self.rds}
            return made

        if self.method == "stop":
            return aws_stop({"primary": AwsSite(self.region, OPT_IN, CAP)}, clients, poll_s=0.01)
        method: Method = "network-acl" if self.method == "network-acl" else "security-group"
        return aws_outage({"primary": AwsSite(self.region, OPT_IN, CAP, method)}, clients, poll_s=0.01)

    def state(self) -> Any:
        ties = {
            tie["SubnetId"]: row["NetworkAclId"] for row in self.ec2.describe_network_acls()["NetworkAcls"] for tie in row["Associations"]
        }
        reservations = self.ec2.describe_instances()["Reservations"]
        machines = [
            (
                row["InstanceId"],
                row["State"]["Name"],
                [[g["GroupId"] for g in port["Groups"]] for port in row["NetworkInterfaces"]],
                row["Tags"],
            )
            for reservation in reservations
            for row in reservation["Instances"]
        ]
        balancers = [(row["LoadBalancerName"], row["SecurityGroups"]) for row in self.elb.describe_load_balancers()["LoadBalancers"]]
        databases = [
            (row["DBInstanceIdentifier"], [group["VpcSecurityGroupId"] for group in row["VpcSecurityGroups"]], row["TagList"])
            for row in self.rds.describe_db_instances()["DBInstances"]
        ]
        filters = [{"Name": "tag-key", "Values": [QUARANTINE]}]
        made = [row["NetworkAclId"] for row in self.ec2.describe_network_acls(Filters=filters)["NetworkAcls"]]
        made += [row["GroupId"] for row in self.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]]
        return {"ties": ties, "machines": machines, "balancers": balancers, "databases": databases, "made": made}

    def untag(self) -> str:
        resource = self.subnets[1] if self.method == "network-acl" else self.machines[1]
        self.ec2.delete_tags(Resources=[resource], Tags=[{"Key": "drill"}])
        return resource if self.method != "security-group" else self._port(resource)

    def meddle(self) -> str:
        if self.method == "network-acl":
            self._tie(self.subnets[1], self.acl)
            return self.subnets[1]
        port = self._port(self.machines[1])
        self.ec2.modify_network_interface_attribute(NetworkInterfaceId=port, Groups=[self.other])
        return port

    def grow(self, count: int) -> None:
        for number in range(count):
            subnet = self._subnet(number + 10, OPT_IN)
            self._machine(subnet, OPT_IN)

    def _port(self, machine: str) -> str:
        row = self.ec2.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"][0]
        return str(row["NetworkInterfaces"][0]["NetworkInterfaceId"])


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


class _Signed(AliyunCalls):
    calls: Calls

    def _send(self, product: str, action: str, query: dict[str, Any]) -> Mapping[str, Any]:
        rehearsed = "Describe" if "DryRun" in query else ""
        answer: Mapping[str, Any] = self.calls.carry(rehearsed + action, lambda: super(_Signed, self)._send(product, action, query))
        return answer


class Aliyun:
    """Three tagged machines in two networks, one of which has enterprise groups, a listener and a database; one of each did not opt in."""

    region = "cn-hangzhou"

    def __init__(self, method: str) -> None:
        self.calls = Calls()
        self.method = method
        self.ecs, self.slb, self.rds = EcsApi(self.region, transit_s=0.02), SlbApi(), RdsApi()
        self.server = AlidnsServer([self.ecs, self.slb, self.rds], _KEYS)
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

    def calls_of(self, region: str) -> AliyunCalls:
        """Calls as a freshly started engine makes them."""
        made = _Signed(region, lambda _product, _host: Account(self.server.endpoint, "http", "key", "secret"), sleep=lambda _s: None)
        made.calls = self.calls
        return made

    def outage(self) -> Outage:
        site = {"primary": AliyunSite(self.region, OPT_IN, CAP)}
        if self.method == "stop":
            return aliyun_stop(site, self.calls_of, poll_s=0.01)
        return aliyun_outage(site, self.calls_of, poll_s=0.01)

    def state(self) -> Any:
        doors = {row.id: dict(row.listeners) for row in self.slb.balancers.values()}
        lists = {row.id: dict(row.lists) for row in self.rds.databases.values()}
        return {**self.ecs.state(), "doors": doors, "lists": lists}

    def untag(self) -> str:
        del self.ecs.machines[self.machines[1]].tags["drill"]
        return self.machines[1]

    def meddle(self) -> str:
        self.ecs.machines[self.machines[1]].groups = [self.other]
        return self.machines[1]

    def grow(self, count: int) -> None:
        for _ in range(count):
            self.ecs.add_machine("vpc-1", [self.other], OPT_IN)


@contextmanager
def cloud(name: str) -> Iterator[CloudGround]:
    """One of `CLOUDS`, new."""
    provider, _, method = name.partition(":")
    if provider == "aws":
        with mock_aws(), strict_ec2():
            yield Aws(method)
        return
    ground = Aliyun(method)
    ground.server.start()
    try:
        yield ground
    finally:
        ground.server.end()


CLOUDS: Final = ("aws:network-acl", "aws:security-group", "aws:stop", "aliyun:security-group", "aliyun:stop")


class StandIn:
    """A sandbox that only says that its region is cut or not (as Handle)."""

    control: Sequence[str] = ()
    details: Mapping[str, Any] = {"regions": {"a": {}}}

    def __init__(self) -> None:
        self.cut = False

    def status(self) -> dict[str, Any]:
        instance = {"name": "a1", "address": "127.0.1.1", "running": True}
        return {"regions": {"a": {"cut": self.cut, "instances": [instance], "postgres": {"running": True}, "role": "primary"}}}

    def ask(self, verb: str, *, timeout_s: float = 1.0, **fields: Any) -> dict[str, Any]:
        self.cut = verb == "freeze"
        return {"processes": 2}


@contextmanager
def any_outage(name: str) -> Iterator[Outage]:
    """One of `OUTAGES`, with a site `primary` that is not cut off."""
    if name == "fake":
        yield FakeOutage({"primary": ["a1"]}, exact=["primary"])
    elif name == "sandbox":
        yield SandboxOutage(StandIn(), {"primary": "a"})  # type: ignore[arg-type]  # lists and mappings where the real one has its own
    else:
        with cloud(name) as ground:
            yield ground.outage()


OUTAGES: Final = ("fake", "sandbox", *CLOUDS)
