"""Load balancers and managed databases of one region of Alibaba Cloud, in memory: listeners, and allow-lists."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drill.sandbox.alidns_api import AlidnsRefused


@dataclass
class Balancer:
    """One load balancer. `listeners`: status by protocol and port."""

    id: str
    tags: dict[str, str]
    listeners: dict[tuple[str, int], str] = field(default_factory=dict)


class SlbApi:
    """Actions of the classic load balancer (as Actions of the server)."""

    version: Final = "2014-05-15"
    actions: Final = frozenset(
        {"DescribeLoadBalancers", "DescribeLoadBalancerListeners", "StopLoadBalancerListener", "StartLoadBalancerListener"}
    )

    def __init__(self) -> None:
        self.balancers: dict[str, Balancer] = {}
        self._lock = threading.Lock()

    def call(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            if action == "DescribeLoadBalancers":
                return self._balancers(query)
            if action == "DescribeLoadBalancerListeners":
                return self._listeners(query)
            key = (query["ListenerProtocol"], int(query["ListenerPort"]))
            balancer = self.balancers.get(query["LoadBalancerId"])
            if balancer is None or key not in balancer.listeners:
                raise AlidnsRefused("InvalidListener.NotFound", "The specified listener does not exist.", 404)
            balancer.listeners[key] = "stopped" if action == "StopLoadBalancerListener" else "running"
            return {}

    def _balancers(self, query: Mapping[str, Any]) -> dict[str, Any]:
        wanted = {tag["Key"]: tag["Value"] for tag in query.get("Tag", ())}
        rows = [row for row in self.balancers.values() if wanted.items() <= row.tags.items()]
        rows = [row for row in rows if query.get("LoadBalancerId", row.id) == row.id]
        size, at = int(query["PageSize"]), (int(query["PageNumber"]) - 1) * int(query["PageSize"])
        tags = {row.id: [{"TagKey": key, "TagValue": value} for key, value in row.tags.items()] for row in rows}
        shown = [{"LoadBalancerId": row.id, "Tags": {"Tag": tags[row.id]}} for row in rows[at : at + size]]
        return {"LoadBalancers": {"LoadBalancer": shown}, "TotalCount": len(rows), "PageSize": size, "PageNumber": int(query["PageNumber"])}

    def _listeners(self, query: Mapping[str, Any]) -> dict[str, Any]:
        rows = [self.balancers[name] for name in query["LoadBalancerId"] if name in self.balancers]
        shown = [
            {"LoadBalancerId": row.id, "ListenerProtocol": protocol, "ListenerPort": port, "Status": status}
            for row in rows
            for (protocol, port), status in row.listeners.items()
        ]
        return {"Listeners": shown, "TotalCount": len(shown), "NextToken": ""}


@dataclass
class Database:
    """One managed database. `lists`: addresses by the name of the allow-list; `hidden` ones are the service's own. `groups`: let in too."""

    id: str
    tags: dict[str, str]
    lists: dict[str, str]
    hidden: frozenset[str] = frozenset({"hdm_security_ips"})
    groups: tuple[str, ...] = ()


class RdsApi:
    """Actions of managed databases (as Actions of the server)."""

    version: Final = "2014-08-15"
    actions: Final = frozenset(
        {
            "DescribeDBInstances",
            "DescribeDBInstanceIPArrayList",
            "DescribeSecurityGroupConfiguration",
            "ListTagResources",
            "ModifySecurityIps",
        }
    )

    def __init__(self) -> None:
        self.databases: dict[str, Database] = {}
        self._lock = threading.Lock()

    def call(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            if action == "DescribeDBInstances":
                wanted = json.loads(query.get("Tags", "{}"))
                rows = [row.id for row in self.databases.values() if wanted.items() <= row.tags.items()]
                return {"Items": {"DBInstance": [{"DBInstanceId": name} for name in rows]}, "TotalRecordCount": len(rows)}
            if action == "ListTagResources":
                tags = [(name, tag) for name in query["ResourceId"] for tag in self._of(name).tags.items()]
                shown = [{"ResourceId": name, "TagKey": key, "TagValue": value} for name, (key, value) in tags]
                return {"TagResources": {"TagResource": shown}}
            database = self._of(query["DBInstanceId"])
            if action == "DescribeSecurityGroupConfiguration":
                groups = [{"SecurityGroupId": name, "NetworkType": "VPC"} for name in database.groups]
                return {"DBInstanceName": database.id, "Items": {"EcsSecurityGroupRelation": groups}}
            return self._modify(database, query) if action == "ModifySecurityIps" else self._lists(database)

    @staticmethod
    def _lists(database: Database) -> dict[str, Any]:
        rows = [
            {
                "DBInstanceIPArrayName": name,
                "SecurityIPList": addresses,
                "DBInstanceIPArrayAttribute": "hidden" if name in database.hidden else "",
            }
            for name, addresses in database.lists.items()
        ]
        return {"Items": {"DBInstanceIPArray": rows}}

    @staticmethod
    def _modify(database: Database, query: Mapping[str, Any]) -> dict[str, Any]:
        name = query.get("DBInstanceIPArrayName", "default")
        if name in database.hidden:
            raise AlidnsRefused("InvalidSecurityIPs.NotSupport", "The list is the service's own.", 403)
        if query.get("ModifyMode", "Cover") != "Cover" or not query["SecurityIps"]:
            raise AlidnsRefused("InvalidSecurityIPs.Format", "The specified list is not valid.")
        database.lists[name] = query["SecurityIps"]
        return {"TaskId": "1", "DBInstanceId": database.id}

    def _of(self, name: str) -> Database:
        if name not in self.databases:
            raise AlidnsRefused("InvalidDBInstanceId.NotFound", "The specified instance does not exist.", 404)
        return self.databases[name]
