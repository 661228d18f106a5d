"""The ways to take sites of Alibaba Cloud away: which sorts of resources each consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drill.adapters.outage_aliyun_calls import AliyunCalls
from drill.adapters.outage_aliyun_doors import AllowLists, Listeners
from drill.adapters.outage_aliyun_machines import GroupedMachines, Machines
from drill.adapters.outage_held import Connections
from drill.adapters.outage_swap import SiteParts, Sort, SwapOutage

_ELSEWHERE: Final = (
    "caches, queues and the object store of Alibaba Cloud, and PolarDB",
    "ALB and NLB load balancers",
    "resources without the opt-in tags, and those of other accounts",
)


@dataclass(frozen=True)
class AliyunSite:
    """A site on Alibaba Cloud. `tags` are its opt-in tags, `cap` how many resources may be cut, `held` addresses to hold open.

    `doors`: whether listeners of load balancers and allow-lists of databases are shut as well, where they are tagged.
    """

    region: str
    tags: Mapping[str, str]
    cap: int
    held: Sequence[str] = ()
    doors: bool = True


def aliyun_outage(sites: Mapping[str, AliyunSite], open_calls: Callable[[str], AliyunCalls] = AliyunCalls, **timing: Any) -> SwapOutage:
    """Cuts sites off from the network: machines by their security groups, and tagged doors (port Outage).

    `open_calls` makes the calls of a region, which need `ecs`, and `slb` and `rds` for doors; `timing` goes to SwapOutage.
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
    doors: list[Sort] = [Listeners(calls, row.tags), AllowLists(calls, row.tags)] if row.doors else []
    return SiteParts("security-group", row.tags, row.cap, [GroupedMachines(calls, site, row.tags), *doors], _ELSEWHERE)
