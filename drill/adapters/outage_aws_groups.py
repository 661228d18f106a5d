"""Things of AWS that hang on security groups, cut off by one that lets nothing through: interfaces, load balancers, databases."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from drill.adapters.outage_aws_client import AwsClients, Gone, tag_filters, tags_of
from drill.adapters.outage_parts import DATABASE_TAG, QUARANTINE, Part, State
from drill.model.effects import Verb

_STATEFUL: Final = "connections that are open already: a security group does not end those it has let in"
_TAGS_OF_AT_ONCE: Final = 20
_DOING: Final = "its security groups become one that lets nothing through"


class GroupQuarantine:
    """The security group of a site that lets nothing through, one per VPC."""

    def __init__(self, clients: AwsClients, site: str, tags: Mapping[str, str]) -> None:
        self._clients = clients
        self._site = site
        self._tags = dict(tags)
        self._preparing = threading.Lock()

    def cuts(self) -> set[State]:
        """The states that mean cut off."""
        return {(row["GroupId"],) for row in self._groups()}

    def prepare(self, network: str) -> State:
        """Its id as a state; made once, and emptied before it is used: AWS gives a new one a rule that lets everything out."""
        with self._preparing:
            made = [row for row in self._groups() if row["VpcId"] == network]
            group = str(made[0]["GroupId"] if made else self._make(network))
            self._empty(group)
        return (group,)

    def clear(self) -> None:
        """Remove it. Raises: Retryable: something still hangs on it (A124)."""
        for row in self._groups():
            try:
                self._clients.call("ec2", "delete_security_group", GroupId=row["GroupId"])
            except Gone:
                continue

    def _groups(self) -> list[Mapping[str, Any]]:
        return self._clients.every("ec2", "describe_security_groups", "SecurityGroups", Filters=tag_filters({QUARANTINE: self._site}))

    def _make(self, network: str) -> str:
        tags = [{"Key": key, "Value": value} for key, value in {**self._tags, QUARANTINE: self._site}.items()]
        made = self._clients.call(
            "ec2",
            "create_security_group",
            GroupName=f"{QUARANTINE}-{self._site}",
            Description="Lets nothing through, for the length of a drill.",
            VpcId=network,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
        )
        return str(made["GroupId"])

    def _empty(self, group: str) -> None:
        row = self._clients.call("ec2", "describe_security_groups", GroupIds=[group])["SecurityGroups"][0]
        for rules, operation in (
            ("IpPermissions", "revoke_security_group_ingress"),
            ("IpPermissionsEgress", "revoke_security_group_egress"),
        ):
            if row.get(rules):
                self._clients.call("ec2", operation, GroupId=group, IpPermissions=row[rules])


class _Grouped:
    """What every sort has that hangs on security groups. AWS promises no order of them: they are compared sorted."""

    verb = Verb.UPDATE
    doing = _DOING
    makes = "quarantine-group"
    marked = True
    spares: Sequence[str] = (_STATEFUL,)

    def __init__(self, clients: AwsClients, tags: Mapping[str, str], quarantine: GroupQuarantine) -> None:
        self._clients = clients
        self._tags = dict(tags)
        self._quarantine = quarantine

    def cuts(self) -> set[State]:
        return self._quarantine.cuts()

    def prepare(self, network: str) -> State:
        return self._quarantine.prepare(network)

    def rehearse(self, resources: Sequence[str]) -> None:
        """A swap is taken back in one call: it needs no rehearsal."""

    def clear(self) -> None:
        self._quarantine.clear()

    def _opted_in(self, part: Part) -> bool:
        return all(part.tags.get(key) == value for key, value in self._tags.items())


class Interfaces(_Grouped):
    """The network interfaces of the machines that carry all opt-in tags (as Sort)."""

    kind = "interface"

    def find(self) -> list[Part]:
        rows = self._clients.every("ec2", "describe_instances", "Reservations", Filters=tag_filters(self._tags))
        machines = [
            machine for row in rows for machine in row["Instances"] if machine["State"]["Name"] not in {"terminated", "shutting-down"}
        ]
        return [self._part(port, machine) for machine in machines for port in machine.get("NetworkInterfaces", ())]

    def read(self, resource: str) -> Part | None:
        try:
            port = self._clients.call("ec2", "describe_network_interfaces", NetworkInterfaceIds=[resource])["NetworkInterfaces"][0]
            machine = port.get("Attachment", {}).get("InstanceId")
            rows = self._clients.call("ec2", "describe_instances", InstanceIds=[machine])["Reservations"] if machine else []
        except Gone:
            return None
        return self._part(port, rows[0]["Instances"][0] if rows else {})

    def swap(self, part: Part, state: State) -> None:
        self._clients.call("ec2", "modify_network_interface_attribute", NetworkInterfaceId=part.id, Groups=list(state))

    @staticmethod
    def _part(port: Mapping[str, Any], machine: Mapping[str, Any]) -> Part:
        groups = tuple(sorted(row["GroupId"] for row in port["Groups"]))
        note = f"of {machine['InstanceId']}" if "InstanceId" in machine else ""
        return Part(port["NetworkInterfaceId"], groups, tags_of(machine.get("Tags", ())), port["VpcId"], note=note)


class LoadBalancers(_Grouped):
    """The load balancers that carry all opt-in tags and have security groups (as Sort): no listener can be reached."""

    kind = "load-balancer"

    def find(self) -> list[Part]:
        rows = self._clients.every("elbv2", "describe_load_balancers", "LoadBalancers")
        return [part for part in self._parts(rows) if part.state and self._opted_in(part)]

    def read(self, resource: str) -> Part | None:
        try:
            rows = self._clients.call("elbv2", "describe_load_balancers", LoadBalancerArns=[resource])["LoadBalancers"]
        except Gone:
            return None
        return next(iter(self._parts(rows)), None)

    def swap(self, part: Part, state: State) -> None:
        self._clients.call("elbv2", "set_security_groups", LoadBalancerArn=part.id, SecurityGroups=list(state))

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


class Databases(_Grouped):
    """The RDS instances with all opt-in tags and `drill-cut: yes` (as Sort). Those of a cluster share its groups and are left to it."""

    kind = "database"

    def find(self) -> list[Part]:
        rows = self._clients.every("rds", "describe_db_instances", "DBInstances")
        return [part for row in rows if not row.get("DBClusterIdentifier") and self._cuttable(part := self._part(row))]

    def read(self, resource: str) -> Part | None:
        try:
            rows = self._clients.call("rds", "describe_db_instances", DBInstanceIdentifier=resource)["DBInstances"]
        except Gone:
            return None
        return self._part(rows[0]) if rows else None

    def _cuttable(self, part: Part) -> bool:
        return self._opted_in(part) and DATABASE_TAG.items() <= part.tags.items()

    def swap(self, part: Part, state: State) -> None:
        self._clients.call(
            "rds", "modify_db_instance", DBInstanceIdentifier=part.id, VpcSecurityGroupIds=list(state), ApplyImmediately=True
        )

    @staticmethod
    def _part(row: Mapping[str, Any]) -> Part:
        """Groups on their way out are counted no more."""
        groups = [group for group in row.get("VpcSecurityGroups", ()) if group["Status"] not in {"removing", "removed"}]
        settled = all(group["Status"] == "active" for group in row.get("VpcSecurityGroups", ()))
        state = tuple(sorted(group["VpcSecurityGroupId"] for group in groups))
        return Part(
            row["DBInstanceIdentifier"], state, tags_of(row.get("TagList", ())), row.get("DBSubnetGroup", {}).get("VpcId", ""), settled
        )
