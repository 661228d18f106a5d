"""What an account of Alibaba Cloud says about itself, in memory: who calls, regions, stock, quota and images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drill.sandbox.alidns_api import AlidnsRefused
from drill.sandbox.ecs_api import VERSION

_MOST_PROCESSORS: Final = "max-postpaid-instance-vcpu-count"
_USED_PROCESSORS: Final = "used-postpaid-instance-vcpu-count"


class StsApi:
    """The one action of STS that needs no right (as Actions of the server)."""

    version = "2015-04-01"
    actions = frozenset({"GetCallerIdentity"})

    def __init__(self, user: str = "drill") -> None:
        self._user = user

    def call(self, _action: str, _query: Mapping[str, Any]) -> dict[str, Any]:
        account = "1234567890123456"
        return {"IdentityType": "RAMUser", "AccountId": account, "Arn": f"acs:ram::{account}:user/{self._user}"}


@dataclass
class AccountApi:
    """Actions of ECS that say what could be started (as Actions of the server).

    `stock`: type of machine to zone to `WithStock`, `ClosedWithStock` or `WithoutStock`; `processors`: of each type.
    """

    version = VERSION
    actions = frozenset(
        {"DescribeRegions", "DescribeAvailableResource", "DescribeAccountAttributes", "DescribeInstanceTypes", "DescribeImages"}
    )
    regions: list[str] = field(default_factory=lambda: ["cn-hangzhou", "cn-shanghai"])
    stock: dict[str, dict[str, str]] = field(default_factory=dict)
    processors: dict[str, int] = field(default_factory=dict)
    limit: int = 100
    used: int = 0
    images: set[str] = field(default_factory=set)

    def call(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """Carry one out. Raises: AlidnsRefused."""
        answer: dict[str, Any] = getattr(self, action)(query)
        return answer

    def DescribeRegions(self, _query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - the service's name
        return {"Regions": {"Region": [{"RegionId": region} for region in self.regions]}}

    def DescribeAvailableResource(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        """A zone without stock is still listed, and says so."""
        if query["DestinationResource"] != "InstanceType":
            raise AlidnsRefused("InvalidDestinationResource", "The specified DestinationResource is not valid.")
        kind = str(query["InstanceType"])
        return {"AvailableZones": {"AvailableZone": [_zone(name, kind, state) for name, state in self.stock.get(kind, {}).items()]}}

    def DescribeAccountAttributes(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        known = {_MOST_PROCESSORS: self.limit, _USED_PROCESSORS: self.used}
        rows = [
            {"AttributeName": name, "AttributeValues": {"ValueItem": [{"Value": str(known[name])}]}}
            for name in query["AttributeName"]
            if name in known
        ]
        return {"AccountAttributeItems": {"AccountAttributeItem": rows}}

    def DescribeInstanceTypes(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        kinds = [kind for kind in query["InstanceTypes"] if kind in self.processors]
        return {"InstanceTypes": {"InstanceType": [{"InstanceTypeId": kind, "CpuCoreCount": self.processors[kind]} for kind in kinds]}}

    def DescribeImages(self, query: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        found = [name for name in str(query["ImageId"]).split(",") if name in self.images]
        return {"TotalCount": len(found), "Images": {"Image": [{"ImageId": name} for name in found]}}


def _zone(name: str, kind: str, state: str) -> dict[str, Any]:
    status = "Available" if state.endswith("WithStock") else "SoldOut"
    offer = {"Value": kind, "Status": status, "StatusCategory": state}
    offers = {"AvailableResource": [{"Type": "InstanceType", "SupportedResources": {"SupportedResource": [offer]}}]}
    return {"ZoneId": name, "Status": "Available", "AvailableResources": offers}
