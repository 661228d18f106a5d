"""The rights on AWS that Terraform modules and playbooks of managed databases need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from drill.adapters.policy_rights import Needs, Right, title
from drill.model.plan import Site
from drill.model.scenario_sites import tags_of


@dataclass(frozen=True)
class _Kind:
    """What a resource type needs, by service: to look, to make, and to work on what carries the opt-in tags already."""

    look: str = ""
    make: str = ""
    work: str = ""
    service: str = "ec2"


_GROUP_RULES: Final = "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress RevokeSecurityGroupEgress RevokeSecurityGroupIngress"
_ELB: Final = "elasticloadbalancing"
_KINDS: Final[Mapping[str, _Kind]] = {
    "aws_vpc": _Kind(
        "DescribeVpcs DescribeVpcAttribute DescribeNetworkAcls DescribeRouteTables DescribeSecurityGroups",
        "CreateVpc",
        "DeleteVpc ModifyVpcAttribute",
    ),
    "aws_internet_gateway": _Kind(
        "DescribeInternetGateways", "CreateInternetGateway", "AttachInternetGateway DeleteInternetGateway DetachInternetGateway"
    ),
    "aws_subnet": _Kind("DescribeNetworkInterfaces DescribeSubnets", "CreateSubnet", "DeleteSubnet ModifySubnetAttribute"),
    "aws_route_table": _Kind("DescribeRouteTables", "CreateRouteTable", "DeleteRouteTable"),
    "aws_route": _Kind("DescribeRouteTables", "", "CreateRoute DeleteRoute ReplaceRoute"),
    "aws_route_table_association": _Kind("DescribeRouteTables", "", "AssociateRouteTable DisassociateRouteTable"),
    "aws_security_group": _Kind(
        "DescribeNetworkInterfaces DescribeSecurityGroupRules DescribeSecurityGroups",
        "CreateSecurityGroup",
        f"DeleteSecurityGroup {_GROUP_RULES}",
    ),
    "aws_security_group_rule": _Kind("DescribeSecurityGroupRules DescribeSecurityGroups", "", _GROUP_RULES),
    "aws_instance": _Kind(
        "DescribeImages DescribeInstanceAttribute DescribeInstanceCreditSpecifications DescribeInstanceTypes DescribeInstances"
        " DescribeTags DescribeVolumes",
        "RunInstances",
        "ModifyInstanceAttribute ModifyInstanceMetadataOptions TerminateInstances",
    ),
    "aws_eip": _Kind("DescribeAddresses DescribeAddressesAttribute", "AllocateAddress", "ReleaseAddress"),
    "aws_lb": _Kind(
        "DescribeCapacityReservation DescribeLoadBalancerAttributes DescribeLoadBalancers DescribeTags",
        "CreateLoadBalancer",
        "DeleteLoadBalancer ModifyLoadBalancerAttributes",
        _ELB,
    ),
    "aws_lb_target_group": _Kind(
        "DescribeTags DescribeTargetGroupAttributes DescribeTargetGroups",
        "CreateTargetGroup",
        "DeleteTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes",
        _ELB,
    ),
    "aws_lb_target_group_attachment": _Kind("DescribeTargetHealth", "", "DeregisterTargets RegisterTargets", _ELB),
    "aws_lb_listener": _Kind(
        "DescribeListenerAttributes DescribeListeners DescribeTags", "CreateListener", "DeleteListener ModifyListener", _ELB
    ),
    "aws_availability_zones": _Kind("DescribeAvailabilityZones"),
}
_PROFILE: Final = "AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile RemoveRoleFromInstanceProfile"
_IAM: Final[Mapping[str, tuple[str, str]]] = {
    "aws_iam_role": (
        "role",
        "CreateRole DeleteRole GetRole ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies TagRole",
    ),
    "aws_iam_role_policy": ("role", "DeleteRolePolicy GetRolePolicy PutRolePolicy"),
    "aws_iam_instance_profile": (
        "instance-profile",
        f"{_PROFILE} TagInstanceProfile",
    ),
}
_RESCAN: Final = (
    "Addresses Instances InternetGateways LaunchTemplates NetworkInterfaces RouteTables SecurityGroups Subnets Tags Volumes Vpcs"
)
"""What is looked at for things that a drill made and left."""
_TAGS_WITH: Final = {"ec2": "CreateTags", _ELB: "AddTags"}
_RDS_PLAYBOOKS: Final[Mapping[str, str]] = {
    "promote_rds.yml": "PromoteReadReplica",
    "fence_rds.yml": "AddTagsToResource ModifyDBInstance RebootDBInstance RemoveTagsFromResource",
    "release_rds.yml": "ModifyDBInstance RemoveTagsFromResource",
}
_AURORA_PLAYBOOKS: Final = {"failover_aurora.yml": "FailoverGlobalCluster", "switchover_aurora.yml": "SwitchoverGlobalCluster"}
PLAYBOOKS: Final = frozenset({*_RDS_PLAYBOOKS, *_AURORA_PLAYBOOKS})
"""Playbooks whose calls are known here."""


def unknown_types(types: frozenset[str]) -> list[str]:
    """Resource types of AWS that no rights are known for."""
    return sorted(kind for kind in types if kind.startswith("aws_") and kind not in _KINDS and kind not in _IAM)


def built_rights(needs: Needs) -> Iterator[Right]:
    """What steps build and remove: made in the site's region only, and worked on only where the opt-in tags are."""
    for step, site, types in needs.built("aws"):
        about = f"Build{title(step.id)}"
        here = {"aws:RequestedRegion": site.region}
        tagged = {**here, **{f"aws:ResourceTag/{key}": value for key, value in tags_of(site.options).items()}}
        for name in sorted(types & _KINDS.keys()):
            kind = _KINDS[name]
            yield from _calls(about, kind, f"{kind.look} {kind.make}", here)
            yield from _calls(about, kind, kind.work, tagged)
            if kind.make:
                made = {"StringEquals": here, "Null": {f"{kind.service}:CreateAction": "false"}}
                yield Right(about, (f"{kind.service}:{_TAGS_WITH[kind.service]}",), when=made)
        yield Right(about, ("tag:GetResources", *(f"ec2:Describe{look}" for look in _RESCAN.split())), when={"StringEquals": here})
        yield Right(f"{about}Roles", ("iam:ListRoles",))
        yield Right(f"{about}Roles", ("iam:ListRoleTags",), ("arn:aws:iam::*:role/drill/*",))
        yield from _roles(about, types)
        yield from _state(about, step.params.get("backend", {}).get("s3"))


def _calls(about: str, kind: _Kind, actions: str, when: Mapping[str, str]) -> Iterator[Right]:
    if actions.strip():
        yield Right(about, tuple(f"{kind.service}:{name}" for name in actions.split()), when={"StringEquals": when})


def _roles(about: str, types: frozenset[str]) -> Iterator[Right]:
    """Roles lie below the path of drills, and only a machine may be given one."""
    for name in sorted(types & _IAM.keys()):
        what, actions = _IAM[name]
        yield Right(f"{about}Roles", tuple(f"iam:{each}" for each in actions.split()), (f"arn:aws:iam::*:{what}/drill/*",))
    if "aws_lb" in types:  # AWS makes this role of its own with an account's first load balancer
        own = "elasticloadbalancing.amazonaws.com"
        only = {"StringEquals": {"iam:AWSServiceName": own}}
        yield Right(f"{about}Roles", ("iam:CreateServiceLinkedRole",), (f"arn:aws:iam::*:role/aws-service-role/{own}/*",), only)
    if "aws_iam_role" in types:
        to_machines = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
        yield Right(f"{about}Roles", ("iam:PassRole",), ("arn:aws:iam::*:role/drill/*",), to_machines)


def _state(about: str, written: Mapping[str, str] | None) -> Iterator[Right]:
    if written is None:
        return
    bucket, prefix = written.get("bucket", "*"), str(written.get("prefix", "drill")).strip("/")
    yield Right(f"{about}State", ("s3:ListBucket",), (f"arn:aws:s3:::{bucket}",))
    yield Right(f"{about}State", ("s3:DeleteObject", "s3:GetObject", "s3:PutObject"), (f"arn:aws:s3:::{bucket}/{prefix}/*",))


def managed_rights(needs: Needs) -> Iterator[Right]:
    """What the playbooks of RDS and Aurora ask; lag is read from CloudWatch, which knows no resources."""
    played = needs.playbooks()
    rds, aurora = played & _RDS_PLAYBOOKS.keys(), played & _AURORA_PLAYBOOKS.keys()
    for site in needs.sites("aws") if rds or aurora else ():
        about = f"Database{title(site.id)}"
        here = {"StringEquals": {"aws:RequestedRegion": site.region}}
        yield Right(about, ("cloudwatch:GetMetricStatistics",), when=here)
        yield from _instances(about, site, rds)
        yield from _clusters(about, site, aurora)


def _instances(about: str, site: Site, played: set[str]) -> Iterator[Right]:
    if not played:
        return
    databases = (f"arn:aws:rds:{site.region}:*:db:*",)
    tagged = {"StringEquals": {f"aws:ResourceTag/{key}": value for key, value in tags_of(site.options).items()}}
    yield Right(about, ("rds:DescribeDBInstances",), databases)
    for name in sorted(played):
        yield Right(about, tuple(f"rds:{action}" for action in _RDS_PLAYBOOKS[name].split()), databases, tagged)


def _clusters(about: str, site: Site, played: set[str]) -> Iterator[Right]:
    if not played:
        return
    clusters = (f"arn:aws:rds:{site.region}:*:cluster:*", "arn:aws:rds::*:global-cluster:*")
    yield Right(about, ("rds:DescribeDBClusters", "rds:DescribeGlobalClusters"), clusters)
    for name in sorted(played):
        yield Right(about, (f"rds:{_AURORA_PLAYBOOKS[name]}",), clusters)
