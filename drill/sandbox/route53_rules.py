"""The rules by which Route 53 accepts a batch of changes: all of it or nothing, and only what it really would accept."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

Form = Mapping[str, Any]
"""A record set as the API writes it: Name, Type, TTL, ResourceRecords, SetIdentifier, Weight …"""

Key = tuple[str, str, str]
"""Name, type and set identifier."""

_ROUTING = ("Weight", "Failover", "Region", "GeoLocation", "MultiValueAnswer", "CidrRoutingConfig", "GeoProximityLocation")
_ADDRESSES: Mapping[str, Callable[[str], object]] = {"A": ipaddress.IPv4Address, "AAAA": ipaddress.IPv6Address}


class BatchRefused(Exception):
    """The batch changes nothing. `errors` are worded as the service words them."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("[" + ", ".join(errors) + "]")
        self.errors = tuple(errors)


def full(name: str) -> str:
    """A name in lower case with its final dot."""
    return name.lower().rstrip(".") + "."


def key_of(form: Form) -> Key:
    """What tells a record set from its neighbours."""
    return full(form["Name"]), form["Type"], form.get("SetIdentifier") or ""


def same(left: Form, right: Form) -> bool:
    """Whether two forms describe the same record set; the order of values does not matter."""
    return _essence(left) == _essence(right)


def _essence(form: Form) -> tuple[Any, ...]:
    alias = form.get("AliasTarget")
    target = alias and (alias["HostedZoneId"], full(alias["DNSName"]), str(alias.get("EvaluateTargetHealth")).lower())
    ttl = None if form.get("TTL") is None else int(form["TTL"])
    weight = None if form.get("Weight") is None else int(form["Weight"])
    routing = tuple(form.get(name) for name in _ROUTING if name != "Weight")
    return key_of(form), ttl, sorted(values_of(form)), weight, routing, form.get("HealthCheckId"), target


def values_of(form: Form) -> list[str]:
    """The plain values of a record set."""
    return [record["Value"] for record in form.get("ResourceRecords") or ()]


def apply_batch(current: Iterable[Form], changes: Sequence[Form], *, zone: str, health_checks: Container[str]) -> list[Form]:
    """The record sets after the batch.

    Raises: BatchRefused: the service would refuse it; nothing is changed then.
    """
    work = {key_of(form): form for form in current}
    errors: list[str] = []
    for change in changes:
        action, form = change["Action"], change["ResourceRecordSet"]
        if action == "DELETE":
            errors += _delete(work, form)
        elif action == "CREATE" and key_of(form) in work:
            errors.append(f"Tried to create resource record set {_label(form)} but it already exists")
        elif action in {"CREATE", "UPSERT"}:
            errors += _faults(form, zone, health_checks)
            work[key_of(form)] = {**form, "Name": full(form["Name"])}
        else:
            errors.append(f"Invalid action '{action}'")
    errors += _clashes(work, {key_of(change["ResourceRecordSet"])[0] for change in changes}, zone)
    if errors:
        raise BatchRefused(errors)
    return list(work.values())


def _delete(work: dict[Key, Form], form: Form) -> list[str]:
    present = work.get(key_of(form))
    if present is None:
        return [f"Tried to delete resource record set {_label(form)} but it was not found"]
    if not same(present, form):
        return [f"Tried to delete resource record set {_label(form)} but the values provided do not match the current values"]
    del work[key_of(form)]
    return []


def _label(form: Form) -> str:
    name, rtype, identifier = key_of(form)
    return f"[name='{name}', type='{rtype}'" + (f", set identifier='{identifier}'" if identifier else "") + "]"


def _faults(form: Form, zone: str, health_checks: Container[str]) -> list[str]:
    name, rtype, identifier = key_of(form)
    errors = []
    if name != full(zone) and not name.endswith("." + full(zone)):
        errors.append(f"RRSet with DNS name {name} is not permitted in zone {full(zone)}")
    if not form.get("AliasTarget") and (form.get("TTL") is None or not form.get("ResourceRecords")):
        errors.append(
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"
        )
    errors += [
        f"Invalid Resource Record: 'FATAL problem: (Value is not a valid {rtype} address) encountered with '{value}''"
        for value in values_of(form)
        if rtype in _ADDRESSES and not _is_address(rtype, value)
    ]
    policies = [policy for policy in _ROUTING if form.get(policy) is not None]
    if len(policies) > 1 or bool(policies) != bool(identifier):
        errors.append(f"Invalid request: {_label(form)} needs a set identifier and exactly one routing policy, or neither")
    if form.get("Weight") is not None and not 0 <= int(form["Weight"]) <= 255:
        errors.append(f"Invalid weight '{form['Weight']}' for {_label(form)}")
    if form.get("HealthCheckId") and form["HealthCheckId"] not in health_checks:
        errors.append(f"The health check {form['HealthCheckId']} of {_label(form)} does not exist")
    if form.get("Failover") == "PRIMARY" and not form.get("HealthCheckId") and not form.get("AliasTarget"):
        errors.append("A non-alias primary ResourceRecordSet must have an associated health check")
    return errors


def _is_address(rtype: str, value: str) -> bool:
    try:
        _ADDRESSES[rtype](value)
    except ValueError:
        return False
    return True


def _clashes(work: Mapping[Key, Form], names: Iterable[str], zone: str) -> list[str]:
    errors = []
    for name in sorted(names):
        by_type: dict[str, list[Form]] = {}
        for key, form in work.items():
            if key[0] == name:
                by_type.setdefault(key[1], []).append(form)
        if "CNAME" in by_type and (len(by_type) > 1 or name == full(zone)):
            errors.append(
                f"RRSet of type CNAME with DNS name {name} is not permitted"
                f" as it conflicts with other records with the same DNS name in zone {full(zone)}"
            )
        for rtype, group in by_type.items():
            errors += _group_faults(name, rtype, group)
    return errors


def _group_faults(name: str, rtype: str, group: Sequence[Form]) -> list[str]:
    errors = []
    policies = {next((policy for policy in _ROUTING if form.get(policy) is not None), "simple") for form in group}
    if len(policies) > 1:
        errors.append(
            f"RRSet with DNS name {name}, type {rtype} cannot be created"
            " as other RRSets exist with the same name and type but another routing policy"
        )
    roles = [form["Failover"] for form in group if form.get("Failover")]
    if len(roles) != len(set(roles)):
        errors.append(f"RRSet with DNS name {name}, type {rtype} has more than one record set with the same failover role")
    if policies == {"Weight"} and len({int(form["TTL"]) for form in group if form.get("TTL") is not None}) > 1:
        errors.append(f"RRSet with DNS name {name}, type {rtype} must have the same TTL in every weighted record set")
    return errors
