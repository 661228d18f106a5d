"""Roles that are several adapters: which one is asked follows from the site, or from the zone a name lies in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, NoReturn, TypeVar

from drill.model.effects import Effect
from drill.model.errors import Fatal
from drill.model.plan import Plan
from drill.model.ports import DatabaseAccess, Dns, Fence, Ground, NameFacts, Outage, RecordSet

Role = TypeVar("Role")


class Absent:
    """Stands for a role that nothing here fulfils: whoever needs it is told why, before anything is touched."""

    def __init__(self, what: str, fix: str, code: str = "F040") -> None:
        self._what, self._fix, self._code = what, fix, code

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        error = Fatal(self._what, code=self._code, fix=self._fix)
        error.untouched = True
        raise error


class _BySite(Generic[Role]):
    def __init__(self, roles: Mapping[str, Role]) -> None:
        self._roles = dict(roles)

    def of(self, site: str) -> Role:
        """The adapter of a site. Raises: Fatal: there is no such site (A250)."""
        if site not in self._roles:
            raise Fatal(f"there is no site {site!r}.", code="A250", fix=f"The sites are {', '.join(self._roles)}.")
        return self._roles[site]


class RoutedOutage(_BySite[Outage]):
    """Each site is cut off by its provider's adapter (port Outage)."""

    def preview(self, site: str) -> list[Effect]:
        return self.of(site).preview(site)

    def snapshot(self, site: str) -> Mapping[str, Any]:
        return self.of(site).snapshot(site)

    def isolate(self, site: str, snapshot: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        return self.of(site).isolate(site, snapshot)

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        self.of(site).restore(site, snapshot)

    def isolated(self, site: str) -> bool:
        return self.of(site).isolated(site)


class RoutedFence(_BySite[Fence]):
    """Each site's database is fenced by its provider's adapter (port Fence)."""

    def preview(self, site: str) -> list[Effect]:
        return self.of(site).preview(site)

    def fence(self, site: str) -> Mapping[str, Any]:
        return self.of(site).fence(site)

    def release(self, site: str) -> None:
        self.of(site).release(site)


class RoutedGround(_BySite[Ground]):
    """Each site is described by its provider's adapter (port Ground); an inventory has the target of one and the peers of all."""

    def attributes(self, site: str) -> Mapping[str, Any]:
        return self.of(site).attributes(site)

    def database(self, site: str) -> DatabaseAccess:
        return self.of(site).database(site)

    def inventory(self, site: str) -> Mapping[str, Any]:
        target = _targets(self.of(site).inventory(site))
        peers: dict[str, Any] = {}
        for other, ground in self._roles.items():
            if other != site:
                peers |= _targets(ground.inventory(other))
        return {"all": {"children": {"pg_target": {"hosts": target}, "pg_peer": {"hosts": peers}}}}

    def last_primary_lsn(self) -> str:
        said = [ground.last_primary_lsn() for ground in dict.fromkeys(self._roles.values())]
        return next((lsn for lsn in said if lsn), "")


def _targets(inventory: Mapping[str, Any]) -> dict[str, Any]:
    """The hosts a site's own inventory is about, with what it says for all hosts."""
    everyone = inventory["all"]
    hosts = everyone["children"]["pg_target"]["hosts"]
    return {name: {**everyone.get("vars", {}), **own} for name, own in hosts.items()}


class RoutedDns:
    """Each name is asked of whoever answers for its zone (port Dns). A name in no zone of the plan is nobody's."""

    def __init__(self, plan: Plan, zones: Mapping[str, Dns]) -> None:
        self._plan = plan
        self._zones = dict(zones)

    def read(self, name: str, rtype: str = "A") -> RecordSet:
        return self._of(name).read(name, rtype)

    def swap(self, before: RecordSet, after: RecordSet) -> None:
        self._of(before.name).swap(before, after)

    def servers(self, name: str) -> Sequence[tuple[str, int]]:
        zone = self._plan.zone_of(name)
        return [address_of(server) for server in zone.servers] if zone and zone.servers else self._of(name).servers(name)

    def in_sync(self, name: str) -> bool:
        return self._of(name).in_sync(name)

    def facts(self, name: str) -> NameFacts:
        return self._of(name).facts(name)

    def _of(self, name: str) -> Dns:
        zone = self._plan.zone_of(name)
        if zone is None:
            known = ", ".join(self._zones) or "none"
            raise Fatal(f"the scenario has no zone for {name}.", code="A221", fix=f"Add it under zones (those there are: {known}).")
        return self._zones[zone.id]


def address_of(server: str) -> tuple[str, int]:
    """An address and a port, from `192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::1]:53`."""
    host, _, port = server.rpartition(":") if server.count(":") == 1 or "]:" in server else (server, "", "")
    return host.strip("[]"), int(port or 53)
