"""What sites of AWS and Alibaba Cloud are taken away and fenced with, as their options in the plan say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drill.model.plan import Site
from drill.model.ports import Outage
from drill.model.scenario_sites import tags_of
from drill.wiring.endpoints import alibaba_endpoint, aws_endpoint

if TYPE_CHECKING:
    from drill.adapters.outage_aliyun import AliyunSite
    from drill.adapters.outage_aliyun_calls import AliyunCalls
    from drill.adapters.outage_aws import AwsSite
    from drill.adapters.outage_aws_client import AwsClients
    from drill.adapters.sms_aliyun_sdk import Account


def aws_outages(sites: list[Site], *, cap: int) -> tuple[Outage, dict[str, Outage]]:
    """How these sites are isolated, and the further ways to take them away. `cap` bounds what one of them may cut."""
    from drill.adapters.outage_aws import aws_outage, aws_stop

    made = {site.id: _aws_site(site, cap) for site in sites if tags_of(site.options)}
    return aws_outage(made, aws_clients), {"stop": aws_stop(made, aws_clients)}


def aliyun_outages(sites: list[Site], *, cap: int) -> tuple[Outage, dict[str, Outage]]:
    """As `aws_outages`."""
    from drill.adapters.outage_aliyun import aliyun_outage, aliyun_stop

    made = {site.id: _aliyun_site(site, cap) for site in sites if tags_of(site.options)}
    return aliyun_outage(made, aliyun_calls), {"stop": aliyun_stop(made, aliyun_calls)}


def aws_clients(region: str) -> AwsClients:
    """The clients of a region. Raises: PreflightFailed: an endpoint may not be used (F045), once it is asked for."""
    from drill.adapters.outage_aws_client import AwsClients

    return AwsClients(region, aws_endpoint)


def aliyun_calls(region: str) -> AliyunCalls:
    """The calls of a region. Raises: as `aws_clients`."""
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
    return AwsSite(site.region, tags_of(site.options), cap, cut.get("method") or "network-acl", tuple(cut.get("held", ())))


def _aliyun_site(site: Site, cap: int) -> AliyunSite:
    from drill.adapters.outage_aliyun import AliyunSite

    cut: dict[str, Any] = site.options.get("cut", {})
    return AliyunSite(site.region, tags_of(site.options), cap, tuple(cut.get("held", ())), bool(cut.get("doors", True)))
