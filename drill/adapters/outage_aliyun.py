"""The ways to take sites of Alibaba Cloud away: which sorts of resources each consists of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drill.adapters.fence_machines import ROLE, FencedSite, MachineFence
from drill.adapters.outage_aliyun_balancers import ApplicationListeners, NetworkListeners
from drill.adapters.outage_aliyun_calls import AliyunCalls
from drill.adapters.outage_aliyun_databases import AllowLists, ClusterAllowLists
from drill.adapters.outage_aliyun_doors import Listeners
from drill.adapters.outage_aliyun_machines import RUNNING, STOPPED, GroupedMachines, Machines
from drill.adapters.outage_beside import beside_in_aliyun
from drill.adapters.outage_held import Connections
from drill.adapters.outage_parts import Sort
from drill.adapters.outage_swap import SiteParts, SwapOutage
from drill.model.ports import Ground

DOORS: Final = ("slb", "alb", "nlb", "rds", "polardb")
"""Products whose doors are shut with a site: three sorts of load balancers, and two of managed databases."""
_SORTS: Final[Mapping[str, Callable[[AliyunCalls, Mapping[str, str]], Sort]]] = {
    "slb": Listeners,
    "alb": ApplicationListeners,
    "nlb": NetworkListeners,
    "rds": AllowLists,
    "polardb": ClusterAllowLists,
}
_TOLD: Final = {
    "slb": "classic load balancers",
    "alb": "application load balancers",
    "nlb": "network load balancers",
    "rds": "databases of RDS",
    "polardb": "clusters of PolarDB",
}
_ELSEWHERE: Final = (
    "caches (Tair), queues, the object store and what else Alibaba Cloud serves from its own addresses",
    "resources without the opt-in tags, and those of other accounts and regions",
)


def doors_of(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The products whose doors are shut with a site, from its options in a plan: `cut.doors` is yes, no, or some of `DOORS`."""
    said = options.get("cut", {}).get("doors", True)
    return tuple(product for product in DOORS if said is True or (said is not False and product in said))


@dataclass(frozen=True)
class AliyunSite:
    """A site on Alibaba Cloud. `tags` are its opt-in tags, `cap` how many resources may be cut, `held` addresses to hold open.

    `doors`: the products (of `DOORS`) whose listeners and allow-lists are shut as well, where they are tagged.
    """

    region: str
    tags: Mapping[str, str]
    cap: int
    held: Sequence[str] = ()
    doors: Collection[str] = DOORS
    starts_at_boot: bool = True
    """Whether its database starts with its machine; a fence is then not opened while another site takes writes."""


def aliyun_outage(sites: Mapping[str, AliyunSite], open_calls: Callable[[str], AliyunCalls] = AliyunCalls, **timing: Any) -> SwapOutage:
    """Cuts sites off from the network: machines by their security groups, and tagged doors (port Outage).

    `open_calls` makes the calls of a region, which need `ecs`, `tag`, and each product whose doors are shut; `timing` goes to SwapOutage.
    """
    parts = {site: _isolation(site, row, open_calls(row.region)) for site, row in sites.items()}
    return SwapOutage(parts, hold=lambda site: Connections(sites[site].held), **timing)


def aliyun_stop(sites: Mapping[str, AliyunSite], open_calls: Callable[[str], AliyunCalls] = AliyunCalls, **timing: Any) -> SwapOutage:
    """Stops the machines of sites (port Outage)."""
    parts = {
        site: SiteParts("stop", row.tags, row.cap, [Machines(open_calls(row.region), row.tags)], _ELSEWHERE) for site, row in sites.items()
    }
    return SwapOutage(parts, hold=lambda site: Connections(sites[site].held), **timing)


def _isolation(site: str, row: AliyunSite, calls: AliyunCalls) -> SiteParts:
    doors = [_SORTS[product](calls, row.tags) for product in DOORS if product in row.doors]
    told = [f"{_TOLD[product]}: they are left out by cut.doors" for product in DOORS if product not in row.doors]
    sorts: list[Sort] = [GroupedMachines(calls, site, row.tags), *doors]
    return SiteParts("security-group", row.tags, row.cap, sorts, (*told, *_ELSEWHERE), lambda: beside_in_aliyun(calls, row.tags))


def aliyun_fence(
    sites: Mapping[str, AliyunSite],
    ground: Ground,
    rivals: Sequence[str],
    open_calls: Callable[[str], AliyunCalls] = AliyunCalls,
    **timing: Any,
) -> MachineFence:
    """Fences databases that run on machines of Alibaba Cloud (port Fence): those with the opt-in tags and `drill-role: database`."""
    fenced = {
        site: FencedSite(Machines(open_calls(row.region), {**row.tags, **ROLE}), STOPPED, RUNNING, row.starts_at_boot)
        for site, row in sites.items()
    }
    return MachineFence(fenced, ground, rivals, **timing)
