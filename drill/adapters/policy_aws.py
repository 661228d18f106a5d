"""The rights that a plan needs on AWS: outages, fences, names, messages, and the doctor's own looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from drill.adapters.doctor_places import places_in
from drill.adapters.outage_parts import FENCED, QUARANTINE
from drill.adapters.policy_aws_modules import built_rights, managed_rights
from drill.adapters.policy_rights import AWS_VERSION, Condition, Needs, Right, document, title
from drill.model.plan import Site, Zone
from drill.model.scenario_sites import tags_of

_TYPES: Final = ("A", "AAAA", "CNAME")
_DOORS: Final = (
    *(f"elasticloadbalancing:Describe{look}" for look in ("LoadBalancers", "Tags")),
    *(f"rds:Describe{look}" for look in ("DBClusters", "DBInstances", "DBSubnetGroups")),
    "tag:GetResources",
)
_ROLES: Final = ("arn:aws:iam::*:role/*", "arn:aws:iam::*:user/*")


def aws_policy(needs: Needs) -> dict[str, Any]:
    """An IAM policy document that allows what the plan's steps, messages and looks ask of AWS, and nothing else."""
    return document(aws_rights(needs), AWS_VERSION)


def aws_rights(needs: Needs) -> list[Right]:
    """As `aws_policy`, right by right."""
    found = [right for site in needs.sites("aws") for right in _site(needs, site)]
    found += built_rights(needs)
    found += managed_rights(needs)
    found += [right for zone in needs.plan.zones for right in _zone(needs, zone)]
    found += _messages(needs)
    return [*found, *(doctor_rights(needs) if found else ())]


def doctor_rights(needs: Needs) -> Iterator[Right]:
    """What `drill doctor` itself asks; `sts:GetCallerIdentity` needs no right."""
    yield Right("Doctor", ("iam:SimulatePrincipalPolicy",), _ROLES)
    for site in needs.sites("aws"):
        looks = ("Images", "InstanceTypeOfferings", "InstanceTypes", "Instances", "Regions")
        quota = ("servicequotas:GetServiceQuota",)
        yield Right("Doctor", (*(f"ec2:Describe{look}" for look in looks), *quota), when=_in(site.region))


def _in(region: str) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"aws:RequestedRegion": region}}


def _tagged(tags: Mapping[str, str], **more: Any) -> Condition:
    return {"StringEquals": {f"aws:ResourceTag/{key}": value for key, value in tags.items()}, **more}


def _arns(site: Site, service: str, *kinds: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:{service}:{site.region}:*:{kind}" for kind in kinds)


def _site(needs: Needs, site: Site) -> Iterator[Right]:
    kinds, about = needs.kinds(site.id), title(site.id)
    if "outage.isolate" in kinds:
        yield from _isolation(site, f"Isolate{about}")
    if "outage.stop" in kinds:
        yield from _power(site, f"Stop{about}")
    if "fence" in kinds:
        yield from _power(site, f"Fence{about}")
        only = {"ForAllValues:StringEquals": {"aws:TagKeys": [FENCED]}}
        instances = _arns(site, "ec2", "instance/*")
        yield Right(f"Fence{about}", ("ec2:CreateTags", "ec2:DeleteTags"), instances, _tagged(tags_of(site.options), **only))
    if "outage.fis" in kinds:
        template = site.options.get("cut", {}).get("fis", "*")
        yield Right(
            f"Experiment{about}", ("fis:GetExperiment", "fis:GetExperimentTemplate", "fis:ListExperiments"), _arns(site, "fis", "*")
        )
        yield Right(
            f"Experiment{about}",
            ("fis:StartExperiment", "fis:TagResource"),
            _arns(site, "fis", f"experiment-template/{template}", "experiment/*"),
        )
        yield Right(f"Experiment{about}", ("fis:StopExperiment",), _arns(site, "fis", "experiment/*"))


def _power(site: Site, about: str) -> Iterator[Right]:
    yield Right(about, ("ec2:DescribeInstances",), when=_in(site.region))
    instances = _arns(site, "ec2", "instance/*")
    yield Right(about, ("ec2:StartInstances", "ec2:StopInstances"), instances, _tagged(tags_of(site.options)))


def _isolation(site: Site, about: str) -> Iterator[Right]:
    tags, mark = tags_of(site.options), {QUARANTINE: site.id}
    by_acl = site.options.get("cut", {}).get("method", "network-acl") == "network-acl"
    looks = ("Subnets", "NetworkAcls") if by_acl else ("Instances", "NetworkInterfaces")
    yield Right(about, tuple(f"ec2:Describe{look}" for look in (*looks, "SecurityGroups")), when=_in(site.region))
    yield Right(about, _DOORS, when=_in(site.region))
    yield from (_subnets if by_acl else _interfaces)(site, about)
    yield from _quarantine_group(site, about, mark)
    balancers = _arns(site, "elasticloadbalancing", "loadbalancer/app/*", "loadbalancer/net/*")
    yield Right(about, ("elasticloadbalancing:SetSecurityGroups",), balancers, _tagged(tags))
    yield Right(about, ("rds:ModifyDBInstance",), _arns(site, "rds", "db:*"), _tagged(tags))
    yield Right(about, ("rds:ModifyDBCluster",), _arns(site, "rds", "cluster:*"), _tagged(tags))
    creators = ["CreateSecurityGroup", *(["CreateNetworkAcl"] if by_acl else [])]
    made_here = _arns(site, "ec2", "security-group/*", *(["network-acl/*"] if by_acl else []))
    yield Right(about, ("ec2:CreateTags",), made_here, {"StringEquals": {"ec2:CreateAction": creators}})


def _subnets(site: Site, about: str) -> Iterator[Right]:
    """The association of a subnet goes back to an ACL of the team's own, which need not carry a tag."""
    swap = ("ec2:ReplaceNetworkAclAssociation",)
    yield Right(about, swap, _arns(site, "ec2", "subnet/*"), _tagged(tags_of(site.options)))
    yield Right(about, swap, _arns(site, "ec2", "network-acl/*"))
    yield Right(about, ("ec2:CreateNetworkAcl",), _arns(site, "ec2", "vpc/*"))
    yield Right(about, ("ec2:CreateNetworkAcl",), _arns(site, "ec2", "network-acl/*"), _asked(site))
    yield Right(about, ("ec2:DeleteNetworkAcl",), _arns(site, "ec2", "network-acl/*"), _tagged({QUARANTINE: site.id}))


def _interfaces(site: Site, about: str) -> Iterator[Right]:
    """Tags are those of the machine; its interfaces and their groups need not carry any."""
    swap = ("ec2:ModifyNetworkInterfaceAttribute",)
    yield Right(about, swap, _arns(site, "ec2", "instance/*"), _tagged(tags_of(site.options)))
    yield Right(about, swap, _arns(site, "ec2", "network-interface/*", "security-group/*"))


def _quarantine_group(site: Site, about: str, mark: Mapping[str, str]) -> Iterator[Right]:
    groups = _arns(site, "ec2", "security-group/*")
    yield Right(about, ("ec2:CreateSecurityGroup",), _arns(site, "ec2", "vpc/*"))
    yield Right(about, ("ec2:CreateSecurityGroup",), groups, _asked(site))
    emptied = ("ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress")
    yield Right(about, emptied, groups, _tagged(mark))


def _asked(site: Site) -> Condition:
    """What is made carries the drill's mark from the start."""
    return {"StringEquals": {f"aws:RequestTag/{QUARANTINE}": site.id}}


def _zone(needs: Needs, zone: Zone) -> Iterator[Right]:
    names, about = needs.names(zone.id), f"Names{title(zone.id)}"
    if zone.provider == "route53" and names:
        zones = ("arn:aws:route53:::hostedzone/*",)
        yield Right(about, ("route53:ListHostedZonesByName",))
        yield Right(about, ("route53:GetChange",), ("arn:aws:route53:::change/*",))
        yield Right(about, ("route53:GetHostedZone", "route53:ListResourceRecordSets"), zones)
        fields = {"route53:ChangeResourceRecordSetsNormalizedRecordNames": names, "route53:ChangeResourceRecordSetsRecordTypes": _TYPES}
        only = {"ForAllValues:StringEquals": {key: list(value) for key, value in fields.items()}}
        yield Right(about, ("route53:ChangeResourceRecordSets",), zones, only)
    for name, row in sorted(zone.options.get("levers", {}).items()):
        if "check" in row:
            forced = () if needs.only_watched(name) else ("route53:UpdateHealthCheck",)
            health = ("route53:GetHealthCheck", "route53:GetHealthCheckStatus", *forced)
            yield Right(f"Names{title(name)}", health, (f"arn:aws:route53:::healthcheck/{row['check']}",))
        if "controls" in row:
            actions = ("route53-recovery-cluster:GetRoutingControlState", "route53-recovery-cluster:UpdateRoutingControlStates")
            yield Right(f"Names{title(name)}", actions, tuple(row["controls"].values()))


def _messages(needs: Needs) -> Iterator[Right]:
    sms = needs.plan.messages.sms
    if sms is None or sms.abroad is None or not sms.abroad.provider.startswith("aws"):
        return
    abroad = sms.abroad
    send = "sns:Publish" if abroad.provider == "aws-sns" else "sms-voice:SendTextMessage"
    yield Right("Messages", (send,), when=_in(abroad.region))
    for reference in filter(None, (abroad.replies, abroad.receipts)):
        actions = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
        yield Right("Answers", actions, (_queue(needs.queues.get(reference, ""), abroad.region),))


def _queue(url: str, region: str) -> str:
    """The queue's resource name from its address; while that is not known, any of the region."""
    account, _, name = url.partition("://")[2].partition("/")[2].partition("/")
    place = next(iter(places_in(url)), None)
    return f"arn:aws:sqs:{place.region if place else region}:{account or '*'}:{name or '*'}"
