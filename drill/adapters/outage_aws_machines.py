"""Machines of AWS, stopped and started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from drill.adapters.outage_aws_client import AwsClients, Gone, tag_filters, tags_of
from drill.adapters.outage_parts import FENCED, Part, State
from drill.model.effects import Verb
from drill.model.errors import Fatal

RUNNING: Final[State] = ("running",)
STOPPED: Final[State] = ("stopped",)
_TOWARDS: Final[Mapping[str, State]] = {"running": RUNNING, "pending": RUNNING, "stopping": STOPPED, "stopped": STOPPED}
_SCALING: Final = "aws:autoscaling:groupName"


class Machines:
    """The EC2 instances that carry all opt-in tags (as Sort). Their state is whether they run."""

    kind = "machine"
    verb = Verb.STOP
    doing = "StopInstances"
    makes = ""
    marked = False
    spares: Sequence[str] = ("load balancers and managed databases: only machines are stopped",)

    def __init__(self, clients: AwsClients, tags: Mapping[str, str]) -> None:
        self._clients = clients
        self._tags = dict(tags)

    def find(self) -> list[Part]:
        rows = self._clients.every("ec2", "describe_instances", "Reservations", Filters=tag_filters(self._tags))
        return [part for row in rows for machine in row["Instances"] if (part := _part(machine)) is not None]

    def read(self, resource: str) -> Part | None:
        try:
            rows = self._clients.call("ec2", "describe_instances", InstanceIds=[resource])["Reservations"]
        except Gone:
            return None
        return _part(rows[0]["Instances"][0]) if rows else None

    def cuts(self) -> set[State]:
        return {STOPPED}

    def prepare(self, network: str) -> State:
        return STOPPED

    def rehearse(self, resources: Sequence[str]) -> None:
        """Raises: Fatal: an auto scaling group would replace one while it is stopped (A218)."""
        running = [part for resource in resources if (part := self.read(resource)) is not None and part.state == RUNNING]
        for part in running:
            if _SCALING in part.tags:
                what = f"{part.id} belongs to the auto scaling group {part.tags[_SCALING]}, which would replace it while it is stopped."
                raise Fatal(what, code="A218", fix="Use outage.isolate, or keep machines of auto scaling groups out of the drill.")
        if running:
            self._clients.rehearse("ec2", "stop_instances", InstanceIds=[part.id for part in running])

    def swap(self, part: Part, state: State) -> None:
        operation = "stop_instances" if state == STOPPED else "start_instances"
        self._clients.call("ec2", operation, InstanceIds=[part.id])

    def clear(self) -> None:
        """Nothing was made."""

    def left(self) -> list[str]:
        return []

    def mark(self, resource: str, key: str, value: str) -> None:
        """Give a machine a tag."""
        self._clients.call("ec2", "create_tags", Resources=[resource], Tags=[{"Key": key, "Value": value}])

    def unmark(self, resource: str, key: str) -> None:
        """Take a tag from a machine."""
        self._clients.call("ec2", "delete_tags", Resources=[resource], Tags=[{"Key": key}])


def _part(machine: Mapping[str, Any]) -> Part | None:
    """None: it is terminated, or about to be."""
    name = machine["State"]["Name"]
    if name not in _TOWARDS:
        return None
    public, elastic = machine.get("PublicIpAddress"), _elastic(machine)
    note = f"comes back with another public address than {public}" if public and not elastic else ""
    tags = tags_of(machine.get("Tags", ()))
    return Part(machine["InstanceId"], _TOWARDS[name], tags, settled=name in {"running", "stopped"}, note=note, fenced=FENCED in tags)


def _elastic(machine: Mapping[str, Any]) -> bool:
    owners = [port.get("Association", {}).get("IpOwnerId", "amazon") for port in machine.get("NetworkInterfaces", ())]
    return any(owner != "amazon" for owner in owners)
