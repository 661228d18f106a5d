"""Alibaba's global traffic manager of the third generation: address pools are switched on and off, each with its own token."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from drill.adapters.dns_alidns_calls import AlidnsCalls
from drill.adapters.lever_pull import Held, pull
from drill.model.errors import Fatal
from drill.model.ports import NameFacts, Steering


class GtmPools:
    """The pools of one instance configuration (port Lever). `pools`: the pool of each site, by its id.

    A pool that other configurations use as well is switched for them too.
    """

    def __init__(self, name: str, calls: AlidnsCalls, instance: str, config: str, pools: Mapping[str, str]) -> None:
        self._name = name
        self._calls = calls
        self._where = {"InstanceId": instance, "ConfigId": config}
        self._pools = dict(pools)

    @property
    def facts(self) -> NameFacts:
        return NameFacts("Alibaba GTM 3.0", "control-plane")

    def read(self) -> Steering:
        rows = self._rows()
        missing = sorted(set(self._pools.values()) - rows.keys())
        if missing:
            raise Fatal(f"the traffic manager of {self._name} has no pool {', '.join(missing)}.", code="A221", fix=f"It has {[*rows]}.")
        serving = [pool for pool, row in rows.items() if _enabled(row) and row["HealthStatus"] != "exceptional"]
        site = next((site for site, pool in self._pools.items() if serving and pool == serving[0]), "")
        raw = {pool: str(rows[pool]["EnableStatus"]) for pool in self._pools.values()}
        healthy = {site: rows[pool]["HealthStatus"] != "exceptional" for site, pool in self._pools.items()}
        return Steering(
            self._name, site, "disable" in raw.values(), healthy, ", ".join(f"{pool} {state}d" for pool, state in raw.items()), raw
        )

    def wanted(self, to: str) -> dict[str, Any]:
        if to not in self._pools:
            raise Fatal(f"the traffic manager of {self._name} has no pool at '{to}'.", code="A226", fix=f"It has {', '.join(self._pools)}.")
        return {pool: "enable" if site == to else "disable" for site, pool in self._pools.items()}

    def steer(self, before: Steering, to: str) -> Steering:
        wanted = self.wanted(to)
        if not self.read().healthy[to]:
            raise Fatal(f"the pool of {self._name} at '{to}' is not healthy.", code="A226", fix="Bring it up first: nobody would answer.")
        return pull(self.read, lambda present: self._set(present, wanted), expected=before.raw, wanted=wanted)

    def restore(self, found: Steering, written: Steering) -> None:
        pull(self.read, lambda present: self._set(present, found.raw), expected=written.raw, wanted=found.raw)

    def _set(self, present: Held, wanted: Held) -> None:
        """What gives an answer comes before what takes one away."""
        for status in ("enable", "disable"):
            for pool in sorted(wanted):
                if wanted[pool] == status != present[pool]:
                    token = str(uuid.uuid4())
                    self._calls.write("UpdateCloudGtmAddressPoolEnableStatus", AddressPoolId=pool, EnableStatus=status, ClientToken=token)

    def _rows(self) -> dict[str, Any]:
        """The configuration's pools by id, in the order in which they serve."""
        answer = self._calls.read("DescribeCloudGtmInstanceConfigFullInfo", **self._where)
        pools = (answer.get("AddressPools") or {}).get("AddressPool") or []
        return {str(row["AddressPoolId"]): row for row in sorted(pools, key=lambda row: int(row.get("SerialNumber") or 0))}


def _enabled(row: Mapping[str, Any]) -> bool:
    return str(row["EnableStatus"]) == "enable"
