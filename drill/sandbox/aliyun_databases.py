"""ApsaraDB RDS and PolarDB as their APIs show them: disaster-recovery instances, allow-lists, a global database network."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drill.sandbox.alidns_api import AlidnsRefused

RDS_ACTIONS: Final = frozenset(
    {
        "DescribeDBInstanceAttribute",
        "DescribeDBInstanceIPArrayList",
        "ListTagResources",
        "TagResources",
        "UntagResources",
        "ModifySecurityIps",
        "RestartDBInstance",
        "DeleteReplicationLink",
    }
)
POLARDB_ACTIONS: Final = frozenset({"DescribeGlobalDatabaseNetwork", "SwitchOverGlobalDatabaseNetwork", "ListTagResources"})
_MOST_TAG: Final = 128


@dataclass
class Instance:
    """One RDS instance. `steps` is how many looks a change takes to be done."""

    name: str
    source: str = ""
    lists: dict[str, str] = field(default_factory=lambda: {"default": "10.0.0.0/8"})
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "Running"
    steps: int = 0


class RdsApi:
    """The part of ApsaraDB RDS that a promotion and a fence need (Actions of alidns_http)."""

    version = "2014-08-15"
    actions = RDS_ACTIONS

    def __init__(self, *instances: Instance) -> None:
        self.instances = {instance.name: instance for instance in instances}
        self._lock = threading.Lock()

    def call(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """Carry one out. Raises: AlidnsRefused."""
        with self._lock:
            if action in {"ListTagResources", "TagResources", "UntagResources"}:
                return self._tags(action, query)
            instance = self._instance(str(query["DBInstanceId"]))
            match action:
                case "DescribeDBInstanceAttribute":
                    return self._describe(instance)
                case "DescribeDBInstanceIPArrayList":
                    rows = [{"DBInstanceIPArrayName": name, "SecurityIPList": addresses} for name, addresses in instance.lists.items()]
                    hidden = {"DBInstanceIPArrayName": "hdm", "SecurityIPList": "11.0.0.1", "DBInstanceIPArrayAttribute": "hidden"}
                    return {"Items": {"DBInstanceIPArray": [*rows, hidden]}}
            self._change(action, instance, query)
            return {"DBInstanceId": instance.name, "TaskId": 1}

    def _instance(self, name: str) -> Instance:
        if name not in self.instances:
            raise AlidnsRefused("InvalidDBInstanceId.NotFound", f"The DBInstanceId {name} does not exist.", 404)
        return self.instances[name]

    def _describe(self, instance: Instance) -> dict[str, Any]:
        if instance.steps > 0:
            instance.steps -= 1
            if instance.steps == 0:
                instance.status = "Running"
        kind = "Guard" if instance.source else "Primary"
        row = {"DBInstanceId": instance.name, "DBInstanceStatus": instance.status, "DBInstanceType": kind}
        return {"Items": {"DBInstanceAttribute": [row | ({"IncrementSourceDBInstanceId": instance.source} if instance.source else {})]}}

    def _change(self, action: str, instance: Instance, query: Mapping[str, Any]) -> None:
        if instance.status != "Running":
            raise AlidnsRefused("IncorrectDBInstanceState", "The current instance state does not support this operation.", 400)
        if action == "ModifySecurityIps":
            if query.get("ModifyMode", "Cover") != "Cover" or not query.get("SecurityIps"):
                raise AlidnsRefused("InvalidSecurityIPs.Format", "The specified SecurityIPs is not valid.", 400)
            instance.lists[str(query.get("DBInstanceIPArrayName", "default"))] = str(query["SecurityIps"])
        elif action == "RestartDBInstance":
            instance.status, instance.steps = "Rebooting", 2
        else:
            if not instance.source:
                raise AlidnsRefused("InvalidDBInstance.NotDisasterRecovery", "The instance is not a disaster recovery instance.", 400)
            if query["PromoteToMaster"] != "true":
                raise AlidnsRefused("InvalidParameter", "PromoteToMaster is not valid.", 400)
            instance.source, instance.status, instance.steps = "", "Transing", 2

    def _tags(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        if query["ResourceType"] != "INSTANCE":
            raise AlidnsRefused("InvalidParameter.ResourceType", "ResourceType is not valid.", 400)
        (name,) = query["ResourceId"]
        instance = self._instance(str(name))
        if action == "TagResources":
            given = {str(row["Key"]): str(row["Value"]) for row in query["Tag"]}
            if any(len(value) > _MOST_TAG for value in given.values()):
                raise AlidnsRefused("InvalidParameter.TagValue", "A tag value is too long.", 400)
            instance.tags |= given
        elif action == "UntagResources":
            for key in query["TagKey"]:
                instance.tags.pop(str(key), None)
        return _tag_rows(instance.name, instance.tags)


@dataclass
class Member:
    """One cluster of a global database network."""

    role: str
    lag: str = "0"
    tags: dict[str, str] = field(default_factory=dict)


class PolarDbApi:
    """One global database network of PolarDB (Actions of alidns_http)."""

    version = "2017-08-01"
    actions = POLARDB_ACTIONS

    def __init__(self, network: str, members: Mapping[str, Member]) -> None:
        self.network = network
        self.members = dict(members)
        self.forced: list[bool] = []
        self._steps = 0
        self._lock = threading.Lock()

    def call(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """Carry one out. Raises: AlidnsRefused."""
        with self._lock:
            if action == "ListTagResources":
                (name,) = query["ResourceId"]
                return _tag_rows(str(name), self._member(str(name)).tags)
            if query["GDNId"] != self.network:
                raise AlidnsRefused("InvalidGDNId.NotFound", "The GDNId provided does not exist in our records.", 404)
            if action == "SwitchOverGlobalDatabaseNetwork":
                self._switch(str(query["DBClusterId"]), forced=query.get("Forced") == "true")
                return {}
            self._steps = max(0, self._steps - 1)
            return {
                "GDNId": self.network,
                "GDNStatus": "locked" if self._steps else "active",
                "DBClusters": [
                    {"DBClusterId": name, "Role": member.role, "DBClusterStatus": "Running", "ReplicaLag": member.lag}
                    for name, member in self.members.items()
                ],
            }

    def _member(self, name: str) -> Member:
        if name not in self.members:
            raise AlidnsRefused("InvalidDBCluster.NotFound", "The DBClusterId provided does not exist in our records.", 404)
        return self.members[name]

    def _switch(self, name: str, *, forced: bool) -> None:
        if self._steps:
            raise AlidnsRefused("GDN.StatusNotSupport", "The status of the GDN does not support this operation.", 400)
        if self._member(name).role == "primary":
            raise AlidnsRefused("GDN.AlreadyPrimary", "The cluster is the primary cluster already.", 400)
        for each, member in self.members.items():
            member.role = "primary" if each == name else "standby"
        self.forced.append(forced)
        self._steps = 3


def _tag_rows(name: str, tags: Mapping[str, str]) -> dict[str, Any]:
    return {"TagResources": {"TagResource": [{"ResourceId": name, "TagKey": key, "TagValue": value} for key, value in tags.items()]}}
