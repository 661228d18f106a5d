"""The ways to take sites of AWS away: which sorts of resources each consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from drill.adapters.fence_machines import ROLE, FencedSite, MachineFence
from drill.adapters.outage_aws_client import AwsClients
from drill.adapters.outage_aws_doors import Clusters, Databases, LoadBalancers
from drill.adapters.outage_aws_groups import GroupQuarantine, Interfaces
from drill.adapters.outage_aws_machines import RUNNING, STOPPED, Machines
from drill.adapters.outage_aws_subnets import Subnets
from drill.adapters.outage_beside import beside_in_aws
from drill.adapters.outage_held import Connections
from drill.adapters.outage_parts import Sort
from drill.adapters.outage_swap import SiteParts, SwapOutage
from drill.model.ports import Ground

Method = Literal["network-acl", "security-group"]
_ELSEWHERE: Final = (
    "the object store, queues, DynamoDB and what else AWS serves from its own addresses",
    "resources without the opt-in tags, and those of other accounts and regions",
)
_OUTSIDE: Final = "ElastiCache, RDS Proxy and other managed services outside the tagged subnets"
_BESIDE: Final = "ElastiCache, RDS Proxy, classic load balancers and whatever else has security groups of its own"


@dataclass(frozen=True)
class AwsSite:
    """A site on AWS. `tags` are its opt-in tags, `cap` how many resources may be cut, `held` addresses (`host:port`) to hold open."""

    region: str
    tags: Mapping[str, str]
    cap: int
    method: Method = "network-acl"
    held: Sequence[str] = ()
    starts_at_boot: bool = True
    """Whether its database starts with its machine; a fence is then not opened while another site takes writes."""


def aws_outage(sites: Mapping[str, AwsSite], open_clients: Callable[[str], AwsClients] = AwsClients, **timing: Any) -> SwapOutage:
    """Cuts sites off from the network: subnets or interfaces, and tagged load balancers and databases (port Outage).

    `open_clients` makes the clients of a region, which need `ec2`, `elbv2`, `rds` and
    `resourcegroupstaggingapi`; `timing` goes to SwapOutage.
    """
    parts = {site: _isolation(site, row, open_clients(row.region)) for site, row in sites.items()}
    return SwapOutage(parts, hold=lambda site: Connections(sites[site].held), **timing)


def aws_stop(sites: Mapping[str, AwsSite], open_clients: Callable[[str], AwsClients] = AwsClients, **timing: Any) -> SwapOutage:
    """Stops the machines of sites (port Outage)."""
    parts = {
        site: SiteParts("stop", row.tags, row.cap, [Machines(open_clients(row.region), row.tags)], _ELSEWHERE)
        for site, row in sites.items()
    }
    return SwapOutage(parts, hold=lambda site: Connections(sites[site].held), **timing)


def _isolation(site: str, row: AwsSite, clients: AwsClients) -> SiteParts:
    quarantine = GroupQuarantine(clients, site, row.tags)
    subnets = Subnets(clients, site, row.tags)
    by_acl = row.method == "network-acl"

    def shut() -> set[str]:
        return {part.id for part in subnets.find()} if by_acl else set()

    doors = [sort(clients, row.tags, quarantine, shut) for sort in (LoadBalancers, Clusters, Databases)]
    inner: Sort = subnets if by_acl else Interfaces(clients, row.tags, quarantine)
    spares = (_OUTSIDE if by_acl else _BESIDE, *_ELSEWHERE)
    return SiteParts(row.method, row.tags, row.cap, [inner, *doors], spares, lambda: beside_in_aws(clients, row.tags))


def aws_fence(
    sites: Mapping[str, AwsSite],
    ground: Ground,
    rivals: Sequence[str],
    open_clients: Callable[[str], AwsClients] = AwsClients,
    **timing: Any,
) -> MachineFence:
    """Fences databases that run on machines of AWS (port Fence): those with the opt-in tags and `drill-role: database`."""
    fenced = {
        site: FencedSite(Machines(open_clients(row.region), {**row.tags, **ROLE}), STOPPED, RUNNING, row.starts_at_boot)
        for site, row in sites.items()
    }
    return MachineFence(fenced, ground, rivals, **timing)
