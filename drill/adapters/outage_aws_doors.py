"""The doors of a site of AWS: load balancers, and managed databases, which are cut off by their security groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from drill.adapters.outage_aws_client import AwsClients, Gone, tags_of
from drill.adapters.outage_aws_groups import Grouped, GroupQuarantine
from drill.adapters.outage_parts import DATABASE_TAG, Part, State

_TAGS_OF_AT_ONCE: Final = 20
_LEAVING: Final = frozenset({"removing", "removed"})
_MODIFYING: Final = frozenset({"modifying", "rebooting", "starting", "stopping"})
"""States of a database in which its groups cannot be changed, and that end by themselves."""
_STOPPED: Final = "stopped"
"""A database that does not run lets nobody in, and its groups cannot be changed."""
Shut = Callable[[], Collection[str]]
"""The subnets that are cut off whole: what lies only in them needs no door of its own."""


class _Door(Grouped):
    """A door that lies in subnets. `shut` tells which of them are cut off anyway."""

    def __init__(self, clients: AwsClients, tags: Mapping[str, str], quarantine: GroupQuarantine, shut: Shut = frozenset) -> None:
        super().__init__(clients, tags, quarantine)
        self._shut = shut

    def _reached_beside(self, subnets: Collection[str], shut: Collection[str]) -> bool:
        return not subnets or not set(subnets) <= set(shut)


class LoadBalancers(_Door):
    """The load balancers that carry all opt-in tags and have security groups (as Sort): no listener can be reached."""

    kind = "load-balancer"

    def find(self) -> list[Part]:
        return [part for part in self._parts(self._rows()) if part.state and self._opted_in(part.tags)]

    def read(self, resource: str) -> Part | None:
        try:
            rows = self._clients.call("elbv2", "describe_load_balancers", LoadBalancerArns=[resource])["LoadBalancers"]
        except Gone:
            return None
        return next(iter(self._parts(rows)), None)

    def swap(self, part: Part, state: State) -> None:
        self._clients.call("elbv2", "set_security_groups", LoadBalancerArn=part.id, SecurityGroups=list(state))

    def left(self) -> list[str]:
        """Those that were made without groups can never have any; PrivateLink may be let past the groups."""
        rows, found = self._rows(), list[str]()
        opted_in = {part.id: part for part in self._parts(rows) if self._opted_in(part.tags)}
        shut = self._shut() if opted_in else frozenset[str]()
        for row in (row for row in rows if row["LoadBalancerArn"] in opted_in):
            name, subnets = row["LoadBalancerName"], [zone["SubnetId"] for zone in row.get("AvailabilityZones", ()) if "SubnetId" in zone]
            if not opted_in[row["LoadBalancerArn"]].state and self._reached_beside(subnets, shut):
                found.append(f"the load balancer {name}: it has no security groups that could be swapped")
            if row.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic") == "off":
                found.append(f"what reaches the load balancer {name} by PrivateLink, which its security groups do not judge")
        return found

    def _rows(self) -> list[Mapping[str, Any]]:
        return self._clients.every("elbv2", "describe_load_balancers", "LoadBalancers")

    def _parts(self, rows: Sequence[Mapping[str, Any]]) -> list[Part]:
        names, tags = iter([row["LoadBalancerArn"] for row in rows]), {}
        while some := list(islice(names, _TAGS_OF_AT_ONCE)):
            described = self._clients.call("elbv2", "describe_tags", ResourceArns=some)["TagDescriptions"]
            tags.update({row["ResourceArn"]: tags_of(row["Tags"]) for row in described})
        return [
            Part(
                row["LoadBalancerArn"],
                tuple(sorted(row.get("SecurityGroups", ()))),
                tags.get(row["LoadBalancerArn"], {}),
                row.get("VpcId", ""),
            )
            for row in rows
        ]


class _Managed(_Door):
    """A managed database. One that opted in is cut only with `drill-cut: yes` as well: else it is left to a fence."""

    def _cuttable(self, part: Part) -> bool:
        return {**self._tags, **DATABASE_TAG}.items() <= part.tags.items()


class Clusters(_Managed):
    """The clusters of Aurora and RDS with all opt-in tags and `drill-cut: yes` (as Sort): their instances share their groups."""

    kind = "database-cluster"

    def find(self) -> list[Part]:
        return [part for row in self._rows() if row.get("Status") != _STOPPED and self._cuttable(part := self._part(row))]

    def read(self, resource: str) -> Part | None:
        try:
            rows = self._clients.call("rds", "describe_db_clusters", DBClusterIdentifier=resource)["DBClusters"]
        except Gone:
            return None
        return self._part(rows[0]) if rows else None

    def swap(self, part: Part, state: State) -> None:
        self._clients.call("rds", "modify_db_cluster", DBClusterIdentifier=part.id, VpcSecurityGroupIds=list(state), ApplyImmediately=True)

    def left(self) -> list[str]:
        """The Data API speaks to a cluster by an address of AWS, whatever its groups."""
        opted_in = [(row, part) for row in self._rows() if self._opted_in((part := self._part(row)).tags)]
        shut = self._shut() if opted_in else frozenset[str]()
        found = [f"the Data API of the database cluster {part.id}" for row, part in opted_in if row.get("HttpEndpointEnabled")]
        for row, part in opted_in:
            if not self._cuttable(part) and self._reached_beside(self._subnets(row)[1], shut):
                found.append(_left_to_a_fence("database cluster", part.id))
        return found

    def _rows(self) -> list[Mapping[str, Any]]:
        return self._clients.every("rds", "describe_db_clusters", "DBClusters")

    def _subnets(self, row: Mapping[str, Any]) -> tuple[str, list[str]]:
        """The network and the subnets of a cluster, which names only the group of them."""
        if not row.get("DBSubnetGroup"):
            return "", []
        group = self._clients.call("rds", "describe_db_subnet_groups", DBSubnetGroupName=row["DBSubnetGroup"])["DBSubnetGroups"][0]
        return str(group["VpcId"]), [each["SubnetIdentifier"] for each in group["Subnets"]]

    def _part(self, row: Mapping[str, Any]) -> Part:
        tags = tags_of(row.get("TagList", ()))
        network = self._subnets(row)[0] if self._opted_in(tags) else ""
        state, settled = _groups(row)
        return Part(row["DBClusterIdentifier"], state, tags, network, settled and row.get("Status") not in _MODIFYING)


class Databases(_Managed):
    """The RDS instances with all opt-in tags and `drill-cut: yes` (as Sort). Those of a cluster share its groups and are left to it."""

    kind = "database"

    def find(self) -> list[Part]:
        alone = [row for row in self._rows() if not row.get("DBClusterIdentifier") and row.get("DBInstanceStatus") != _STOPPED]
        return [part for row in alone if self._cuttable(part := self._part(row))]

    def read(self, resource: str) -> Part | None:
        try:
            rows = self._clients.call("rds", "describe_db_instances", DBInstanceIdentifier=resource)["DBInstances"]
        except Gone:
            return None
        return self._part(rows[0]) if rows else None

    def swap(self, part: Part, state: State) -> None:
        self._clients.call(
            "rds", "modify_db_instance", DBInstanceIdentifier=part.id, VpcSecurityGroupIds=list(state), ApplyImmediately=True
        )

    def left(self) -> list[str]:
        opted_in = [row for row in self._rows() if self._opted_in(self._part(row).tags)]
        shut = self._shut() if opted_in else frozenset[str]()
        with_their_cluster = {part.id for part in Clusters(self._clients, self._tags, self._quarantine).find()} if opted_in else set[str]()
        found = []
        for row in opted_in:
            part, cluster = self._part(row), row.get("DBClusterIdentifier")
            subnets = [each["SubnetIdentifier"] for each in row.get("DBSubnetGroup", {}).get("Subnets", ())]
            if not self._reached_beside(subnets, shut):
                continue
            if not cluster and not self._cuttable(part):
                found.append(_left_to_a_fence("database", part.id))
            if cluster and self._cuttable(part) and cluster not in with_their_cluster:
                found.append(f"the database {part.id}: its groups are those of its cluster {cluster}, which does not carry the tags")
        return found

    def _rows(self) -> list[Mapping[str, Any]]:
        return self._clients.every("rds", "describe_db_instances", "DBInstances")

    @staticmethod
    def _part(row: Mapping[str, Any]) -> Part:
        state, settled = _groups(row)
        tags, network = tags_of(row.get("TagList", ())), row.get("DBSubnetGroup", {}).get("VpcId", "")
        return Part(row["DBInstanceIdentifier"], state, tags, network, settled and row.get("DBInstanceStatus") not in _MODIFYING)


def _groups(row: Mapping[str, Any]) -> tuple[State, bool]:
    """The groups of a database, without those on their way out, and whether none is on its way."""
    rows = row.get("VpcSecurityGroups", ())
    groups = tuple(sorted(group["VpcSecurityGroupId"] for group in rows if group["Status"] not in _LEAVING))
    return groups, all(group["Status"] == "active" for group in rows)


def _left_to_a_fence(what: str, name: str) -> str:
    return f"the {what} {name}, which is left to a fence: it does not carry drill-cut: yes"
