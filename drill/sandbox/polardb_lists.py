"""The clusters of PolarDB in one region of Alibaba Cloud, in memory: their allow-lists, and the security groups they let in."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from drill.sandbox.alidns_api import AlidnsRefused

_SIZES: Final = frozenset({30, 50, 100})


@dataclass
class Cluster:
    """One cluster. `lists`: addresses by the name of the allow-list; `hidden` ones are the service's own. `refusals`: to come."""

    id: str
    tags: dict[str, str]
    lists: dict[str, str]
    groups: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset({"dts_ips"})
    refusals: int = 0


class PolarDbListsApi:
    """Actions of PolarDB around allow-lists (as Actions of the server)."""

    version: Final = "2017-08-01"
    actions: Final = frozenset({"DescribeDBClusters", "DescribeDBClusterAccessWhitelist", "ModifyDBClusterAccessWhitelist"})

    def __init__(self) -> None:
        self.clusters: dict[str, Cluster] = {}
        self._lock = threading.Lock()

    def call(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """Carry one out. Raises: AlidnsRefused."""
        with self._lock:
            if action == "DescribeDBClusters":
                return self._list(query)
            cluster = self.clusters.get(query["DBClusterId"])
            if cluster is None:
                raise AlidnsRefused("InvalidDBClusterId.NotFound", "The DBClusterId provided does not exist in our records.", 404)
            return self._lists(cluster) if action == "DescribeDBClusterAccessWhitelist" else self._modify(cluster, query)

    def _list(self, query: Mapping[str, Any]) -> dict[str, Any]:
        size, number = int(query.get("PageSize", 30)), int(query.get("PageNumber", 1))
        if size not in _SIZES or not query["RegionId"]:
            raise AlidnsRefused("InvalidPageSize.Malformed", "The specified page size is not valid.")
        wanted = {tag["Key"]: tag["Value"] for tag in query.get("Tag", ())}
        ids = str(query["DBClusterIds"]).split(",") if query.get("DBClusterIds") else list(self.clusters)
        rows = [row for row in self.clusters.values() if row.id in ids and wanted.items() <= row.tags.items()]
        shown = [
            {"DBClusterId": row.id, "DBClusterStatus": "Running", "Tags": {"Tag": [{"Key": k, "Value": v} for k, v in row.tags.items()]}}
            for row in rows[(number - 1) * size : number * size]
        ]
        counts = {"TotalRecordCount": len(rows), "PageRecordCount": len(shown), "PageNumber": number}
        return {"Items": {"DBCluster": shown}, **counts}

    @staticmethod
    def _lists(cluster: Cluster) -> dict[str, Any]:
        rows = [
            {
                "DBClusterIPArrayName": name,
                "SecurityIps": addresses,
                "DBClusterIPArrayAttribute": "hidden" if name in cluster.hidden else "",
            }
            for name, addresses in cluster.lists.items()
        ]
        groups = [{"SecurityGroupId": name, "SecurityGroupName": name} for name in cluster.groups]
        return {"Items": {"DBClusterIPArray": rows}, "DBClusterSecurityGroups": {"DBClusterSecurityGroup": groups}}

    @staticmethod
    def _modify(cluster: Cluster, query: Mapping[str, Any]) -> dict[str, Any]:
        name = str(query.get("DBClusterIPArrayName", "default"))
        if cluster.refusals:
            cluster.refusals -= 1
            raise AlidnsRefused("OperationDenied.DBClusterStatus", "The operation is not permitted due to status of cluster.", 403)
        if query.get("WhiteListType", "IP") != "IP" or query.get("ModifyMode", "Cover") != "Cover" or not query.get("SecurityIps"):
            raise AlidnsRefused("InvalidSecurityIPs.Malformed", "The specified SecurityIps is not valid.")
        if name in cluster.hidden:
            raise AlidnsRefused("InvalidDBClusterIPArrayName.Malformed", "The list is the service's own.")
        cluster.lists[name] = str(query["SecurityIps"])
        return {}
