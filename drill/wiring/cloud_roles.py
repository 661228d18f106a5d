"""What sites of AWS and Alibaba Cloud are taken away and fenced with, as their options in the plan say."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from drill.model.plan import Plan, Site
from drill.model.ports import Ansible, Fence, Ground, Outage
from drill.model.scenario_sites import tags_of
from drill.wiring.endpoints import alibaba_endpoint, aws_endpoint
from drill.wiring.routed import RoutedFence

if TYPE_CHECKING:
    from drill.adapters.outage_aliyun import AliyunSite
    from drill.adapters.outage_aliyun_calls import AliyunCalls
    from drill.adapters.outage_aws import AwsSite, Method
    from drill.adapters.outage_aws_client import AwsClients
    from drill.adapters.outage_aws_fis import Experiment
    from drill.adapters.sms_aliyun_sdk import Account


def aws_outages(sites: list[Site], *, cap: int) -> tuple[Outage, dict[str, Outage]]:
    """How these sites are isolated, and the further ways to take them away. `cap` bounds what one of them may cut."""
    from drill.adapters.outage_aws import aws_outage, aws_stop

    made = {site.id: _aws_site(site, cap) for site in sites if tags_of(site.options)}
    ways: dict[str, Outage] = {"stop": aws_stop(made, aws_clients)}
    experiments = {site.id: _experiment(site) for site in sites if site.id in made and site.options.get("cut", {}).get("fis")}
    if experiments:
        from drill.adapters.outage_aws_fis import FisOutage

        ways["fis"] = FisOutage(experiments, aws_clients)
    return aws_outage(made, aws_clients), ways


def aliyun_outages(sites: list[Site], *, cap: int) -> tuple[Outage, dict[str, Outage]]:
    """As `aws_outages`."""
    from drill.adapters.outage_aliyun import aliyun_outage, aliyun_stop

    made = {site.id: _aliyun_site(site, cap) for site in sites if tags_of(site.options)}
    return aliyun_outage(made, aliyun_calls), {"stop": aliyun_stop(made, aliyun_calls)}


def aws_fences(plan: Plan, ansible: Ansible, ground: Ground) -> Fence:
    """How databases on AWS are fenced: those on machines, and managed ones."""
    from drill.adapters.outage_aws import aws_fence

    made = {site.id: _aws_site(site, plan.limits.max_changes) for site in plan.sites if site.provider == "aws" and tags_of(site.options)}
    return _managed_too(plan, "aws", aws_fence(made, ground, _rivals(plan), aws_clients), ansible=ansible, ground=ground)


def aliyun_fences(plan: Plan, ansible: Ansible, ground: Ground) -> Fence:
    """How databases on Alibaba Cloud are fenced: those on machines, and managed ones."""
    from drill.adapters.outage_aliyun import aliyun_fence

    made = {
        site.id: _aliyun_site(site, plan.limits.max_changes) for site in plan.sites if site.provider == "aliyun" and tags_of(site.options)
    }
    return _managed_too(plan, "aliyun", aliyun_fence(made, ground, _rivals(plan), aliyun_calls), ansible=ansible, ground=ground)


def _managed_too(plan: Plan, provider: str, machines: Fence, *, ansible: Ansible, ground: Ground) -> Fence:
    from drill.adapters.database_sessions import writable_rival
    from drill.adapters.fence_managed import ManagedFence

    sites = [site for site in plan.sites if site.provider == provider]
    engines = {site.id: engine for site in sites if (engine := site.options.get("database", {}).get("managed"))}
    managed = ManagedFence(engines, ansible, ground, lambda site: writable_rival(ground, _rivals(plan), site))
    return RoutedFence({site.id: managed if site.id in engines else machines for site in sites})


def _rivals(plan: Plan) -> list[str]:
    """Every site whose database could take writes."""
    return [site.id for site in plan.sites if site.options.get("database")]


def aws_clients(region: str) -> AwsClients:
    """The clients of a region, made once. Raises: PreflightFailed: an endpoint may not be used (F045), once it is asked for."""
    return _aws_clients(region, _told("AWS_"))


def aliyun_calls(region: str) -> AliyunCalls:
    """The calls of a region, made once. Raises: as `aws_clients`."""
    return _aliyun_calls(region, _told("ALIBABA_"))


def _told(start: str) -> tuple[tuple[str, str], ...]:
    """What the environment says about a cloud: with other words, clients are other ones."""
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith(start)))


@cache
def _aws_clients(region: str, _environment: tuple[tuple[str, str], ...]) -> AwsClients:
    from drill.adapters.outage_aws_client import AwsClients

    return AwsClients(region, aws_endpoint)


@cache
def _aliyun_calls(region: str, _environment: tuple[tuple[str, str], ...]) -> AliyunCalls:
    from drill.adapters.outage_aliyun_calls import AliyunCalls

    return AliyunCalls(region, aliyun_account)


def aliyun_account(product: str, own_host: str) -> Account:
    """Where a product is asked, as whom the SDK's own credential chain says."""
    from drill.adapters.sms_aliyun_sdk import Account

    at = alibaba_endpoint(product, own_host)
    return Account(at.host, at.protocol, "", "")


def _aws_site(site: Site, cap: int) -> AwsSite:
    from drill.adapters.outage_aws import AwsSite

    cut: dict[str, Any] = site.options.get("cut", {})
    method: Method = cut.get("method") or "network-acl"
    held = tuple(cut.get("held", ()))
    return AwsSite(site.region, tags_of(site.options), cap, method, held, starts_at_boot=_starts_at_boot(site))


def _experiment(site: Site) -> Experiment:
    from drill.adapters.outage_aws_fis import Experiment

    return Experiment(site.region, str(site.options["cut"]["fis"]), tags_of(site.options))


def _starts_at_boot(site: Site) -> bool:
    return bool(site.options.get("database", {}).get("starts_at_boot", True))


def _aliyun_site(site: Site, cap: int) -> AliyunSite:
    from drill.adapters.outage_aliyun import AliyunSite, doors_of

    held = tuple(site.options.get("cut", {}).get("held", ()))
    return AliyunSite(site.region, tags_of(site.options), cap, held, doors_of(site.options), starts_at_boot=_starts_at_boot(site))
