"""Starts or ends one EC2 instance by its name, and may be run again: `instance.py create|destroy REGION NAME ADDRESS`."""

from __future__ import annotations

import sys
from typing import Any

import boto3

TAGS = {"drill": "allowed", "role": "app"}
_ALIVE = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}


def main(verb: str, region: str, name: str, address: str) -> None:
    """Do it, and wait until it is so."""
    ec2 = boto3.client("ec2", region_name=region)
    present = _instances(ec2, name)
    if verb == "destroy":
        if present:
            ec2.terminate_instances(InstanceIds=present)
        return
    if present:
        return
    tags = [{"Key": key, "Value": value} for key, value in {**TAGS, "Name": name}.items()]
    asked: dict[str, Any] = {"ImageId": "ami-12c6146b", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    started = ec2.run_instances(
        **asked,
        SubnetId=_subnet(ec2, address),
        PrivateIpAddress=address,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    ec2.get_waiter("instance_running").wait(
        InstanceIds=[row["InstanceId"] for row in started["Instances"]], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


def _instances(ec2: Any, name: str) -> list[str]:
    found = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}, _ALIVE])
    return [row["InstanceId"] for reservation in found["Reservations"] for row in reservation["Instances"]]


def _subnet(ec2: Any, address: str) -> str:
    """The subnet the address lies in; the network is there before the drill."""
    block = address.rsplit(".", 1)[0] + ".0/24"
    [subnet] = ec2.describe_subnets(Filters=[{"Name": "cidr-block", "Values": [block]}])["Subnets"]
    return str(subnet["SubnetId"])


if __name__ == "__main__":
    main(*sys.argv[1:])
