"""The machines and security groups of one region of Alibaba Cloud, in memory, as strict as the service where an outage depends on it."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from drill.sandbox.alidns_api import AlidnsRefused

VERSION: Final = "2014-05-26"
_NEXT: Final = {"Stopping": "Stopped", "Starting": "Running"}
_RULES: Final = {
    "AuthorizeSecurityGroup": ("ingress", ("SourceCidrIp", "Ipv6SourceCidrIp")),
    "AuthorizeSecurityGroupEgress": ("egress", ("DestCidrIp", "Ipv6DestCidrIp")),
}


@dataclass
class Machine:
    """One instance. `locked`: why the service would not stop or start it."""

    id: str
    vpc: str
    groups: list[str]
    tags: dict[str, str]
    status: str = "Running"
    stopped_mode: str = "Not-applicable"
    locked: str = ""
    address: str = ""
    arrives_s: float = 0.0


@dataclass
class Group:
    """One security group. `inner`: whether its members may talk to one another."""

    id: str
    vpc: str
    tags: dict[str, str]
    kind: str = "normal"
    inner: bool = True
    rules: list[tuple[str, str, str]] = field(default_factory=list)
    """Direction, range of addresses and policy."""

    @property
    def closed(self) -> bool:
        """Whether nothing passes: both directions drop everything, in both families."""
        needed = {(way, block, "drop") for way in ("ingress", "egress") for block in ("0.0.0.0/0", "::/0")}
        return not self.inner and needed <= set(self.rules) and not any(policy == "accept" for _, _, policy in self.rules)


class EcsApi:
    """Actions of ECS (as Actions of the server). `transit_s` is how long a stop or a start takes; `on_change` hears of each change."""

    version = VERSION

    def __init__(self, region: str, *, transit_s: float = 0.0, on_change: Callable[[], None] = lambda: None) -> None:
        self.region = region
        self.machines: dict[str, Machine] = {}
        self.groups: dict[str, Group] = {}
        self._transit_s = transit_s
        self._on_change = on_change
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()

    @property
    def actions(self) -> frozenset[str]:
        return frozenset(name for name in dir(self) if name[0].isupper())

    def call(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            if query["RegionId"] != self.region:
                raise AlidnsRefused("InvalidRegionId.NotFound", "The specified RegionId does not exist.", 404)
            self._arrive()
            before = self.state()
            answer: dict[str, Any] = getattr(self, action)(query)
            changed = self.state() != before
        if changed:
            self._on_change()
        return answer

    def state(self) -> dict[str, Any]:
        """Everything there is, for a test to compare."""
        with self._lock:
            self._arrive()
            machines = {row.id: (row.status, tuple(sorted(row.groups)), dict(row.tags), row.stopped_mode) for row in self.machines.values()}
            groups = {row.id: (row.vpc, row.kind, row.inner, tuple(row.rules), dict(row.tags)) for row in self.groups.values()}
            return {"machines": machines, "groups": groups}

    def isolated(self, machine: str) -> bool:
        """Whether nothing reaches a machine: all its groups are closed."""
        return all(self.groups[group].closed for group in self.machines[machine].groups)

    def add_group(self, vpc: str, *, kind: str = "normal", tags: Mapping[str, str] | None = None) -> str:
        """A group that lets everything in; returns its id."""
        made = Group(f"sg-{next(self._numbers):08d}", vpc, dict(tags or {}), kind, rules=[("ingress", "0.0.0.0/0", "accept")])
        self.groups[made.id] = made
        return made.id

    def add_machine(self, vpc: str, groups: Sequence[str], tags: Mapping[str, str], *, address: str = "") -> str:
        """A running machine; returns its id."""
        made = Machine(f"i-{next(self._numbers):08d}", vpc, list(groups), dict(tags), address=address)
        self.machines[made.id] = made
        return made.id

    # ---- machines

    def DescribeInstances(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - the service's name
        if "InstanceIds" in query:
            wanted = json.loads(query["InstanceIds"])
            rows = [row for row in self.machines.values() if row.id in wanted]
        else:
            rows = [row for row in self.machines.values() if _tagged(row.tags, query)]
        size = min(max(int(query.get("MaxResults", 10)), 10), 100)
        return {**_page([_shown(row, self.region) for row in rows], query, size, "Instances", "Instance"), "TotalCount": len(rows)}

    def ModifyInstanceAttribute(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        machine, wanted = self._machine(query["InstanceId"]), list(query["SecurityGroupIds"])
        chosen = [self._group(group) for group in wanted]
        if not chosen or any(group.vpc != machine.vpc for group in chosen):
            raise AlidnsRefused("InvalidSecurityGroupId.VPCMismatch", "The security group is not in the VPC of the instance.")
        if len({group.kind for group in chosen} | {self.groups[group].kind for group in machine.groups}) > 1:
            raise AlidnsRefused("InvalidOperation.SecurityGroupTypeMismatch", "The types of the security groups differ.", 403)
        machine.groups = wanted
        return {}

    def StopInstances(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._power(query, frm="Running", to="Stopping")

    def StartInstances(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._power(query, frm="Stopped", to="Starting")

    def TagResources(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        for resource in query["ResourceId"]:
            self._machine(resource).tags.update({tag["Key"]: tag["Value"] for tag in query["Tag"]})
        return {}

    def UntagResources(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        for resource in query["ResourceId"]:
            for key in query["TagKey"]:
                self._machine(resource).tags.pop(key, None)
        return {}

    # ---- groups

    def DescribeSecurityGroups(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        rows = [row for row in self.groups.values() if _tagged(row.tags, query)]
        shown = [{"SecurityGroupId": row.id, "VpcId": row.vpc, "SecurityGroupType": row.kind, "Tags": _tags(row.tags)} for row in rows]
        return _page(shown, query, min(int(query.get("MaxResults", 10)), 100), "SecurityGroups", "SecurityGroup")

    def CreateSecurityGroup(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        tags = {tag["Key"]: tag["Value"] for tag in query.get("Tag", ())}
        made = Group(f"sg-{next(self._numbers):08d}", query["VpcId"], tags, query.get("SecurityGroupType", "normal"))
        made.inner = made.kind == "normal"
        self.groups[made.id] = made
        return {"SecurityGroupId": made.id}

    def ModifySecurityGroupPolicy(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        group = self._group(query["SecurityGroupId"])
        if group.kind != "normal":
            raise AlidnsRefused("InvalidOperation.InvalidSecurityGroupType", "An enterprise group has no inner policy.", 403)
        group.inner = query["InnerAccessPolicy"] != "Drop"
        return {}

    def AuthorizeSecurityGroup(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._authorize("AuthorizeSecurityGroup", query)

    def AuthorizeSecurityGroupEgress(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._authorize("AuthorizeSecurityGroupEgress", query)

    def DeleteSecurityGroup(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        group = self._group(query["SecurityGroupId"])
        if any(group.id in row.groups for row in self.machines.values()):
            raise AlidnsRefused("DependencyViolation", "There is still instance(s) in the specified security group.", 403)
        del self.groups[group.id]
        return {}

    # ---- inside

    def _authorize(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        way, fields = _RULES[action]
        group = self._group(query["SecurityGroupId"])
        for rule in query["Permissions"]:
            block = next((rule[name] for name in fields if name in rule), None)
            if block is None or rule["IpProtocol"] != "ALL" or rule["PortRange"] != "-1/-1":
                raise AlidnsRefused("InvalidParam.PortRange", "The specified rule is not valid.")
            row = (way, block, rule["Policy"].lower())
            if row not in group.rules:
                group.rules.append(row)
        return {}

    def _power(self, query: Mapping[str, Any], *, frm: str, to: str) -> dict[str, Any]:
        asked = [self._answer_power(resource, frm) for resource in query["InstanceId"]]
        together = query.get("BatchOptimization", "AllTogether") == "AllTogether"
        bad = next((row for row in asked if row["Code"] != "200"), None)
        if together and bad is not None:
            raise AlidnsRefused(bad["Code"], bad["Message"], 404 if "NotFound" in bad["Code"] else 403)
        if query.get("DryRun") == "true":
            raise AlidnsRefused("DRYRUN.SUCCESS", "DRYRUN.SUCCESS")
        for row in asked:
            if row["Code"] == "200":
                machine = self.machines[row["InstanceId"]]
                machine.status, machine.arrives_s = to, time.monotonic() + self._transit_s
                machine.stopped_mode = query.get("StoppedMode", "StopCharging") if to == "Stopping" else "Not-applicable"
                row["CurrentStatus"] = to
        return {"InstanceResponses": {"InstanceResponse": asked}}

    def _answer_power(self, resource: str, frm: str) -> dict[str, Any]:
        machine = self.machines.get(resource)
        if machine is None:
            code, status = "InvalidInstanceId.NotFound", ""
        elif machine.locked:
            code, status = machine.locked, machine.status
        else:
            code, status = ("200" if machine.status == frm else "IncorrectInstanceStatus"), machine.status
        return {"InstanceId": resource, "Code": code, "Message": code, "PreviousStatus": status, "CurrentStatus": status}

    def _arrive(self) -> None:
        for machine in self.machines.values():
            if machine.status in _NEXT and time.monotonic() >= machine.arrives_s:
                machine.status = _NEXT[machine.status]

    def _machine(self, resource: str) -> Machine:
        if resource not in self.machines:
            raise AlidnsRefused("InvalidInstanceId.NotFound", "The specified InstanceId does not exist.", 404)
        return self.machines[resource]

    def _group(self, resource: str) -> Group:
        if resource not in self.groups:
            raise AlidnsRefused("InvalidSecurityGroupId.NotFound", "The specified SecurityGroupId does not exist.", 404)
        return self.groups[resource]


def _tagged(tags: Mapping[str, str], query: Mapping[str, Any]) -> bool:
    return all(tags.get(tag["Key"]) == tag.get("Value", tags.get(tag["Key"])) and tag["Key"] in tags for tag in query.get("Tag", ()))


def _tags(tags: Mapping[str, str]) -> dict[str, Any]:
    return {"Tag": [{"TagKey": key, "TagValue": value} for key, value in tags.items()]}


def _page(rows: Sequence[Any], query: Mapping[str, Any], size: int, *keys: str) -> dict[str, Any]:
    at = int(query.get("NextToken") or 0)
    more = str(at + size) if at + size < len(rows) else ""
    return {keys[0]: {keys[1]: list(rows[at : at + size])}, "NextToken": more}


def _shown(row: Machine, region: str) -> dict[str, Any]:
    return {
        "InstanceId": row.id,
        "RegionId": region,
        "Status": row.status,
        "StoppedMode": row.stopped_mode,
        "Tags": _tags(row.tags),
        "SecurityGroupIds": {"SecurityGroupId": list(row.groups)},
        "VpcAttributes": {"VpcId": row.vpc, "PrivateIpAddress": {"IpAddress": [row.address] if row.address else []}},
        "OperationLocks": {"LockReason": [{"LockReason": row.locked}] if row.locked else []},
    }
