"""Puts together what the doctor looks at in the clouds, at the databases and at the names of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from drill.adapters.terraform_types import defaults_of
from drill.engine.doctor import Examination, Looked
from drill.engine.doctor_clouds import CloudClock, Credentials, ImageThere, InStock, QuotaLeft, RegionsThere, RightsHeld
from drill.engine.doctor_data import Delegated, ReplicaLag
from drill.model.errors import DrillError, PreflightFailed
from drill.model.plan import Plan, PlannedStep, Site, Zone
from drill.model.ports import Secrets, StandbyState, World
from drill.model.ports_doctor import Cloud
from drill.settings import Settings
from drill.wiring.credentials import CLOUD_OF, lacking
from drill.wiring.endpoints import alibaba_endpoint
from drill.wiring.routed import address_of

if TYPE_CHECKING:
    from drill.adapters.policy_rights import Right

_QUESTION_S: Final = 5.0
_REPLICAS: Final = frozenset({"promote_postgres.yml", "promote_mysql.yml"})
"""Promotions of a replica that says itself how far behind it is."""
_HOME: Final = {"aws": "us-east-1", "aliyun": "cn-hangzhou"}
"""Where an account is asked when no site says a region."""


def cloud_looks(settings: Settings, plan: Plan, secrets: Secrets) -> list[Examination]:
    """What is looked at in each cloud that the plan's sites and zones are of; without credentials, only that there are none."""
    asked = [*(site.provider for site in plan.sites), *(zone.provider for zone in plan.zones)]
    providers = dict.fromkeys(CLOUD_OF[name] for name in asked if name in CLOUD_OF)
    found: list[Examination] = []
    for provider in providers:
        if lacking(provider):
            found.append(Looked(f"credentials {provider}", partial(_without, provider)))
        else:
            found += _account(settings, plan, secrets, provider)
    return found


def _without(provider: str) -> str:
    """Raises: PreflightFailed: always (F044)."""
    fix = "Set AWS_PROFILE, or a role." if provider == "aws" else "Set ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET, or a role."
    raise PreflightFailed(f"there are no credentials of {provider} here.", code="F044", fix=fix)


def _account(settings: Settings, plan: Plan, secrets: Secrets, provider: str) -> Iterator[Examination]:
    sites = [site for site in plan.sites if site.provider == provider]
    cloud = _opened(provider, sites[-1].region if sites else _HOME[provider])
    yield Credentials(cloud)
    yield CloudClock(cloud)
    yield _Late(f"rights {provider}", partial(_rights, settings, plan, secrets, provider, cloud))
    if sites:
        yield RegionsThere(cloud, [site.region for site in sites])
    for step, site in _builders(plan, sites):
        yield from _built(cloud, step, site, defaults_of(settings.project / str(step.params["module"])))


class _Late:
    """An examination that is made when it is its turn: making it may fail."""

    def __init__(self, name: str, make: Callable[[], Examination]) -> None:
        self.name = name
        self._make = make

    def advice(self) -> Any:
        return self._make().advice()


def _rights(settings: Settings, plan: Plan, secrets: Secrets, provider: str, cloud: Cloud) -> Examination:
    """Raises: PreflightFailed: a module cannot be read (F053)."""
    from drill.adapters.policy_aliyun import aliyun_rights
    from drill.adapters.policy_aws import aws_rights
    from drill.wiring.doctor_policies import needs_of

    needs, _ = needs_of(settings, plan, secrets)
    rights: list[Right] = (aws_rights if provider == "aws" else aliyun_rights)(needs)
    return RightsHeld(cloud, rights)


def _opened(provider: str, region: str) -> Cloud:
    from drill.wiring.cloud_roles import aliyun_calls, aws_clients

    if provider == "aws":
        from drill.adapters.doctor_aws import AwsLooks

        return AwsLooks(region, aws_clients)
    from drill.adapters.doctor_aliyun import AliyunLooks
    from drill.adapters.outage_aliyun_calls import own_host

    at = alibaba_endpoint("ecs", own_host("ecs", region))
    return AliyunLooks(region, aliyun_calls, clock=f"{at.protocol}://{at.host}")


def _builders(plan: Plan, sites: list[Site]) -> Iterator[tuple[PlannedStep, Site]]:
    by_id = {site.id: site for site in sites}
    for step in plan.steps():
        site = by_id.get(str(step.params.get("site", "standby")))
        if step.kind == "terraform.apply" and site is not None:
            yield step, site


def _built(cloud: Cloud, step: PlannedStep, site: Site, defaults: Mapping[str, str | int]) -> Iterator[Examination]:
    """What a module's variables and defaults say about machines; what an expression says is not known here."""
    variables = {**defaults, **step.params.get("variables", {})}
    kind, size, image = (variables.get(name) for name in ("instance_type", "size", "image"))
    if isinstance(kind, str) and "{{" not in kind:
        yield InStock(cloud, step.id, site.region, kind)
        yield QuotaLeft(cloud, step.id, site.region, kind, size if isinstance(size, int) else 1)
    if isinstance(image, str) and "{{" not in image:
        yield ImageThere(cloud, step.id, site.region, image)


def data_looks(plan: Plan, world: World) -> list[Examination]:
    """What is looked at in the databases that are about to be promoted, and in the delegations of zones whose names move."""
    found: list[Examination] = []
    for step in plan.steps():
        site = str(step.params.get("site", ""))
        if "promote" in step.kind and step.params.get("playbook") in _REPLICAS:
            found.append(ReplicaLag(site, plan.objectives.rpo_s, partial(_standby, world, site)))
    for zone in plan.zones:
        names = [str(step.params["name"]) for step in plan.steps() if step.kind.startswith("dns.") and "name" in step.params]
        mine = [name for name in names if (holder := plan.zone_of(name)) is not None and holder.id == zone.id]
        if mine and not zone.servers and zone.provider != "sandbox":
            found.append(Delegated(zone.id, partial(_servers, world, mine[0]), partial(_delegation, zone)))
    return found


def _standby(world: World, site: str) -> StandbyState | None:
    return world.own.databases.standby(world.ground.database(site), primary=None, timeout_s=_QUESTION_S)


def _servers(world: World, name: str) -> set[str]:
    return {address for address, _ in world.dns.servers(name)}


def _delegation(zone: Zone) -> set[str]:
    from drill.adapters.doctor_delegation import delegated_to

    try:
        return delegated_to(zone.id, address_of(zone.resolver) if zone.resolver else None)
    except DrillError as error:
        raise PreflightFailed(error.what, code="F059", fix=error.fix) from error
