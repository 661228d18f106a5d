"""Looks at an account of Alibaba Cloud for the doctor: who calls, regions, stock and quota (port Cloud); it only reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from drill.adapters.doctor_clock import ahead_of_s
from drill.adapters.outage_aliyun_calls import AliyunCalls, dig
from drill.model.errors import Fatal
from drill.model.ports_doctor import Quota, Right

_LIMIT: Final = "max-postpaid-instance-vcpu-count"
_USED: Final = "used-postpaid-instance-vcpu-count"
_SOLD: Final = ("ClosedWithStock", "WithStock")


class AliyunLooks:
    """An account, seen from one of its regions. `open_calls` makes the calls of a region; `clock` is an address of the cloud."""

    provider = "aliyun"

    def __init__(self, region: str, open_calls: Callable[[str], AliyunCalls] = AliyunCalls, *, clock: str = "") -> None:
        self._region = region
        self._open = open_calls
        self._clock = clock or f"https://ecs.{region}.aliyuncs.com"

    def identity(self) -> str:
        return str(self._open(self._region).read("sts", "GetCallerIdentity", {})["Arn"])

    def denied(self, rights: Sequence[Right]) -> None:
        """RAM has no simulation: a right is known by acting."""

    def regions(self) -> Collection[str]:
        answer = self._open(self._region).read("ecs", "DescribeRegions", {"RegionId": self._region})
        return {str(row["RegionId"]) for row in dig(answer, "Regions", "Region")}

    def zones(self, region: str, kind: str) -> Sequence[str]:
        """What is in stock now, not only what is on offer. `ClosedWithStock` is the last of it."""
        asked = {"RegionId": region, "DestinationResource": "InstanceType", "InstanceType": kind, "InstanceChargeType": "PostPaid"}
        answer = self._open(region).read("ecs", "DescribeAvailableResource", asked)
        zones = dig(answer, "AvailableZones", "AvailableZone")
        return sorted(str(zone["ZoneId"]) for zone in zones if any(_in_stock(row, kind) for row in _offers(zone)))

    def quota(self, region: str, kind: str) -> Quota:
        """Raises: Fatal: the cloud does not say it (A222), or does not know the type (A214)."""
        calls = self._open(region)
        answer = calls.read("ecs", "DescribeAccountAttributes", {"RegionId": region, "AttributeName": [_LIMIT, _USED]})
        rows = {str(row["AttributeName"]): row for row in dig(answer, "AccountAttributeItems", "AccountAttributeItem")}
        types = dig(calls.read("ecs", "DescribeInstanceTypes", {"InstanceTypes": [kind]}), "InstanceTypes", "InstanceType")
        if not types:
            raise Fatal(f"Alibaba Cloud knows no type {kind}.", code="A214", fix="Correct the step's instance_type.")
        return Quota(_value(rows, _LIMIT), _value(rows, _USED), int(types[0]["CpuCoreCount"]))

    def has_image(self, region: str, image: str) -> bool:
        answer = self._open(region).read("ecs", "DescribeImages", {"RegionId": region, "ImageId": image})
        return bool(dig(answer, "Images", "Image"))

    def ahead_s(self) -> float:
        return ahead_of_s(self._clock)


def _offers(zone: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    kinds = dig(zone, "AvailableResources", "AvailableResource")
    return [row for kind in kinds for row in dig(kind, "SupportedResources", "SupportedResource")]


def _in_stock(row: Mapping[str, Any], kind: str) -> bool:
    return row.get("Value") == kind and row.get("Status") == "Available" and row.get("StatusCategory", "WithStock") in _SOLD


def _value(rows: Mapping[str, Mapping[str, Any]], name: str) -> int:
    values = [row for row in dig(rows.get(name, {}), "AttributeValues", "ValueItem") if str(row.get("Value", "")).isdigit()]
    if not values:
        raise Fatal(f"Alibaba Cloud does not say {name}.", code="A222", fix="See the quota in its console.")
    return int(values[0]["Value"])
