"""Asks AWS what carries certain tags in a region, service by service: a second witness beside Terraform's state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from drill.adapters.outage_aws_client import AwsClients, tags_of

_OVER: Final = frozenset({"terminated", "shutting-down"})
"""A machine stays listed, tags and all, for an hour after its end."""
_SORTS: Final = {
    "eipalloc": ("describe_addresses", "Addresses", "AllocationId"),
    "i": ("describe_instances", "Reservations", "InstanceId"),
    "igw": ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "lt": ("describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    "eni": ("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    "rtb": ("describe_route_tables", "RouteTables", "RouteTableId"),
    "sg": ("describe_security_groups", "SecurityGroups", "GroupId"),
    "subnet": ("describe_subnets", "Subnets", "SubnetId"),
    "vol": ("describe_volumes", "Volumes", "VolumeId"),
    "vpc": ("describe_vpcs", "Vpcs", "VpcId"),
}
"""How a sort of thing is looked at, by how its ids begin: the call, and where its answer has rows and ids. Others count while listed."""
_OURS: Final = "/drill/"
"""The path of roles that drills make: IAM is not among the services that list by tag."""


def tagged_in_aws(clients: AwsClients, tags: Mapping[str, str]) -> list[str]:
    """Ids and ARNs of what carries every one of the tags, without duplicates. Raises: StepError: AWS could not be asked."""
    return list(dict.fromkeys([*_of_ec2(clients, tags), *_of_others(clients, tags), *_roles(clients, tags)]))


def _of_ec2(clients: AwsClients, tags: Mapping[str, str]) -> Iterator[str]:
    """What EC2 keeps: machines, disks, networks, addresses. Its list of tags may name what is gone, so each sort is looked at itself."""
    found: list[set[str]] = []
    for name, value in tags.items():
        filters = [{"Name": "key", "Values": [name]}, {"Name": "value", "Values": [value]}]
        rows = clients.every("ec2", "describe_tags", "Tags", Filters=filters)
        found.append({row["ResourceId"] for row in rows})
    listed = {name: name.partition("-")[0] for name in set.intersection(*found)}
    there = {sort: _there(clients, sort, tags) for sort in {*listed.values()} & {*_SORTS}}
    yield from sorted(name for name, sort in listed.items() if name in there.get(sort, {name}))


def _there(clients: AwsClients, sort: str, tags: Mapping[str, str]) -> set[str]:
    operation, key, name = _SORTS[sort]
    filters = [{"Name": f"tag:{tag}", "Values": [value]} for tag, value in tags.items()]
    if sort == "eipalloc":  # AWS tells them all at once
        return {row[name] for row in clients.call("ec2", operation, Filters=filters)[key]}
    rows = clients.every("ec2", operation, key, Filters=filters)
    machines = [machine for group in rows for machine in group["Instances"]] if sort == "i" else rows
    return {row[name] for row in machines if sort != "i" or row["State"]["Name"] not in _OVER}


def _of_others(clients: AwsClients, tags: Mapping[str, str]) -> Iterator[str]:
    """What other services of the region keep: load balancers, databases, queues. EC2 answers for itself."""
    filters = [{"Key": name, "Values": [value]} for name, value in tags.items()]
    rows = clients.every("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters)
    yield from (row["ResourceARN"] for row in rows if row["ResourceARN"].split(":")[2] != "ec2")


def _roles(clients: AwsClients, tags: Mapping[str, str]) -> Iterator[str]:
    for role in clients.every("iam", "list_roles", "Roles", PathPrefix=_OURS):
        held = tags_of(clients.call("iam", "list_role_tags", RoleName=role["RoleName"])["Tags"])
        if tags.items() <= held.items():
            yield str(role["Arn"])
