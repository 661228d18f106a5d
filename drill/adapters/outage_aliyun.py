"""The ways to take sites of Alibaba Cloud away: which sorts of resources each consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drill.adapters.fence_machines import ROLE, FencedSite, MachineFence
from drill.adapters.outage_aliyun_calls import AliyunCalls
from drill.adapters.outage_aliyun_doors import AllowLists, Listeners
from drill.adapters.outage_aliyun_machines import RUNNING, STOPPED, GroupedMachines, Machines
from drill.adapters.outage_held import Connections
from drill.adapters.outage_parts import Sort
from drill.adapters.outage_swap import SiteParts, SwapOutage
from drill.model.ports import Ground

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
    starts_at_boot: bool = True
    """Whether its database starts with its machine; a fence is then not opened while another site takes writes."""


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
