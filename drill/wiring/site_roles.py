"""Which adapter takes a site away and fences it, and which answers for a zone: one row per provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from drill.model.plan import Plan, Site, Zone
from drill.model.ports import Ansible, Dns, Fence, Ground, Outage, Secrets
from drill.wiring.endpoints import aws_endpoint
from drill.wiring.routed import Absent, address_of

if TYPE_CHECKING:
    from drill.sandbox.world import Sandbox

_CONTROL_PLANE: Final = "us-east-1"
"""Route 53's only region."""


@dataclass(frozen=True)
class Ingredients:
    """What adapters of sites and zones are made of. `ansible` and `ground` serve those that work by playbooks."""

    plan: Plan
    secrets: Secrets
    ansible: Ansible
    ground: Ground
    sandbox: Sandbox | None = None

    def sites(self, provider: str) -> list[Site]:
        """The plan's sites of one provider."""
        return [site for site in self.plan.sites if site.provider == provider]


@dataclass(frozen=True)
class SiteRoles:
    """What a provider's sites are worked on with."""

    outage: Outage
    fence: Fence


def roles_of(provider: str, made_of: Ingredients) -> SiteRoles:
    """The roles of a provider's sites; what is missing says so as soon as it is asked."""
    return _SITES.get(provider, _nobody)(made_of)


def dns_of(zone: Zone, made_of: Ingredients) -> Dns:
    """Who answers for a zone; what is missing says so as soon as it is asked."""
    return _ZONES.get(zone.provider, _no_dns)(zone, made_of)


def _nobody(_made_of: Ingredients) -> SiteRoles:
    missing: Any = Absent("no adapter cuts off sites of this provider in this release.", "Cut it off by hand, or use another provider.")
    return SiteRoles(missing, missing)


def _sandbox(made_of: Ingredients) -> SiteRoles:
    from drill.sandbox.ground import SandboxFence, SandboxOutage

    if made_of.sandbox is None:
        missing: Any = Absent("the sandbox is not up.", "Run `drill sandbox up` first.", code="F041")
        return SiteRoles(missing, missing)
    regions = {site.id: site.region for site in made_of.sites("sandbox")}
    return SiteRoles(SandboxOutage(made_of.sandbox, regions), SandboxFence(made_of.sandbox, regions))


_SITES: Final[Mapping[str, Callable[[Ingredients], SiteRoles]]] = {"sandbox": _sandbox}


def _no_dns(zone: Zone, _made_of: Ingredients) -> Dns:
    return cast("Dns", Absent(f"no adapter moves names of {zone.provider} in this release.", "Move the names by hand, or use route53."))


def _route53(zone: Zone, _made_of: Ingredients) -> Dns:
    from drill.adapters.dns_route53 import Route53Dns

    servers = [address_of(server) for server in zone.servers] or None
    return Route53Dns(aws_endpoint("route53"), _CONTROL_PLANE, None, None, servers)


def _sandbox_dns(_zone: Zone, made_of: Ingredients) -> Dns:
    from drill.adapters.dns_route53 import Route53Dns

    if made_of.sandbox is None:
        return cast("Dns", Absent("the sandbox is not up.", "Run `drill sandbox up` first.", code="F041"))
    details = made_of.sandbox.details
    servers = [(str(details["dns"]["address"]), int(details["dns"]["port"]))]
    return Route53Dns(str(details["api"]["endpoint"]), _CONTROL_PLANE, "sandbox", "sandbox", servers)


_ZONES: Final[Mapping[str, Callable[[Zone, Ingredients], Dns]]] = {"route53": _route53, "sandbox": _sandbox_dns}
