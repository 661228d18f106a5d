"""Which adapter takes a site away and fences it, and which answers for a zone: one row per provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from drill.model.plan import Plan, Site, Zone
from drill.model.ports import Ansible, Dns, Fence, Ground, Outage, Secrets
from drill.model.scenario_sites import CLOUDS, tags_of
from drill.wiring.endpoints import alidns_endpoint, aws_endpoint
from drill.wiring.routed import Absent, address_of

if TYPE_CHECKING:
    from drill.sandbox.world import Sandbox

Role = TypeVar("Role")
_CONTROL_PLANE: Final = "us-east-1"
"""Route 53's only region."""


@dataclass(frozen=True)
class Ingredients:
    """What adapters of sites and zones are made of. `ansible` and `ground` serve those that work by playbooks."""

    plan: Plan
    secrets: Secrets
    ansible: Ansible
    ground: Ground
    home: Path
    sandbox: Sandbox | None = None

    def sites(self, provider: str) -> list[Site]:
        """The plan's sites of one provider."""
        return [site for site in self.plan.sites if site.provider == provider]


@dataclass(frozen=True)
class SiteRoles:
    """What a provider's sites are worked on with."""

    outage: Outage
    fence: Fence
    ways: Mapping[str, Outage] = field(default_factory=dict)
    """Further ways to take a site away, by name: `stop`, `fis`."""


def roles_of(provider: str, made_of: Ingredients) -> SiteRoles:
    """The roles of a provider's sites; what is missing says so as soon as it is asked."""
    return _SITES.get(provider, _nobody)(made_of)


def outages_of(plan: Plan, roles: Mapping[str, SiteRoles]) -> dict[str, dict[str, Outage]]:
    """For each further way to take a site away, who does it for each site; a provider without it says so when it is asked."""
    ways = {name for row in roles.values() for name in row.ways}

    def who(site: Site, way: str) -> Outage:
        why = Absent(f"sites of {site.provider} cannot be taken away by '{way}'.", "Use outage.isolate.", code="A217")
        return role_of(site, roles[site.provider].ways.get(way, cast("Outage", why)))

    return {way: {site.id: who(site, way) for site in plan.sites} for way in sorted(ways)}


def dns_of(zone: Zone, made_of: Ingredients) -> Dns:
    """Who answers for a zone; what is missing says so as soon as it is asked."""
    return _ZONES.get(zone.provider, _no_dns)(zone, made_of)


def role_of(site: Site, role: Role) -> Role:
    """A provider's role for one site. Without opt-in tags a cloud's would mean everything there is: then nobody plays it."""
    if site.provider in CLOUDS and not tags_of(site.options):
        why = Absent(
            f"nothing of '{site.id}' has been opted in.", f"Write sites.{site.id}.select: {{tag: {{drill: allowed}}}}.", code="A219"
        )
        return cast("Role", why)
    return role


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


def _aws(made_of: Ingredients) -> SiteRoles:
    from drill.wiring.cloud_roles import aws_fences, aws_outages

    outage, ways = aws_outages(made_of.sites("aws"), cap=made_of.plan.limits.max_changes)
    return SiteRoles(outage, aws_fences(made_of.plan, made_of.ansible, made_of.ground), ways)


def _aliyun(made_of: Ingredients) -> SiteRoles:
    from drill.wiring.cloud_roles import aliyun_fences, aliyun_outages

    outage, ways = aliyun_outages(made_of.sites("aliyun"), cap=made_of.plan.limits.max_changes)
    return SiteRoles(outage, aliyun_fences(made_of.plan, made_of.ansible, made_of.ground), ways)


def _hosts(made_of: Ingredients) -> SiteRoles:
    """A host opts in by its variables, `drill: allowed` where the site does not say otherwise."""
    from drill.adapters.fence_playbook import PlaybookFence
    from drill.adapters.outage_hosts import HostsOutage, HostsSite

    cap, made = made_of.plan.limits.max_changes, {}
    for site in made_of.sites("hosts"):
        cut = site.options.get("cut", {})
        tags = tags_of(site.options) or {"drill": "allowed"}
        made[site.id] = HostsSite(tags, cap, tuple(cut.get("keep", ())), tuple(cut.get("held", ())), float(cut.get("for", _BACK_AFTER_S)))
    rivals = [site.id for site in made_of.plan.sites if site.options.get("database")]
    fence = PlaybookFence(made_of.ansible, made_of.ground, rivals)
    return SiteRoles(HostsOutage(made, made_of.ansible, made_of.ground), fence)


_BACK_AFTER_S: Final = 1800.0
_SITES: Final[Mapping[str, Callable[[Ingredients], SiteRoles]]] = {
    "sandbox": _sandbox,
    "aws": _aws,
    "aliyun": _aliyun,
    "hosts": _hosts,
}


def _no_dns(zone: Zone, _made_of: Ingredients) -> Dns:
    return cast("Dns", Absent(f"no adapter moves names of {zone.provider} in this release.", "Move the names by hand, or use route53."))


def _route53(zone: Zone, _made_of: Ingredients) -> Dns:
    from drill.adapters.dns_route53 import Route53Dns

    servers = [address_of(server) for server in zone.servers] or None
    return Route53Dns(aws_endpoint("route53"), _CONTROL_PLANE, None, None, servers)


def _rfc2136(zone: Zone, made_of: Ingredients) -> Dns:
    """Of the zone: `primary` (address and port) and `key` (`name`, `secret`, `algorithm`), where updates are signed."""
    from drill.adapters.dns_rfc2136 import Rfc2136Dns, TsigKey

    primary = str(zone.options.get("primary") or next(iter(zone.servers), ""))
    if not primary:
        return cast("Dns", Absent(f"the zone {zone.id} names no primary.", f"Write zones.{zone.id}.primary: 192.0.2.53.", code="F043"))
    written = zone.options.get("key")
    key = TsigKey(**{**written, "secret": made_of.secrets.get(written["secret"])}) if written else None
    return Rfc2136Dns(zone.id, address_of(primary), key, [address_of(server) for server in zone.servers] or None)


def _alidns(zone: Zone, made_of: Ingredients) -> Dns:
    from drill.adapters.dns_alidns import AlidnsDns
    from drill.adapters.dns_alidns_calls import AlidnsCalls
    from drill.adapters.file_locks import FileLocks
    from drill.adapters.sms_aliyun_sdk import Account

    at = alidns_endpoint(zone.options)
    servers = [address_of(server) for server in zone.servers] or None
    return AlidnsDns(zone.id, AlidnsCalls(Account(at.host, at.protocol, "", "")), FileLocks(made_of.home / "locks"), servers)


def _sandbox_dns(_zone: Zone, made_of: Ingredients) -> Dns:
    from drill.adapters.dns_route53 import Route53Dns

    if made_of.sandbox is None:
        return cast("Dns", Absent("the sandbox is not up.", "Run `drill sandbox up` first.", code="F041"))
    details = made_of.sandbox.details
    servers = [(str(details["dns"]["address"]), int(details["dns"]["port"]))]
    return Route53Dns(str(details["api"]["endpoint"]), _CONTROL_PLANE, "sandbox", "sandbox", servers)


_ZONES: Final[Mapping[str, Callable[[Zone, Ingredients], Dns]]] = {
    "route53": _route53,
    "alidns": _alidns,
    "rfc2136": _rfc2136,
    "sandbox": _sandbox_dns,
}
