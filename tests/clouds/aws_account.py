"""One emulated account of AWS for whole drills: strict moto, seen only through a recorder, after whose writes the ground follows."""

from __future__ import annotations

import contextlib
import logging
from functools import cache
from typing import Any, Final

import boto3
from moto import mock_aws
from moto.server import ThreadedMotoServer

from tests.clouds.recorder import Recorder
from tests.clouds.strict_ec2 import strict_ec2

KEYS: Final = {"AWS_ACCESS_KEY_ID": "clouds", "AWS_SECRET_ACCESS_KEY": "clouds-secret"}
OVER: Final = frozenset({"terminated", "shutting-down"})


class AwsAccount:
    """New and empty."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._strict = contextlib.ExitStack()
        self._strict.enter_context(strict_ec2())
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self._direct = f"http://{host}:{port}"
        mock_aws().reset()  # the process may have used moto before
        self.recorder = Recorder(self._direct)
        self.client = cache(self._client)

    @property
    def endpoint(self) -> str:
        """Where drills and their tools ask."""
        return self.recorder.endpoint

    def _client(self, service: str, region: str) -> Any:
        """A console of our own, which nobody records and nothing follows."""
        keys = {"aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"]}
        return boto3.client(service, region_name=region, endpoint_url=self._direct, **keys)

    def image(self, region: str) -> str:
        """An image that machines of the region can start from."""
        return str(self.client("ec2", region).describe_images(Owners=["amazon"])["Images"][0]["ImageId"])

    def machines(self, region: str) -> dict[str, dict[str, Any]]:
        """Each machine that is not over, by its id."""
        rows = self.client("ec2", region).describe_instances()["Reservations"]
        found = [machine for row in rows for machine in row["Instances"]]
        return {machine["InstanceId"]: machine for machine in found if machine["State"]["Name"] not in OVER}

    def holdings(self, region: str) -> dict[str, list[str]]:
        """Ids of everything of the sorts that a site is built of, whoever made it; roles are the whole account's."""
        ec2, elb, iam = (self.client(service, region) for service in ("ec2", "elbv2", "iam"))
        return {
            "addresses": sorted(row["AllocationId"] for row in ec2.describe_addresses()["Addresses"]),
            "balancers": sorted(row["LoadBalancerArn"] for row in elb.describe_load_balancers()["LoadBalancers"]),
            "gateways": sorted(row["InternetGatewayId"] for row in ec2.describe_internet_gateways()["InternetGateways"]),
            "groups": sorted(row["GroupId"] for row in ec2.describe_security_groups()["SecurityGroups"]),
            "machines": sorted(self.machines(region)),
            "networks": sorted(row["VpcId"] for row in ec2.describe_vpcs()["Vpcs"]),
            "profiles": sorted(row["InstanceProfileName"] for row in iam.list_instance_profiles()["InstanceProfiles"]),
            "roles": sorted(row["RoleName"] for row in iam.list_roles()["Roles"]),
            "routes": sorted(row["RouteTableId"] for row in ec2.describe_route_tables()["RouteTables"]),
            "subnets": sorted(row["SubnetId"] for row in ec2.describe_subnets()["Subnets"]),
            "targets": sorted(row["TargetGroupArn"] for row in elb.describe_target_groups()["TargetGroups"]),
            "disks": sorted(row["VolumeId"] for row in ec2.describe_volumes()["Volumes"]),
        }

    def end(self) -> None:
        """Stop listening."""
        self.recorder.end()
        self._server.stop()
        self._strict.close()


def tagged(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags as AWS wants them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_of(row: dict[str, Any]) -> dict[str, str]:
    """Tags as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in row.get("Tags", ())}
