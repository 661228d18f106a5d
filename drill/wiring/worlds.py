"""Builds the world of a plan: which adapter fulfils which role for the providers its sites name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drill.adapters.clock import SystemClock
from drill.adapters.levers import NamedLevers
from drill.adapters.own_rehearsed import rehearsed_own
from drill.engine.expressions import render
from drill.model.errors import PreflightFailed
from drill.model.plan import Plan, Probe
from drill.model.ports import (
    Ansible,
    Artifacts,
    Auditor,
    Clock,
    Dns,
    Fence,
    Ground,
    Levers,
    Messenger,
    Outage,
    OwnGround,
    ProbeRunner,
    Propagation,
    ReplySource,
    Secrets,
    Terraform,
)
from drill.settings import EnvironmentSecrets, Settings
from drill.wiring.posts import Carrier, Post, live_carrier, no_post, open_auditor, open_post
from drill.wiring.routed import address_of
from drill.wiring.stores import forget_sandbox, open_artifacts, open_terraform

if TYPE_CHECKING:
    from drill.adapters.probes import Probes
    from drill.sandbox.world import Sandbox


@dataclass(frozen=True)
class BuiltWorld:
    """The roles a step may use (port World)."""

    ground: Ground
    outage: Outage
    fence: Fence
    dns: Dns
    propagation: Propagation
    ansible: Ansible
    terraform: Terraform
    probes: ProbeRunner
    clock: Clock
    levers: Levers = field(default_factory=lambda: NamedLevers({}))
    own: OwnGround = field(default_factory=rehearsed_own)
    outages: Mapping[str, Outage] = field(default_factory=dict)


@dataclass(frozen=True)
class Grounds:
    """Everything around one drill that is not the engine."""

    plan: Plan
    world: BuiltWorld
    probes: Probes
    secrets: Secrets
    messengers: Mapping[str, Messenger]
    replies: ReplySource | None
    sandbox: Sandbox | None
    warm: Callable[[], None]
    """Import and connect ahead of need what is slow to start."""
    auditor: Auditor | None = None
    """Knows what the provider's audit says of the plan's texts."""
    receipts: ReplySource | None = None
    """Where the carrier tells by itself what became of texts."""
    close: Callable[[], None] = lambda: None
    """Ends what looks at the ground in the background."""

    def canary_ranges(self, drill: str) -> Callable[[str, int], Sequence[tuple[int, int]]]:
        """Reads back which canary rows of the drill a site holds; without a site, the database that the canary writes to."""
        from drill.adapters import canary_mysql, canary_postgres

        def written(up_to: int) -> list[list[int]]:
            if self.plan.canary is None:
                return []
            text = self.secrets.get(self.plan.canary.secret)
            if self.plan.canary.mysql:
                return canary_mysql.found_where_written(text, drill, up_to)
            return canary_postgres.found_ranges(text, drill, up_to, writable=True)

        def read(site: str, up_to: int) -> list[tuple[int, int]]:
            if not site:
                return [(first, last) for first, last in written(up_to)]
            access = self.world.ground.database(site)
            if access.engine == "mysql":
                found = canary_mysql.found_ranges(access, drill, up_to)
            else:
                found = canary_postgres.found_ranges(access.conninfo(), drill, up_to)
            return [(first, last) for first, last in found]

        return read

    def release(self, drill: str) -> None:
        """Take down the sandbox if this drill brought it up, and look at the ground no more."""
        self.close()
        if self.sandbox is not None and self.sandbox.details.get("owner") == drill:
            self.sandbox.down()


def is_sandbox(plan: Plan) -> bool:
    """Whether every site and zone of the plan is the sandbox's."""
    return all(one == "sandbox" for one in (*(site.provider for site in plan.sites), *(zone.provider for zone in plan.zones)))


def secrets_for(settings: Settings, plan: Plan) -> Secrets:
    """The secrets a plan may refer to: the environment's, and the running sandbox's own."""
    if not is_sandbox(plan):
        return EnvironmentSecrets(settings.secrets_file)
    from drill.sandbox.world import Sandbox

    sandbox = Sandbox.attach(settings.home)
    return EnvironmentSecrets(settings.secrets_file, sandbox.secrets if sandbox else {})


def open_grounds(settings: Settings, plan: Plan, *, drill: str, say: Callable[[str], None], phone: str | None = None) -> Grounds:
    """Make the ground ready and build its world. `phone` brings the sandbox up when it is not; without it, it must be up.

    Raises: PreflightFailed: the sandbox cannot start or is not up (F03x, F041), or a live ground cannot be opened (F010, F045).
    """
    if not is_sandbox(plan):
        from drill.wiring.grounds import open_routed_grounds

        return open_routed_grounds(settings, plan, drill=drill)
    return _sandbox_grounds(settings, plan, drill, _sandbox(settings, drill, say, phone))


def clear_ground(settings: Settings) -> None:
    """End and remove the sandbox and everything a dead engine of this home left. Raises: Fatal: something stays."""
    from drill.sandbox.world import take_down

    take_down(settings.home)
    end_tools_of_dead_engines(settings)
    forget_sandbox(settings)


def end_tools_of_dead_engines(settings: Settings) -> None:
    """End the playbooks and Terraform runs that no living engine of this home started. Raises: InDoubt: one does not end (A340)."""
    from drill.adapters.ansible_leftovers import end_leftovers
    from drill.adapters.terraform_orphans import end_orphans

    end_leftovers(settings.mark())
    for place in (settings.home, *(settings.home / "workers").glob("*")):
        end_orphans(place, settings.mark())


def _sandbox(settings: Settings, drill: str, say: Callable[[str], None], phone: str | None) -> Sandbox:
    from drill.sandbox.world import Sandbox

    sandbox = Sandbox.attach(settings.home)
    if sandbox is None and phone is None:
        raise PreflightFailed(
            "the sandbox is not up.", code="F041", fix="Its ground is gone: `drill sandbox down` ends its drills, then start anew."
        )
    if sandbox is None:
        say("bringing the two-region sandbox up")
        return Sandbox.up(settings.home, owner=drill, mode=str(phone), on_progress=lambda text: say(f"  {text}"))
    sandbox.renew()
    if phone is not None:
        sandbox.set_phone_mode(phone)
    return sandbox


def _sandbox_grounds(settings: Settings, plan: Plan, drill: str, sandbox: Sandbox) -> Grounds:
    from drill.adapters.ansible import AnsibleRunner
    from drill.adapters.dns_route53 import Route53Dns
    from drill.adapters.propagation import DnsPropagation
    from drill.sandbox.ground import SandboxFence, SandboxGround, SandboxOutage
    from drill.wiring.own_grounds import open_own

    regions = {site.id: site.region for site in plan.sites}
    details = sandbox.details
    ground = SandboxGround(sandbox, regions)
    servers = [(str(details["dns"]["address"]), int(details["dns"]["port"]))]
    secrets = EnvironmentSecrets(settings.secrets_file, sandbox.secrets)
    post = no_post() if settings.sends_elsewhere else open_post(plan, secrets, _sandbox_carrier(sandbox, secrets))
    kept = open_artifacts(settings)
    ansible = AnsibleRunner(settings.project / "playbooks", settings.mark(), lambda name, content: _keep(kept, drill, name, content))
    probes = resolved_probes(plan, ground, servers[0])
    world = BuiltWorld(
        ground=ground,
        outage=SandboxOutage(sandbox, regions),
        fence=SandboxFence(sandbox, regions),
        dns=Route53Dns(str(details["api"]["endpoint"]), "us-east-1", "sandbox", "sandbox", servers),
        propagation=DnsPropagation(),
        ansible=ansible,
        terraform=open_terraform(settings, clouds=False),
        probes=probes,
        clock=SystemClock(),
        own=open_own(settings, secrets),
    )

    def warm() -> None:
        for slow in (*post.warm, ansible.warm):
            slow()

    return Grounds(plan, world, probes, secrets, post.messengers, post.replies, sandbox, warm, post.auditor, post.receipts)


def _sandbox_carrier(sandbox: Sandbox, secrets: Secrets) -> Carrier:
    carrier = sandbox.details["carrier"]
    endpoint = str(carrier["endpoint"]).removeprefix("http://")
    keys = (secrets.get("SMS_KEY_ID"), secrets.get("SMS_KEY_SECRET"))
    voice = {"voice_endpoint": endpoint, "voice_queue": str(carrier["voice_queue"])}
    return Carrier(
        endpoint, "http", *keys, queue_endpoint=str(carrier["queue_endpoint"]), queue=str(carrier["queue"]), white_list=True, **voice
    )


def auditor_for(settings: Settings, plan: Plan) -> Auditor:
    """What the provider's audit says of a plan's texts: the real provider's, or that of the running sandbox's carrier.

    Raises: PreflightFailed: a secret is not set (F010), the sandbox is not up (F041), or the provider audits nothing (F042).
    """
    return open_auditor(plan, secrets_for(settings, plan), _carrier(settings, plan))


def post_for(settings: Settings, plan: Plan) -> Post:
    """How a plan's messages leave and come, without the rest of its world. Raises: PreflightFailed: as `auditor_for`."""
    return open_post(plan, secrets_for(settings, plan), _carrier(settings, plan))


def _carrier(settings: Settings, plan: Plan) -> Carrier:
    from drill.sandbox.world import Sandbox

    secrets = secrets_for(settings, plan)
    if not is_sandbox(plan):
        return live_carrier(plan, secrets)
    sandbox = Sandbox.attach(settings.home)
    if sandbox is None:
        raise PreflightFailed("the sandbox is not up.", code="F041", fix="Run `drill sandbox up` first.")
    return _sandbox_carrier(sandbox, secrets)


def _keep(kept: Artifacts, drill: str, name: str, content: bytes) -> None:
    kept.put(drill, name, content)


def resolved_probes(plan: Plan, ground: Ground, resolver: tuple[str, int] | None) -> Probes:
    """The plan's probes with their expressions over `sites` filled in."""
    from drill.adapters.probes import Probes

    sites = {site.id: dict(ground.attributes(site.id)) for site in plan.sites}
    filled = {probe.id: Probe.model_validate(render(probe.model_dump(), steps={}, sites=sites)) for probe in plan.probes}
    owners = {address: site for site, row in sites.items() for address in row.get("addresses", ())}
    resolvers = {zone.id.lower().rstrip("."): address_of(zone.resolver) for zone in plan.zones if zone.resolver}
    return Probes(filled, resolver, lambda address: owners.get(address, ""), resolvers)
