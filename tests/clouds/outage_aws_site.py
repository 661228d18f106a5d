"""A site on AWS, in moto, to be cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

from drill.adapters.outage_aws import AwsSite, Method, aws_outage, aws_stop
from drill.adapters.outage_aws_client import AwsClients, translate
from drill.adapters.outage_parts import DATABASE_TAG, QUARANTINE
from drill.model.ports import Outage
from tests.clouds.outage_calls import CAP, OPT_IN, Calls


class _Clients(AwsClients):
    calls: Calls
    opened: Mapping[str, Any]

    def of(self, service: str) -> Any:
        """The test's own clients."""
        return self.opened[service]

    def call(self, service: str, operation: str, **arguments: Any) -> Mapping[str, Any]:
        if code := self.calls.refused(operation):
            raise translate(ClientError({"Error": {"Code": code, "Message": "not now"}}, operation), operation)
        answer: Mapping[str, Any] = self.calls.carry(operation, lambda: super(_Clients, self).call(service, operation, **arguments))
        return answer


@cache
def _client(name: str, region: str) -> Any:
    """One client for all tests: boto3 takes a second to read what EC2 can do."""
    return boto3.client(name, region_name=region, aws_access_key_id="none", aws_secret_access_key="none")


class Aws:
    """Two tagged subnets and a machine in each, two load balancers, a database and a cluster; one more of each that did not opt in."""

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
            self.balance(name, tags, SecurityGroups=[self.group])
        self.balance("shop-nlb", OPT_IN, Type="network", SecurityGroups=[self.group])
        self.rds.create_db_subnet_group(DBSubnetGroupName="db", DBSubnetGroupDescription="db", SubnetIds=self.subnets)
        for name, tags in (("orders", {**OPT_IN, **DATABASE_TAG}), ("fenced", OPT_IN), ("spared", {})):
            self.keep(name, tags, DBInstanceClass="db.m5.large", Engine="postgres", AllocatedStorage=20, VpcSecurityGroupIds=[self.group])
            self.rds.create_db_cluster(
                DBClusterIdentifier=f"{name}-cluster",
                Engine="aurora-postgresql",
                MasterUsername="drill",
                MasterUserPassword="not-a-secret",
                DBSubnetGroupName="db",
                VpcSecurityGroupIds=[self.group],
                Tags=_tags(tags),
            )

    def balance(self, name: str, tags: Mapping[str, str], subnets: Sequence[str] = (), **more: Any) -> str:
        """One more load balancer; returns its id."""
        made = self.elb.create_load_balancer(Name=name, Subnets=subnets or self.subnets, Tags=_tags({**tags, "app": name}), **more)
        return str(made["LoadBalancers"][0]["LoadBalancerArn"])

    def keep(self, name: str, tags: Mapping[str, str], group: str = "db", **more: Any) -> None:
        """One more database."""
        keys = {} if "DBClusterIdentifier" in more else {"MasterUsername": "drill", "MasterUserPassword": "not-a-secret"}
        self.rds.create_db_instance(DBInstanceIdentifier=name, DBSubnetGroupName=group, Tags=_tags(tags), **keys, **more)

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

    def opened(self, region: str) -> AwsClients:
        """Clients as a freshly started engine makes them."""
        made = _Clients(region)
        tagging = _client("resourcegroupstaggingapi", region)
        made.calls, made.opened = self.calls, {"ec2": self.ec2, "elbv2": self.elb, "rds": self.rds, "resourcegroupstaggingapi": tagging}
        return made

    def outage(self) -> Outage:
        if self.method == "stop":
            return aws_stop({"primary": AwsSite(self.region, OPT_IN, CAP)}, self.opened, poll_s=0.01)
        method: Method = "network-acl" if self.method == "network-acl" else "security-group"
        return aws_outage({"primary": AwsSite(self.region, OPT_IN, CAP, method)}, self.opened, poll_s=0.01)

    def tag(self, machines: Sequence[str], tags: Mapping[str, str]) -> None:
        """Somebody tags machines; without a value, takes the tag away."""
        for key, value in tags.items():
            if value:
                self.ec2.create_tags(Resources=list(machines), Tags=_tags({key: value}))
            else:
                self.ec2.delete_tags(Resources=list(machines), Tags=[{"Key": key}])

    def status(self) -> list[str]:
        """How its machines are, in order."""
        rows = self.ec2.describe_instances(InstanceIds=self.machines)["Reservations"]
        found = {row["Instances"][0]["InstanceId"]: str(row["Instances"][0]["State"]["Name"]) for row in rows}
        return [found[machine] for machine in self.machines]

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
        balancers = [
            (row["LoadBalancerName"], row.get("SecurityGroups", [])) for row in self.elb.describe_load_balancers()["LoadBalancers"]
        ]
        databases = [
            (row["DBInstanceIdentifier"], [group["VpcSecurityGroupId"] for group in row["VpcSecurityGroups"]], row["TagList"])
            for row in self.rds.describe_db_instances()["DBInstances"]
        ]
        databases += [
            (row["DBClusterIdentifier"], [group["VpcSecurityGroupId"] for group in row["VpcSecurityGroups"]], row["TagList"])
            for row in self.rds.describe_db_clusters()["DBClusters"]
        ]
        filters = [{"Name": "tag-key", "Values": [QUARANTINE]}]
        made = [row["NetworkAclId"] for row in self.ec2.describe_network_acls(Filters=filters)["NetworkAcls"]]
        made += [row["GroupId"] for row in self.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]]
        return {"ties": ties, "machines": machines, "balancers": balancers, "databases": sorted(databases), "made": made}

    def untag(self) -> str:
        resource = self.subnets[1] if self.method == "network-acl" else self.machines[1]
        self.ec2.delete_tags(Resources=[resource], Tags=[{"Key": "drill"}])
        return resource if self.method != "security-group" else self._port(resource)

    def untag_door(self, name: str) -> None:
        """Take the opt-in tag from a load balancer, a database or a cluster."""
        if name.startswith("shop"):
            arn = self.elb.describe_load_balancers(Names=[name])["LoadBalancers"][0]["LoadBalancerArn"]
            self.elb.remove_tags(ResourceArns=[arn], TagKeys=["drill"])
            return
        kind = "cluster" if name.endswith("-cluster") else "db"
        self.rds.remove_tags_from_resource(ResourceName=f"arn:aws:rds:{self.region}:123456789012:{kind}:{name}", TagKeys=["drill"])

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
