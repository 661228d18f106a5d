"""The levers of a plan's zones: which adapter pulls each, as the zone describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drill.model.plan import Zone
from drill.model.ports import Lever
from drill.wiring.endpoints import alidns_endpoint, aws_endpoint

_CONTROL_PLANE: Final = "us-east-1"


def levers_of_zone(zone: Zone) -> dict[str, Lever]:
    """Each lever of a zone by the name it moves; nothing is asked yet. Raises: PreflightFailed: an endpoint may not be used (F045)."""
    written: Mapping[str, Mapping[str, Any]] = zone.options.get("levers", {})
    return {name: _lever(zone, name, row) for name, row in written.items()}


def _lever(zone: Zone, name: str, row: Mapping[str, Any]) -> Lever:
    if "controls" in row:
        from drill.adapters.arc_controls import RoutingControls

        return RoutingControls(name, list(row["endpoints"].items()), row["controls"])
    if "check" in row:
        from drill.adapters.dns_route53_client import Route53Account
        from drill.adapters.dns_route53_health import Route53HealthCheck

        account = Route53Account(aws_endpoint("route53"), _CONTROL_PLANE, None, None)
        return Route53HealthCheck(name, account, row["check"], primary=row["primary"], standby=row["standby"])
    return _of_alibaba(zone, name, row)


def _of_alibaba(zone: Zone, name: str, row: Mapping[str, Any]) -> Lever:
    from drill.adapters.dns_alidns_calls import AlidnsCalls
    from drill.adapters.gtm_access import GtmAccessMode
    from drill.adapters.gtm_plans import GtmRecoveryPlan
    from drill.adapters.gtm_pools import GtmPools
    from drill.adapters.sms_aliyun_sdk import Account

    at = alidns_endpoint(zone.options)
    calls = AlidnsCalls(Account(at.host, at.protocol, "", ""))
    if "plan" in row:
        return GtmRecoveryPlan(name, calls, row["plan"], primary=row["primary"], standby=row["standby"])
    if "strategy" in row:
        sites: dict[Any, str] = {group: site for site, group in row["pools"].items()}
        return GtmAccessMode(name, calls, row["strategy"], sites, generation=row.get("generation", 2))
    return GtmPools(name, calls, row["instance"], row["config"], row["pools"])
