"""Subnets of AWS, cut off by a network ACL without any rule: stateless, so that open connections die as well."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from drill.adapters.outage_aws_client import AwsClients, Gone, tag_filters, tags_of
from drill.adapters.outage_parts import QUARANTINE, Part, State
from drill.model.effects import Verb
from drill.model.errors import Fatal


class Subnets:
    """The subnets of a site that carry all opt-in tags (as Sort). Their state is their network ACL."""

    kind = "subnet"
    verb = Verb.UPDATE
    doing = "its network ACL becomes one without rules: nothing comes in or goes out"
    makes = "quarantine-acl"
    marked = True
    spares: Sequence[str] = ("traffic within one subnet", "the instance metadata and the name server of AWS")

    def __init__(self, clients: AwsClients, site: str, tags: Mapping[str, str]) -> None:
        self._clients = clients
        self._site = site
        self._tags = dict(tags)
        self._preparing = threading.Lock()

    def find(self) -> list[Part]:
        rows = self._clients.every("ec2", "describe_subnets", "Subnets", Filters=tag_filters(self._tags))
        held = self._acls({row["VpcId"] for row in rows})
        return [self._part(row, held) for row in rows]

    def read(self, resource: str) -> Part | None:
        try:
            rows = self._clients.call("ec2", "describe_subnets", SubnetIds=[resource])["Subnets"]
        except Gone:
            return None
        return self._part(rows[0], self._acls({rows[0]["VpcId"]})) if rows else None

    def cuts(self) -> set[State]:
        return {(row["NetworkAclId"],) for row in self._quarantines()}

    def prepare(self, network: str) -> State:
        with self._preparing:
            made = [row for row in self._quarantines() if row["VpcId"] == network]
            acl = made[0] if made else self._make(network)
        rules = [row for row in acl.get("Entries", ()) if row["RuleAction"] == "allow"]
        if rules:
            what = f"the network ACL {acl['NetworkAclId']} should let nothing through, and has {len(rules)} rules that do."
            raise Fatal(what, code="A214", fix=f"See who added them; remove it if nobody needs it (tag {QUARANTINE}={self._site}).")
        return (str(acl["NetworkAclId"]),)

    def rehearse(self, resources: Sequence[str]) -> None:
        """A swap is taken back in one call: it needs no rehearsal."""

    def swap(self, part: Part, state: State) -> None:
        """The association's id is the lock: whoever swapped in between made a new one."""
        association = self._acls({part.network})[part.id][1]
        self._clients.call("ec2", "replace_network_acl_association", AssociationId=association, NetworkAclId=state[0])

    def clear(self) -> None:
        for row in self._quarantines():
            try:
                self._clients.call("ec2", "delete_network_acl", NetworkAclId=row["NetworkAclId"])
            except Gone:
                continue

    def left(self) -> list[str]:
        return []

    def _part(self, row: Mapping[str, Any], held: Mapping[str, tuple[str, str]]) -> Part:
        return Part(row["SubnetId"], (held[row["SubnetId"]][0],), tags_of(row.get("Tags", ())), row["VpcId"])

    def _acls(self, networks: Collection[str]) -> dict[str, tuple[str, str]]:
        """The ACL and the association of each subnet of these networks."""
        filters = [{"Name": "vpc-id", "Values": sorted(networks)}]
        acls = self._clients.every("ec2", "describe_network_acls", "NetworkAcls", Filters=filters) if networks else []
        return {row["SubnetId"]: (acl["NetworkAclId"], row["NetworkAclAssociationId"]) for acl in acls for row in acl["Associations"]}

    def _quarantines(self) -> list[Mapping[str, Any]]:
        return self._clients.every("ec2", "describe_network_acls", "NetworkAcls", Filters=tag_filters({QUARANTINE: self._site}))

    def _make(self, network: str) -> Mapping[str, Any]:
        tags = [{"Key": key, "Value": value} for key, value in {**self._tags, QUARANTINE: self._site}.items()]
        specification = [{"ResourceType": "network-acl", "Tags": tags}]
        made: Mapping[str, Any] = self._clients.call("ec2", "create_network_acl", VpcId=network, TagSpecifications=specification)[
            "NetworkAcl"
        ]
        return made
