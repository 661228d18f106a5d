"""The rights that a plan needs on Alibaba Cloud: outages, fences, names, messages, and the doctor's own looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from drill.adapters.outage_aliyun import doors_of
from drill.adapters.outage_parts import QUARANTINE
from drill.adapters.policy_aliyun_modules import built_rights, managed_rights
from drill.adapters.policy_rights import RAM_VERSION, Condition, Needs, Right, document, title
from drill.model.plan import Site, Zone
from drill.model.scenario_sites import tags_of


class _Door(NamedTuple):
    """What shutting the doors of a product needs: to `look` at some resources, and to `act` on `held` that carry the opt-in tags."""

    product: str
    held: str
    looked_at: tuple[str, ...]
    look: str
    act: str

    def rights(self, site: Site, about: str) -> Iterator[Right]:
        """The same as rights."""
        looks = tuple(f"{self.product}:{name}" for name in self.look.split())
        acts = tuple(f"{self.product}:{name}" for name in self.act.split())
        yield Right(about, looks, _names_of(site, self.product, *self.looked_at))
        yield Right(about, acts, _names_of(site, self.product, self.held), _tagged(tags_of(site.options)))


_NEW_BALANCER: Final = ("loadbalancer/*", ("listener/*", "loadbalancer/*"), "ListListeners ListLoadBalancers", "StartListener StopListener")
_DOORS: Final[Mapping[str, _Door]] = {
    "slb": _Door(
        "slb",
        "loadbalancer/*",
        ("loadbalancer/*",),
        "DescribeLoadBalancerListeners DescribeLoadBalancers",
        "StartLoadBalancerListener StopLoadBalancerListener",
    ),
    "alb": _Door("alb", *_NEW_BALANCER),
    "nlb": _Door("nlb", *_NEW_BALANCER),
    "rds": _Door(
        "rds",
        "dbinstance/*",
        ("dbinstance/*",),
        "DescribeDBInstanceIPArrayList DescribeDBInstances DescribeSecurityGroupConfiguration ListTagResources",
        "ModifySecurityIps",
    ),
    "polardb": _Door(
        "polardb",
        "dbcluster/*",
        ("dbcluster/*",),
        "DescribeDBClusterAccessWhitelist DescribeDBClusters",
        "ModifyDBClusterAccessWhitelist",
    ),
}
_RECORDS: Final = "AddDomainRecord DeleteDomainRecord SetDomainRecordStatus UpdateDNSSLBWeight UpdateDomainRecord"
_ACCESS: Final = {
    1: ("DescribeGtmAccessStrategy", "SetGtmAccessMode"),
    2: ("DescribeDnsGtmAccessStrategy", "SetDnsGtmAccessMode"),
}


def aliyun_policy(needs: Needs) -> dict[str, Any]:
    """A RAM policy document that allows what the plan's steps, messages and looks ask of Alibaba Cloud, and nothing else."""
    return document(aliyun_rights(needs), RAM_VERSION)


def aliyun_rights(needs: Needs) -> list[Right]:
    """As `aliyun_policy`, right by right."""
    found = [right for site in needs.sites("aliyun") for right in _site(needs, site)]
    found += built_rights(needs)
    found += managed_rights(needs)
    found += [right for zone in needs.plan.zones for right in _zone(needs, zone)]
    found += _messages(needs)
    return [*found, *doctor_rights(needs)]


def doctor_rights(needs: Needs) -> Iterator[Right]:
    """What `drill doctor` itself asks; `sts:GetCallerIdentity` needs no right."""
    looks = ("DescribeAccountAttributes", "DescribeAvailableResource", "DescribeImages", "DescribeInstanceTypes", "DescribeRegions")
    for site in needs.sites("aliyun"):
        yield Right("Doctor", tuple(f"ecs:{look}" for look in looks), _names_of(site, "ecs", "*"))


def _names_of(site: Site, product: str, *kinds: str) -> tuple[str, ...]:
    return tuple(f"acs:{product}:{site.region}:*:{kind}" for kind in kinds)


def _tagged(tags: Mapping[str, str]) -> Condition:
    return {"StringEquals": {f"acs:ResourceTag/{key}": value for key, value in tags.items()}}


def _site(needs: Needs, site: Site) -> Iterator[Right]:
    kinds, about = needs.kinds(site.id), title(site.id)
    machines, tagged = _names_of(site, "ecs", "instance/*"), _tagged(tags_of(site.options))
    if kinds & {"outage.isolate", "outage.stop", "fence"}:
        yield Right(f"Look{about}", ("ecs:DescribeInstances",), machines)
    if kinds & {"outage.stop", "fence"}:
        yield Right(f"Power{about}", ("ecs:StartInstances", "ecs:StopInstances"), machines, tagged)
    if "fence" in kinds:
        yield Right(f"Power{about}", ("ecs:TagResources", "ecs:UntagResources"), machines, tagged)
    if "outage.isolate" in kinds:
        yield from _isolation(site, f"Isolate{about}")
        for product in doors_of(site.options):
            yield from _DOORS[product].rights(site, f"Doors{about}")


def _isolation(site: Site, about: str) -> Iterator[Right]:
    """A machine leaves groups that need not carry a tag; the group that lets nothing through carries the drill's mark."""
    groups = _names_of(site, "ecs", "securitygroup/*")
    yield Right(about, ("tag:ListTagResources",))
    yield Right(about, ("ecs:DescribeSecurityGroups",), groups)
    yield Right(about, ("ecs:ModifyInstanceAttribute",), _names_of(site, "ecs", "instance/*"), _tagged(tags_of(site.options)))
    yield Right(about, ("ecs:ModifyInstanceAttribute",), groups)
    marked = {"StringEquals": {f"acs:RequestTag/{QUARANTINE}": site.id}}
    yield Right(about, ("ecs:CreateSecurityGroup",), groups, marked)
    yield Right(about, ("ecs:CreateSecurityGroup",), _names_of(site, "vpc", "vpc/*"))
    work = "AuthorizeSecurityGroup AuthorizeSecurityGroupEgress DeleteSecurityGroup ModifySecurityGroupPolicy"
    yield Right(about, tuple(f"ecs:{action}" for action in work.split()), groups, _tagged({QUARANTINE: site.id}))


def _zone(needs: Needs, zone: Zone) -> Iterator[Right]:
    about = f"Names{title(zone.id)}"
    if zone.provider == "alidns" and needs.names(zone.id):
        domain = (f"acs:alidns:*:*:domain/{zone.id}",)
        yield Right(about, ("alidns:DescribeDomainInfo", "alidns:DescribeDomainRecords"), domain)
        yield Right(about, tuple(f"alidns:{action}" for action in _RECORDS.split()), domain)
    for _, row in sorted(zone.options.get("levers", {}).items()):
        if "check" not in row and "controls" not in row:
            yield Right(about, tuple(f"alidns:{action}" for action in _lever(row)))


def _lever(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Global traffic manager knows no resources in its rights."""
    if "plan" in row:
        return ("DescribeGtmRecoveryPlan", "ExecuteGtmRecoveryPlan", "PreviewGtmRecoveryPlan", "RollbackGtmRecoveryPlan")
    if "strategy" in row:
        return _ACCESS[int(row.get("generation", 2))]
    return ("DescribeCloudGtmInstanceConfigFullInfo", "UpdateCloudGtmAddressPoolEnableStatus")


def _messages(needs: Needs) -> Iterator[Right]:
    """Texts and calls know no resources in their rights; the queue of answers is the carrier's, opened by a token."""
    messages = needs.plan.messages
    sms = messages.sms
    if sms is not None and sms.provider == "aliyun":
        calls = ("GetSmsSign", "GetSmsTemplate", "QuerySendDetails", "SendSms")
        yield Right("Messages", tuple(f"dysms:{call}" for call in calls))
        if sms.inbound != "push" or sms.receipts == "queue":
            yield Right("Messages", ("dybase:QueryTokenForMnsQueue",))
    if sms is not None and sms.abroad is not None and sms.abroad.provider == "aliyun-global":
        yield Right("Messages", ("dysms:SendMessageToGlobe",))
    if any(row.kind == "voice" for row in messages.channels):
        yield Right("Messages", ("dybase:QueryTokenForMnsQueue", "dyvms:IvrCall"))
