"""Looks at an account of AWS for the doctor: who calls, what they may do, regions, stock and quota (port Cloud); it only reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from drill.adapters.doctor_clock import ahead_of_s
from drill.adapters.outage_aws_client import AwsClients
from drill.model.errors import Fatal
from drill.model.ports_doctor import Quota, Right

_STANDARD: Final = "L-1216C47A"
"""Virtual processors of running on-demand machines of the families A, C, D, H, I, M, R, T and Z."""
_FAMILIES: Final = re.compile(r"[acdhimrtz]\d")
_ROLE: Final = re.compile(r"arn:(aws[\w-]*):sts::(\d+):assumed-role/([^/]+)/.*")
_AT_ONCE: Final = 100


class AwsLooks:
    """An account, seen from one of its regions. `open_clients` makes the clients of a region."""

    provider = "aws"

    def __init__(self, region: str, open_clients: Callable[[str], AwsClients] = AwsClients) -> None:
        self._region = region
        self._open = open_clients
        self._made: dict[str, AwsClients] = {}

    def identity(self) -> str:
        return str(self._at(self._region).call("sts", "get_caller_identity")["Arn"])

    def denied(self, rights: Sequence[Right]) -> Sequence[str]:
        """By IAM's own simulation, each right on resources of its kind. A boundary of the organisation is not part of it."""
        arn = self.identity()
        found: dict[str, None] = {}
        for right in rights:
            for actions in _parts(right.actions):
                found.update(dict.fromkeys(self._refused(_principal(arn), actions, right)))
        return list(found)

    def _refused(self, principal: str, actions: list[str], right: Right) -> Iterator[str]:
        account = principal.split(":")[4]
        resources = [_example(resource, account) for resource in right.resources]
        rows = self._at(self._region).every(
            "iam",
            "simulate_principal_policy",
            "EvaluationResults",
            PolicySourceArn=principal,
            ActionNames=actions,
            ResourceArns=resources,
            ContextEntries=list(_context(right.when)),
        )
        for row in rows:
            if row["EvalDecision"] != "allowed":
                yield str(row["EvalActionName"])

    def regions(self) -> Collection[str]:
        return {str(row["RegionName"]) for row in self._at(self._region).call("ec2", "describe_regions")["Regions"]}

    def zones(self, region: str, kind: str) -> Sequence[str]:
        filters = [{"Name": "instance-type", "Values": [kind]}]
        rows = self._at(region).every(
            "ec2", "describe_instance_type_offerings", "InstanceTypeOfferings", LocationType="availability-zone", Filters=filters
        )
        return sorted(str(row["Location"]) for row in rows)

    def quota(self, region: str, kind: str) -> Quota:
        """Raises: Fatal: the type is of a family that is counted by itself (A222), or AWS does not know it (A214)."""
        if not _FAMILIES.match(kind):
            what = f"machines of type {kind} are counted apart from the others."
            raise Fatal(what, code="A222", fix="See their quota in the console of Service Quotas.")
        clients = self._at(region)
        limit = clients.call("service-quotas", "get_service_quota", ServiceCode="ec2", QuotaCode=_STANDARD)["Quota"]["Value"]
        named = [{"Name": "instance-type", "Values": [kind]}]  # asked for by its name, an unknown one would be an error like any other
        types = clients.every("ec2", "describe_instance_types", "InstanceTypes", Filters=named)
        if not types:
            raise Fatal(f"AWS knows no type {kind}.", code="A214", fix="Correct the step's instance_type.")
        each = types[0]["VCpuInfo"]["DefaultVCpus"]
        running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        rows = clients.every("ec2", "describe_instances", "Reservations", Filters=running)
        return Quota(int(limit), sum(_processors(machine) for row in rows for machine in row["Instances"]), int(each))

    def has_image(self, region: str, image: str) -> bool:
        filters = [{"Name": "image-id", "Values": [image]}]
        return bool(self._at(region).call("ec2", "describe_images", Filters=filters)["Images"])

    def ahead_s(self) -> float:
        with_address = self._at(self._region).of("sts")
        return ahead_of_s(str(with_address.meta.endpoint_url))

    def _at(self, region: str) -> AwsClients:
        if region not in self._made:
            self._made[region] = self._open(region)
        return self._made[region]


def _parts(actions: tuple[str, ...]) -> Iterator[list[str]]:
    for at in range(0, len(actions), _AT_ONCE):
        yield list(actions[at : at + _AT_ONCE])


def _principal(arn: str) -> str:
    """IAM simulates a role by its own name, not by that of its session."""
    return re.sub(_ROLE, r"arn:\1:iam::\2:role/\3", arn)


def _example(resource: str, account: str) -> str:
    """One resource that a pattern covers: IAM simulates on names, not on patterns."""
    if resource == "*":
        return resource
    head, _, rest = resource.replace(":*:", f":{account}:").rpartition(":")
    return f"{head}:{rest.replace('*', 'drill-doctor')}"


def _context(when: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The values of condition keys as the drill's own calls would carry them."""
    for operator, keys in when.items():
        for key, value in keys.items():
            if operator == "Null":
                yield {"ContextKeyName": key, "ContextKeyValues": ["CreateTags"], "ContextKeyType": "string"}
                continue
            values = [value] if isinstance(value, str) else list(value)
            many = operator.startswith("ForAllValues")
            kept = values if many else values[:1]
            yield {"ContextKeyName": key, "ContextKeyValues": kept, "ContextKeyType": "stringList" if many else "string"}


def _processors(machine: Mapping[str, Any]) -> int:
    """What a machine counts for; one of another family, or a spot machine, for nothing."""
    if not _FAMILIES.match(machine["InstanceType"]) or machine.get("InstanceLifecycle") == "spot":
        return 0
    options = machine.get("CpuOptions", {})
    return int(options.get("CoreCount", 1)) * int(options.get("ThreadsPerCore", 1))
