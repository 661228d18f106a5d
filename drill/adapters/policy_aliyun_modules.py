"""The rights on Alibaba Cloud that Terraform modules and playbooks of managed databases need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from drill.adapters.policy_rights import Needs, Right, title
from drill.model.plan import Site
from drill.model.scenario_sites import tags_of


class _Kind(NamedTuple):
    """What a resource type needs: `look` and `make` anywhere in the region, `work` where the opt-in tags are.

    `held` is what the rights are on.
    """

    product: str
    held: str
    look: str = ""
    make: str = ""
    work: str = ""


_RULES: Final = "AuthorizeSecurityGroup AuthorizeSecurityGroupEgress RevokeSecurityGroup RevokeSecurityGroupEgress"
_KINDS: Final[Mapping[str, _Kind]] = {
    "alicloud_vpc": _Kind("vpc", "vpc/*", "DescribeVpcAttribute DescribeVpcs ListTagResources", "CreateVpc TagResources", "DeleteVpc"),
    "alicloud_vswitch": _Kind(
        "vpc", "vswitch/*", "DescribeVSwitchAttributes DescribeVSwitches ListTagResources", "CreateVSwitch TagResources", "DeleteVSwitch"
    ),
    "alicloud_security_group": _Kind(
        "ecs",
        "securitygroup/*",
        "DescribeSecurityGroupAttribute DescribeSecurityGroups ListTagResources",
        "CreateSecurityGroup TagResources",
        "DeleteSecurityGroup ModifySecurityGroupPolicy",
    ),
    "alicloud_security_group_rule": _Kind("ecs", "securitygroup/*", "DescribeSecurityGroupAttribute", "", _RULES),
    "alicloud_instance": _Kind(
        "ecs",
        "*",
        "DescribeDisks DescribeInstanceAttribute DescribeInstanceRamRole DescribeInstances DescribeUserData ListTagResources",
        "RunInstances TagResources",
        "AttachInstanceRamRole DeleteInstance DetachInstanceRamRole StopInstance",
    ),
    "alicloud_slb_load_balancer": _Kind(
        "slb", "loadbalancer/*", "DescribeLoadBalancerAttribute ListTagResources", "CreateLoadBalancer TagResources", "DeleteLoadBalancer"
    ),
    "alicloud_slb_backend_server": _Kind(
        "slb", "loadbalancer/*", "DescribeLoadBalancerAttribute", "", "AddBackendServers RemoveBackendServers SetBackendServers"
    ),
    "alicloud_slb_listener": _Kind(
        "slb",
        "loadbalancer/*",
        "DescribeLoadBalancerListeners DescribeLoadBalancerTCPListenerAttribute",
        "",
        "CreateLoadBalancerTCPListener DeleteLoadBalancerListener SetLoadBalancerTCPListenerAttribute StartLoadBalancerListener",
    ),
    "alicloud_zones": _Kind("ecs", "*", "DescribeAvailableResource DescribeZones"),
}
_RAM: Final[Mapping[str, tuple[str, str]]] = {
    "alicloud_ram_role": ("role/drill-*", "CreateRole DeleteRole GetRole ListPoliciesForRole"),
    "alicloud_ram_policy": ("policy/drill-*", "CreatePolicy DeletePolicy GetPolicy GetPolicyVersion ListPolicyVersions"),
    "alicloud_ram_role_policy_attachment": ("role/drill-*", "AttachPolicyToRole DetachPolicyFromRole ListPoliciesForRole"),
}
_RDS_PLAYBOOKS: Final[Mapping[str, str]] = {
    "promote_aliyun_rds.yml": "DeleteReplicationLink",
    "fence_aliyun_rds.yml": "ModifySecurityIps RestartDBInstance TagResources UntagResources",
    "release_aliyun_rds.yml": "ModifySecurityIps UntagResources",
}
_POLARDB_PLAYBOOKS: Final = frozenset({"failover_polardb.yml", "switchover_polardb.yml"})
PLAYBOOKS: Final = frozenset({*_RDS_PLAYBOOKS, *_POLARDB_PLAYBOOKS})
"""Playbooks whose calls are known here."""


def unknown_types(types: frozenset[str]) -> list[str]:
    """Resource types of Alibaba Cloud that no rights are known for."""
    return sorted(kind for kind in types if kind.startswith("alicloud_") and kind not in _KINDS and kind not in _RAM)


def built_rights(needs: Needs) -> Iterator[Right]:
    """What steps build and remove: made in the site's region only, and worked on only where the opt-in tags are."""
    for step, site, types in needs.built("aliyun"):
        about = f"Build{title(step.id)}"
        tagged = {"StringEquals": {f"acs:ResourceTag/{key}": value for key, value in tags_of(site.options).items()}}
        for name in sorted(types & _KINDS.keys()):
            kind = _KINDS[name]
            held = (f"acs:{kind.product}:{site.region}:*:{kind.held}",)
            yield Right(about, tuple(f"{kind.product}:{action}" for action in f"{kind.look} {kind.make}".split()), held)
            if kind.work:
                yield Right(about, tuple(f"{kind.product}:{action}" for action in kind.work.split()), held, tagged)
        for name in sorted(types & _RAM.keys()):
            held_by, actions = _RAM[name]
            yield Right(f"{about}Roles", tuple(f"ram:{action}" for action in actions.split()), (f"acs:ram:*:*:{held_by}",))
        yield Right(about, ("tag:ListTagResources",))
        if "alicloud_ram_role" in types:
            only = {"StringEquals": {"acs:Service": "ecs.aliyuncs.com"}}
            yield Right(f"{about}Roles", ("ram:PassRole",), ("acs:ram:*:*:role/drill-*",), only)


def managed_rights(needs: Needs) -> Iterator[Right]:
    """What the playbooks of RDS and PolarDB ask."""
    played = needs.playbooks()
    rds, polardb = sorted(played & _RDS_PLAYBOOKS.keys()), sorted(played & _POLARDB_PLAYBOOKS)
    for site in needs.sites("aliyun"):
        about = f"Database{title(site.id)}"
        if rds:
            yield from _instances(about, site, rds)
        if polardb:
            held = (f"acs:polardb:{site.region}:*:dbcluster/*", "acs:polardb:*:*:globaldatabasenetwork/*")
            actions = ("DescribeGlobalDatabaseNetwork", "ListTagResources", "SwitchOverGlobalDatabaseNetwork")
            yield Right(about, tuple(f"polardb:{action}" for action in actions), held)


def _instances(about: str, site: Site, played: list[str]) -> Iterator[Right]:
    databases = (f"acs:rds:{site.region}:*:dbinstance/*",)
    tagged = {"StringEquals": {f"acs:ResourceTag/{key}": value for key, value in tags_of(site.options).items()}}
    looks = ("DescribeDBInstanceAttribute", "DescribeDBInstanceIPArrayList", "ListTagResources")
    yield Right(about, tuple(f"rds:{look}" for look in looks), databases)
    for name in played:
        yield Right(about, tuple(f"rds:{action}" for action in _RDS_PLAYBOOKS[name].split()), databases, tagged)
