"""Machines of Alibaba Cloud: cut off by their security groups, or stopped while they go on being paid for."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from drill.adapters.outage_aliyun_calls import AliyunCalls, Missing, dig, tag_list, tags_of
from drill.adapters.outage_parts import FENCED, QUARANTINE, Part, State
from drill.model.effects import Verb
from drill.model.errors import Fatal

RUNNING: Final[State] = ("Running",)
STOPPED: Final[State] = ("Stopped",)
_TOWARDS: Final[Mapping[str, State]] = {
    "Pending": RUNNING,
    "Starting": RUNNING,
    "Running": RUNNING,
    "Stopping": STOPPED,
    "Stopped": STOPPED,
}
_ALL: Final = {"IpProtocol": "ALL", "PortRange": "-1/-1", "Policy": "drop", "Priority": "1"}
_INSTANCES: Final = ("Instances", "Instance")
_GROUPS: Final = ("SecurityGroups", "SecurityGroup")
_ENTERPRISE: Final = "enterprise"


class _Machines:
    """What both sorts know of machines."""

    kind = "machine"

    def __init__(self, calls: AliyunCalls, tags: Mapping[str, str]) -> None:
        self._calls = calls
        self._tags = dict(tags)

    def _tagged(self) -> list[Mapping[str, Any]]:
        return self._calls.every("ecs", "DescribeInstances", _INSTANCES, {**self._here(), "Tag": tag_list(self._tags)})

    def _one(self, resource: str) -> Mapping[str, Any] | None:
        rows = dig(self._calls.read("ecs", "DescribeInstances", {**self._here(), "InstanceIds": json.dumps([resource])}), *_INSTANCES)
        return rows[0] if rows else None

    def _here(self) -> dict[str, Any]:
        return {"RegionId": self._calls.region}


class Machines(_Machines):
    """The machines that carry all opt-in tags, by whether they run (as Sort)."""

    verb = Verb.STOP
    doing = "StopInstances, KeepCharging"
    makes = ""
    marked = False
    spares: Sequence[str] = ("load balancers and managed databases: only machines are stopped",)

    def find(self) -> list[Part]:
        return [_running(row) for row in self._tagged() if row["Status"] in _TOWARDS]

    def read(self, resource: str) -> Part | None:
        row = self._one(resource)
        return _running(row) if row is not None and row["Status"] in _TOWARDS else None

    def cuts(self) -> set[State]:
        return {STOPPED}

    def prepare(self, network: str) -> State:
        return STOPPED

    def rehearse(self, resources: Sequence[str]) -> None:
        """All of them in one call, which one that is locked or in arrears fails."""
        running = [part.id for resource in resources if (part := self.read(resource)) is not None and part.state == RUNNING]
        for at in range(0, len(running), 100):
            some = {**self._stop(running[at : at + 100]), "BatchOptimization": "AllTogether"}
            self._calls.rehearse("ecs", "StopInstances", some)

    def swap(self, part: Part, state: State) -> None:
        """Stopping says KeepCharging each time: an account may have another default, under which a start can find no machine."""
        if state == STOPPED:
            self._calls.write("ecs", "StopInstances", self._stop([part.id]))
        else:
            self._calls.write("ecs", "StartInstances", {**self._here(), "InstanceId": [part.id]})

    def clear(self) -> None:
        """Nothing was made."""

    def left(self) -> list[str]:
        return []

    def mark(self, resource: str, key: str, value: str) -> None:
        """Give a machine a tag."""
        where = {**self._here(), "ResourceType": "instance", "ResourceId": [resource]}
        self._calls.write("ecs", "TagResources", {**where, "Tag": tag_list({key: value})})

    def unmark(self, resource: str, key: str) -> None:
        """Take a tag from a machine."""
        where = {**self._here(), "ResourceType": "instance", "ResourceId": [resource]}
        self._calls.write("ecs", "UntagResources", {**where, "TagKey": [key]})

    def _stop(self, resources: list[str]) -> dict[str, Any]:
        return {**self._here(), "InstanceId": resources, "StoppedMode": "KeepCharging", "ForceStop": "false"}


class GroupedMachines(_Machines):
    """The machines that carry all opt-in tags, by their security groups (as Sort)."""

    verb = Verb.UPDATE
    doing = "its security groups become one that drops everything"
    makes = "quarantine-group"
    marked = True
    spares: Sequence[str] = ("connections that are open already, for some minutes: security groups are stateful",)

    def __init__(self, calls: AliyunCalls, site: str, tags: Mapping[str, str]) -> None:
        super().__init__(calls, tags)
        self._site = site
        self._preparing = threading.Lock()

    def find(self) -> list[Part]:
        rows = [row for row in self._tagged() if row["Status"] in _TOWARDS]
        kinds = self._kinds() if rows else {}
        return [_grouped(row, kinds) for row in rows]

    def read(self, resource: str) -> Part | None:
        row = self._one(resource)
        return _grouped(row, {}) if row is not None else None

    def cuts(self) -> set[State]:
        return {(str(row["SecurityGroupId"]),) for row in self._quarantines()}

    def prepare(self, network: str) -> State:
        """A machine can change only to groups of its own network and kind."""
        vpc, _, kind = network.partition("/")
        if not vpc:
            raise Fatal("a machine of the classic network has no quarantine.", code="A222", fix="Use outage.stop for it.")
        with self._preparing:
            made = [row for row in self._quarantines() if row["VpcId"] == vpc and row["SecurityGroupType"] == kind]
            group = str(made[0]["SecurityGroupId"]) if made else self._make(vpc, kind)
            self._close(group, kind)
        return (group,)

    def rehearse(self, resources: Sequence[str]) -> None:
        """A swap is taken back in one call: it needs no rehearsal."""

    def swap(self, part: Part, state: State) -> None:
        self._calls.write("ecs", "ModifyInstanceAttribute", {**self._here(), "InstanceId": part.id, "SecurityGroupIds": list(state)})

    def clear(self) -> None:
        for row in self._quarantines():
            try:
                self._calls.write("ecs", "DeleteSecurityGroup", {**self._here(), "SecurityGroupId": row["SecurityGroupId"]})
            except Missing:
                continue

    def left(self) -> list[str]:
        return []

    def _quarantines(self) -> list[Mapping[str, Any]]:
        tag = tag_list({QUARANTINE: self._site})
        return self._calls.every("ecs", "DescribeSecurityGroups", _GROUPS, {**self._here(), "Tag": tag})

    def _kinds(self) -> dict[str, str]:
        """`normal` or `enterprise`, of every group of the region."""
        rows = self._calls.every("ecs", "DescribeSecurityGroups", _GROUPS, self._here())
        return {str(row["SecurityGroupId"]): str(row["SecurityGroupType"]) for row in rows}

    def _make(self, vpc: str, kind: str) -> str:
        tags = tag_list({**self._tags, QUARANTINE: self._site})
        name = {"SecurityGroupName": f"{QUARANTINE}-{self._site}-{kind}", "Description": "Drops everything, for the length of a drill."}
        wanted = {**self._here(), "VpcId": vpc, "SecurityGroupType": kind, **name, "Tag": tags}
        return str(self._calls.write("ecs", "CreateSecurityGroup", wanted)["SecurityGroupId"])

    def _close(self, group: str, kind: str) -> None:
        """Drop everything, also between its own members; a rule that is there already is no error."""
        where = {**self._here(), "SecurityGroupId": group}
        if kind != _ENTERPRISE:
            self._calls.write("ecs", "ModifySecurityGroupPolicy", {**where, "InnerAccessPolicy": "Drop"})
        for action, four, six in (
            ("AuthorizeSecurityGroup", "SourceCidrIp", "Ipv6SourceCidrIp"),
            ("AuthorizeSecurityGroupEgress", "DestCidrIp", "Ipv6DestCidrIp"),
        ):
            rules = [{**_ALL, four: "0.0.0.0/0"}, {**_ALL, six: "::/0"}]
            self._calls.write("ecs", action, {**where, "Permissions": rules})


def _running(row: Mapping[str, Any]) -> Part:
    tags = tags_of(row)
    vpc = str((row.get("VpcAttributes") or {}).get("VpcId", ""))
    return Part(row["InstanceId"], _TOWARDS[row["Status"]], tags, vpc, row["Status"] in {"Running", "Stopped"}, fenced=FENCED in tags)


def _grouped(row: Mapping[str, Any], kinds: Mapping[str, str]) -> Part:
    """The service promises no order of groups: they are compared sorted."""
    groups = tuple(sorted(map(str, dig(row, "SecurityGroupIds", "SecurityGroupId"))))
    kind = next((kinds[group] for group in groups if group in kinds), "normal")
    vpc = str((row.get("VpcAttributes") or {}).get("VpcId", ""))
    return Part(row["InstanceId"], groups, tags_of(row), f"{vpc}/{kind}" if vpc else "")
