"""The allow-lists of Alibaba Cloud's managed databases, RDS and PolarDB: for the length of an outage they let nobody in."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from drill.adapters.outage_aliyun_calls import AliyunCalls, Missing, dig, tag_list, tags_of
from drill.adapters.outage_aliyun_doors import Door
from drill.adapters.outage_parts import DATABASE_TAG, Part, State

_NOBODY: Final[State] = ("127.0.0.1",)
"""What the services take for an allow-list that lets nobody in."""
_HIDDEN: Final = "hidden"
"""Lists with this attribute are the service's own, and not ours to change."""
Rows = list[tuple[str, Mapping[str, str]]]
"""Databases with their tags."""


class _Lists(Door, ABC):
    """Allow-lists of databases with all opt-in tags and `drill-cut: yes`. Ids are `database/list`; addresses have no order."""

    doing = "its allow-list becomes one that lets nobody in"
    spares: Sequence[str] = ("connections to managed databases that are open already",)
    what = "database"

    def __init__(self, calls: AliyunCalls, tags: Mapping[str, str]) -> None:
        super().__init__(calls, tags)
        self._asked = {**self._tags, **DATABASE_TAG}

    def find(self) -> list[Part]:
        return [part for name, tags in self._databases(self._asked) for part in self._lists(name, tags)]

    def cuts(self) -> set[State]:
        return {_NOBODY}

    def prepare(self, network: str) -> State:
        return _NOBODY

    def left(self) -> list[str]:
        """A database may let in whole security groups beside its lists."""
        found = []
        for name, tags in self._databases(self._tags):
            if not self._asked.items() <= tags.items():
                found.append(f"the {self.what} {name}, which is left to a fence: it does not carry drill-cut: yes")
            elif groups := self._groups(name):
                found.append(f"the members of {', '.join(groups)}, which the {self.what} {name} lets in beside its allow-lists")
        return found

    @abstractmethod
    def _databases(self, tags: Mapping[str, str]) -> Rows:
        """Every database with these tags."""

    @abstractmethod
    def _lists(self, database: str, tags: Mapping[str, str]) -> list[Part]:
        """Its allow-lists. Raises: Missing: it is gone."""

    @abstractmethod
    def _groups(self, database: str) -> list[str]:
        """The security groups whose members it lets in."""


class AllowLists(_Lists):
    """Those of RDS (as Sort)."""

    kind = "allow-list"

    def read(self, resource: str) -> Part | None:
        database = resource.partition("/")[0]
        try:
            return next((part for part in self._lists(database, self._tags_of(database)) if part.id == resource), None)
        except Missing:
            return None

    def swap(self, part: Part, state: State) -> None:
        database, _, name = part.id.partition("/")
        which = {"DBInstanceId": database, "DBInstanceIPArrayName": name, "SecurityIps": ",".join(state), "ModifyMode": "Cover"}
        self._calls.insist("rds", "ModifySecurityIps", which)

    def _databases(self, tags: Mapping[str, str]) -> Rows:
        wanted = {**self._here(), "Tags": json.dumps(dict(tags))}
        rows = self._calls.numbered("rds", "DescribeDBInstances", ("Items", "DBInstance"), wanted)
        return [(str(row["DBInstanceId"]), self._tags_of(row["DBInstanceId"])) for row in rows]

    def _lists(self, database: str, tags: Mapping[str, str]) -> list[Part]:
        described = self._calls.read("rds", "DescribeDBInstanceIPArrayList", {"DBInstanceId": database})
        rows = dig(described, "Items", "DBInstanceIPArray")
        lists = ((row["DBInstanceIPArrayName"], row["SecurityIPList"]) for row in rows if row.get("DBInstanceIPArrayAttribute") != _HIDDEN)
        return _parts(database, lists, tags)

    def _groups(self, database: str) -> list[str]:
        described = self._calls.read("rds", "DescribeSecurityGroupConfiguration", {"DBInstanceId": database})
        return [str(row["SecurityGroupId"]) for row in dig(described, "Items", "EcsSecurityGroupRelation")]

    def _tags_of(self, database: str) -> dict[str, str]:
        wanted = {**self._here(), "ResourceType": "INSTANCE", "ResourceId": [database]}
        answer = self._calls.read("rds", "ListTagResources", wanted)
        return {row["TagKey"]: row["TagValue"] for row in dig(answer, "TagResources", "TagResource")}


class ClusterAllowLists(_Lists):
    """Those of PolarDB (as Sort).

    https://www.alibabacloud.com/help/en/polardb/api-polardb-2017-08-01-modifydbclusteraccesswhitelist
    """

    kind = "cluster-allow-list"
    what = "PolarDB cluster"

    def read(self, resource: str) -> Part | None:
        cluster = resource.partition("/")[0]
        try:
            rows = self._clusters({"DBClusterIds": cluster})
            return next((part for part in self._lists(cluster, rows[0][1]) if part.id == resource), None) if rows else None
        except Missing:
            return None

    def swap(self, part: Part, state: State) -> None:
        cluster, _, name = part.id.partition("/")
        which = {"DBClusterId": cluster, "WhiteListType": "IP", "DBClusterIPArrayName": name}
        self._calls.insist("polardb", "ModifyDBClusterAccessWhitelist", {**which, "SecurityIps": ",".join(state), "ModifyMode": "Cover"})

    def _databases(self, tags: Mapping[str, str]) -> Rows:
        return self._clusters({"Tag": tag_list(tags)})

    def _clusters(self, wanted: Mapping[str, Any]) -> Rows:
        rows = self._calls.numbered("polardb", "DescribeDBClusters", ("Items", "DBCluster"), {**self._here(), **wanted})
        return [(str(row["DBClusterId"]), tags_of(row)) for row in rows]

    def _lists(self, database: str, tags: Mapping[str, str]) -> list[Part]:
        rows = dig(self._described(database), "Items", "DBClusterIPArray")
        lists = ((row["DBClusterIPArrayName"], row["SecurityIps"]) for row in rows if row.get("DBClusterIPArrayAttribute") != _HIDDEN)
        return _parts(database, lists, tags)

    def _groups(self, database: str) -> list[str]:
        rows = dig(self._described(database), "DBClusterSecurityGroups", "DBClusterSecurityGroup")
        return [str(row["SecurityGroupId"]) for row in rows]

    def _described(self, cluster: str) -> Mapping[str, Any]:
        return self._calls.read("polardb", "DescribeDBClusterAccessWhitelist", {"DBClusterId": cluster})


def _parts(database: str, lists: Iterable[tuple[str, str]], tags: Mapping[str, str]) -> list[Part]:
    return [Part(f"{database}/{name}", tuple(sorted(str(addresses).split(","))), tags) for name, addresses in lists]
