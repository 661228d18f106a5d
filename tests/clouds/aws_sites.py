"""The two ends of a drill on AWS: a primary that is there before it, and a standby that the shipped Terraform module builds in it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from drill.sandbox.layout import REGIONS
from drill.sandbox.world import Sandbox
from tests.clouds.aws_account import AwsAccount, tagged, tags_of
from tests.clouds.aws_provider import OVERRIDE
from tests.clouds.primary import OPT_IN, Primary

PROJECT: Final = Path(__file__).resolve().parents[2]


class AwsPrimary(Primary):
    """Cut off when every one of its subnets lets nothing through."""

    provider = "aws"
    region = "ap-southeast-1"
    cuts_by = frozenset(
        {
            *("CreateNetworkAcl", "ReplaceNetworkAclAssociation", "DeleteNetworkAcl"),
            *("CreateSecurityGroup", "SetSecurityGroups", "DeleteSecurityGroup"),
        }
    )

    def __init__(self, sandbox: Sandbox, account: AwsAccount) -> None:
        super().__init__(sandbox)
        self._account = account
        self._ec2, self._elb = account.client("ec2", self.region), account.client("elbv2", self.region)
        self._vpc = self._ec2.create_vpc(CidrBlock="127.0.0.0/16")["Vpc"]["VpcId"]
        self._subnets = [self._subnet("127.0.0.0/24", "a"), self._subnet("127.0.1.0/24", "b")]
        self._database = self._machine(self._subnets[0], {"drill-role": "database"}, "127.0.0.10")
        for address in REGIONS["a"]:
            self._machine(self._subnets[1], {"role": "app"}, address)
        group = self._ec2.create_security_group(GroupName="shop", Description="shop", VpcId=self._vpc)["GroupId"]
        self._elb.create_load_balancer(Name="shop", Subnets=self._subnets, SecurityGroups=[group], Tags=tagged(OPT_IN))
        self.began = self.state()

    @property
    def isolated(self) -> bool:
        return any(self._closed())

    def follow(self) -> None:
        stopped = self._account.machines(self.region)[self._database]["State"]["Name"] == "stopped"
        self.become(cut=all(self._closed()), stopped=stopped)

    def state(self) -> Any:
        machines = self._account.machines(self.region).values()
        states = sorted((row["InstanceId"], row["State"]["Name"], sorted(tags_of(row).items())) for row in machines)
        acls = self._ec2.describe_network_acls()["NetworkAcls"]
        ties = {tie["SubnetId"]: acl["NetworkAclId"] for acl in acls for tie in acl["Associations"]}
        doors = {row["LoadBalancerName"]: row["SecurityGroups"] for row in self._elb.describe_load_balancers()["LoadBalancers"]}
        named = sorted(acl["NetworkAclId"] for acl in acls)
        return {**self._account.holdings(self.region), "machines": states, "ties": ties, "acls": named, "doors": doors}

    def end(self) -> None:
        """The account is ended by itself."""

    def _closed(self) -> list[bool]:
        acls = self._ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [self._vpc]}])["NetworkAcls"]
        return [
            not any(rule["RuleAction"] == "allow" for rule in acl["Entries"])
            for acl in acls
            for tie in acl["Associations"]
            if tie["SubnetId"] in self._subnets
        ]

    def _subnet(self, block: str, zone: str) -> str:
        asked = {"VpcId": self._vpc, "CidrBlock": block, "AvailabilityZone": f"{self.region}{zone}"}
        made = self._ec2.create_subnet(**asked, TagSpecifications=[{"ResourceType": "subnet", "Tags": tagged(OPT_IN)}])
        return str(made["Subnet"]["SubnetId"])

    def _machine(self, subnet: str, tags: Mapping[str, str], address: str) -> str:
        asked: dict[str, Any] = {"ImageId": self._account.image(self.region), "MinCount": 1, "MaxCount": 1}
        named = [{"ResourceType": "instance", "Tags": tagged({**OPT_IN, **tags})}]
        made = self._ec2.run_instances(**asked, SubnetId=subnet, PrivateIpAddress=address, TagSpecifications=named)
        return str(made["Instances"][0]["InstanceId"])


class AwsStandby:
    """Each address of a load balancer that has a listener and a running machine behind it is an app server of region b."""

    def __init__(self, sandbox: Sandbox, account: AwsAccount, region: str) -> None:
        self.region = region
        self._sandbox = sandbox
        self._account = account
        self._ec2, self._elb = account.client("ec2", region), account.client("elbv2", region)
        self.serving: frozenset[str] = frozenset()
        """Where it answers now."""
        self.served: set[str] = set()
        """Where it ever did."""
        self.began = account.holdings(region)

    @property
    def site(self) -> dict[str, Any]:
        """What a scenario says of it; its addresses are known once it is built."""
        return {"provider": "aws", "region": self.region, "select": {"tag": OPT_IN}}

    def module(self, home: Path) -> dict[str, Any]:
        """The shipped module, and beside it only where its provider finds the emulator: what the scenario's rebuild is told."""
        place = home / "terraform" / "aws"
        if not place.exists():
            shutil.copytree(PROJECT / "terraform/sites/aws", place)
            (place / "emulator_override.tf").write_text(OVERRIDE.format(endpoint=self._account.endpoint), encoding="utf-8")
        port = self._sandbox.details["regions"]["b"]["shop_port"]
        variables = {"region": self.region, "image": self._account.image(self.region), "port": port, "clients": ["127.0.0.0/8"]}
        return {"module": str(place), "site": "standby", "variables": variables}

    def follow(self) -> None:
        """Make the app servers of region b what the API says answers."""
        wanted = frozenset(self._entrances())
        for address in self.serving - wanted:
            self._sandbox.ask("instance", action="destroy", name=address)
        for address in wanted - self.serving:
            self._sandbox.ask("instance", action="create", name=address, region="b", address=address)
        self.serving = wanted
        self.served |= wanted

    def _entrances(self) -> list[str]:
        port = self._sandbox.details["regions"]["b"]["shop_port"]
        balancers = [row["LoadBalancerArn"] for row in self._elb.describe_load_balancers()["LoadBalancers"]]
        running = {name for name, row in self._account.machines(self.region).items() if row["State"]["Name"] == "running"}
        return [address for balancer in balancers if self._answers(balancer, port, running) for address in self._addresses(balancer)]

    def _answers(self, balancer: str, port: int, running: set[str]) -> bool:
        listeners = self._elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
        groups = [action["TargetGroupArn"] for row in listeners if row["Port"] == port for action in row["DefaultActions"]]
        targets = [self._elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] for group in groups]
        return bool(running & {row["Target"]["Id"] for rows in targets for row in rows})

    def _addresses(self, balancer: str) -> list[str]:
        """Moto does not keep which address a load balancer was given: those that the same step of the same drill made are its own."""
        [said] = self._elb.describe_tags(ResourceArns=[balancer])["TagDescriptions"]
        ours = {key: value for key, value in tags_of(said).items() if key in {"drill-id", "drill-step"}}
        rows = self._ec2.describe_addresses()["Addresses"]
        return [row["PublicIp"] for row in rows if len(ours) == 2 and ours.items() <= tags_of(row).items()]
