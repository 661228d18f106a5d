"""Builds the world of a plan whose sites are not all the sandbox's: each site and each zone by its own provider."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING

from drill.adapters.clock import SystemClock
from drill.adapters.ground_described import DescribedGround
from drill.adapters.levers import NamedLevers
from drill.model.errors import PreflightFailed
from drill.model.plan import Plan
from drill.model.ports import DatabaseAccess, Ground, Levers, Secrets
from drill.model.scenario_sites import engine_of
from drill.settings import EnvironmentSecrets, Settings
from drill.steps.base import registry
from drill.wiring.posts import Post, channels_alone, live_carrier, no_post, open_post
from drill.wiring.routed import RoutedDns, RoutedFence, RoutedGround, RoutedOutage, address_of
from drill.wiring.site_roles import Ingredients, dns_of, outages_of, role_of, roles_of
from drill.wiring.stores import open_artifacts, open_terraform
from drill.wiring.worlds import BuiltWorld, Grounds, resolved_probes
from drill.wiring.zone_levers import levers_of_zone

if TYPE_CHECKING:
    from drill.adapters.position_watch import PositionWatch
    from drill.sandbox.world import Sandbox


def open_routed_grounds(settings: Settings, plan: Plan, *, drill: str) -> Grounds:
    """The ground of a live plan: nothing is started, and no provider is asked yet.

    Raises: PreflightFailed: an endpoint may not be used (F045), a secret of the plan's texts is not set (F010), a site is the sandbox's
    and that is not up (F041), or a database's driver is missing (F046).
    """
    from drill.adapters.ansible import AnsibleRunner

    _need_drivers(plan)
    sandbox = running_sandbox(settings, plan)
    secrets = EnvironmentSecrets(settings.secrets_file, sandbox.secrets if sandbox else {})
    watch = position_watch(settings, plan, secrets, drill=drill)
    ground = ground_of(settings, plan, secrets, watch=watch, sandbox=sandbox)
    kept = open_artifacts(settings)
    ansible = AnsibleRunner(settings.project / "playbooks", settings.mark(), lambda name, content: _keep(kept.put(drill, name, content)))
    world = routed_world(settings, plan, Ingredients(plan, secrets, ansible, ground, settings.home, sandbox))
    post = _post(settings, plan, secrets)

    def warm() -> None:
        watch.start()
        for slow in (*post.warm, ansible.warm):
            slow()

    probes = resolved_probes(plan, ground, resolver_of(plan))
    return Grounds(plan, world, probes, secrets, post.messengers, post.replies, None, warm, post.auditor, post.receipts, close=watch.close)


def routed_world(settings: Settings, plan: Plan, made_of: Ingredients) -> BuiltWorld:
    """Every role of the plan, each site's and each zone's by its provider."""
    from drill.adapters.propagation import DnsPropagation
    from drill.wiring.own_grounds import open_own

    by_provider = {provider: roles_of(provider, made_of) for provider in {site.provider for site in plan.sites}}
    return BuiltWorld(
        ground=made_of.ground,
        outage=RoutedOutage({site.id: role_of(site, by_provider[site.provider].outage) for site in plan.sites}),
        fence=RoutedFence({site.id: role_of(site, by_provider[site.provider].fence) for site in plan.sites}),
        dns=RoutedDns(plan, {zone.id: dns_of(zone, made_of) for zone in plan.zones}),
        propagation=DnsPropagation(),
        ansible=made_of.ansible,
        terraform=open_terraform(settings),
        probes=resolved_probes(plan, made_of.ground, resolver_of(plan)),
        clock=SystemClock(),
        own=open_own(settings, made_of.secrets),
        levers=levers_of(plan),
        outages={way: RoutedOutage(by_site) for way, by_site in outages_of(plan, by_provider).items()},
    )


def ground_of(settings: Settings, plan: Plan, secrets: Secrets, *, watch: PositionWatch | None, sandbox: Sandbox | None) -> Ground:
    """What is known about the sites: from the running sandbox for its own, else from the scenario."""
    described = DescribedGround(plan.sites, project=settings.project, secrets=secrets, last_lsn=watch.last_lsn if watch else str)
    if sandbox is None:
        return described
    from drill.sandbox.ground import SandboxGround

    own = SandboxGround(sandbox, {site.id: site.region for site in plan.sites if site.provider == "sandbox"})
    return RoutedGround({site.id: own if site.provider == "sandbox" else described for site in plan.sites})


def levers_of(plan: Plan) -> Levers:
    """The levers of the plan's zones, by the name they move."""
    return NamedLevers({name: lever for zone in plan.zones for name, lever in levers_of_zone(zone).items()})


def resolver_of(plan: Plan) -> tuple[str, int] | None:
    """The resolver that probes ask: that of the first zone that names one, else nothing, which means the machine's own."""
    named = next((zone.resolver for zone in plan.zones if zone.resolver), "")
    return address_of(named) if named else None


def position_watch(settings: Settings, plan: Plan, secrets: Secrets, *, drill: str) -> PositionWatch:
    """Knows the newest position of the database that is about to be lost: that of each site the plan cuts off or fences."""
    from drill.adapters.position_watch import PositionWatch

    kinds = registry()
    lost = {step.params.get("site") for step in plan.steps() if step.kind in kinds and kinds[step.kind].marks & {"outage", "fence"}}

    def databases() -> Mapping[str, DatabaseAccess]:
        ground = DescribedGround(plan.sites, project=settings.project, secrets=secrets, last_lsn=str)
        return {site.id: ground.database(site.id) for site in plan.sites if site.id in lost and site.options.get("database")}

    return PositionWatch(databases, settings.place / "drills" / drill / "last-primary.json")


def running_sandbox(settings: Settings, plan: Plan) -> Sandbox | None:
    """The sandbox, where part of the plan stands on it. Raises: PreflightFailed: it is not up (F041)."""
    if "sandbox" not in {*(site.provider for site in plan.sites), *(zone.provider for zone in plan.zones)}:
        return None
    from drill.sandbox.world import Sandbox

    sandbox = Sandbox.attach(settings.home)
    if sandbox is None:
        raise PreflightFailed("the sandbox is not up.", code="F041", fix="Run `drill sandbox up` first: part of the plan stands on it.")
    return sandbox


def _need_drivers(plan: Plan) -> None:
    """The canary would find out in the middle of a drill."""
    mysql = any(engine_of(site.options) == "mysql" for site in plan.sites) or bool(plan.canary and plan.canary.mysql)
    if mysql and importlib.util.find_spec("pymysql") is None:
        raise PreflightFailed("there is no driver for MySQL here.", code="F046", fix="Install it: pip install 'dr-drill[mysql]'.")


def _post(settings: Settings, plan: Plan, secrets: Secrets) -> Post:
    if settings.sends_elsewhere:
        return no_post()
    if plan.messages.sms is None:
        return Post(channels_alone(plan, secrets), None, None, ())
    return open_post(plan, secrets, live_carrier(plan, secrets, hears=True))


def _keep(_sha256: str) -> None:
    """What is kept is found again by its content."""
