"""The security group of AWS that lets nothing through, what every sort has that hangs on groups, and interfaces of machines."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from drill.adapters.outage_aws_client import AwsClients, Gone, tag_filters, tags_of
from drill.adapters.outage_parts import QUARANTINE, Part, State
from drill.model.effects import Verb
from drill.model.errors import StepError

_STATEFUL: Final = "connections that are open already, where only security groups were swapped: these do not end what they have let in"
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
            group = self._found(network) or self._make(network)
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

    def _found(self, network: str) -> str:
        return next((str(row["GroupId"]) for row in self._groups() if row["VpcId"] == network), "")

    def _make(self, network: str) -> str:
        tags = [{"Key": key, "Value": value} for key, value in {**self._tags, QUARANTINE: self._site}.items()]
        try:
            made = self._clients.call(
                "ec2",
                "create_security_group",
                GroupName=f"{QUARANTINE}-{self._site}",
                Description="Lets nothing through, for the length of a drill.",
                VpcId=network,
                TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
            )
        except StepError:  # boto3 sends a call again whose answer was lost, and AWS refuses a second group of one name
            found = self._found(network)
            if not found:
                raise
            return found
        return str(made["GroupId"])

    def _empty(self, group: str) -> None:
        for rules, operation in (
            ("IpPermissions", "revoke_security_group_ingress"),
            ("IpPermissionsEgress", "revoke_security_group_egress"),
        ):
            held = self._rules(group, rules)
            if held:
                try:
                    self._clients.call("ec2", operation, GroupId=group, IpPermissions=held)
                except Gone:  # sent again by boto3: the first one has taken them away
                    if self._rules(group, rules):
                        raise

    def _rules(self, group: str, rules: str) -> Sequence[Mapping[str, Any]]:
        row = self._clients.call("ec2", "describe_security_groups", GroupIds=[group])["SecurityGroups"][0]
        return list(row.get(rules, ()))


class Grouped:
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

    def left(self) -> list[str]:
        """Nothing by default."""
        return []

    def _opted_in(self, tags: Mapping[str, str]) -> bool:
        return self._tags.items() <= tags.items()


class Interfaces(Grouped):
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
