"""Cuts one's own hosts off by playbooks: nftables rules that drop everything and run out by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drill.adapters.outage_held import Connections
from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal, Retryable
from drill.model.playbooks import outputs_of
from drill.model.ports import Ansible, Ground

_GROUP: Final = "drill_hosts"
_TIMEOUT_S: Final = 120.0
_SPARED: Final = ("what runs on one host and talks to itself", "hosts without the opt-in variables, and what else the site uses")


@dataclass(frozen=True)
class HostsSite:
    """A site of one's own hosts. `tags` are the host variables that opt a host in, `cap` how many hosts may be cut.

    `keep` are addresses that stay connected, beside that from which the host is worked on; `for_s` is when a host comes back by itself.
    """

    tags: Mapping[str, str]
    cap: int
    keep: Sequence[str] = ()
    held: Sequence[str] = ()
    for_s: float = 1800.0


class HostsOutage:
    """Port Outage. The hosts are those of the site's inventory that carry all opt-in variables."""

    def __init__(self, sites: Mapping[str, HostsSite], ansible: Ansible, ground: Ground) -> None:
        self._sites = dict(sites)
        self._ansible = ansible
        self._ground = ground

    def preview(self, site: str) -> list[Effect]:
        row, cut = self._of(site), self._cut(site)
        return [
            Effect(
                verb=Verb.UPDATE,
                target=f"{site}/{host}",
                detail=f"nftables drops everything, for {row.for_s:.0f} s at most",
                tags=dict(row.tags),
                undo="automatic",
                marks=frozenset({"outage"}),
            )
            for host in self._opted_in(site)
            if not cut.get(host)
        ]

    def snapshot(self, site: str) -> Mapping[str, Any]:
        """The hosts that may be cut; their own rules are not touched, so there is nothing else to write down."""
        hosts = list(self._opted_in(site))
        if not hosts:
            tags = ", ".join(f"{key}: {value}" for key, value in self._of(site).tags.items())
            what = f"nothing of {site} can be cut off: no host of its inventory says {tags}."
            raise Fatal(what, code="A219", fix="Write it beside the hosts that a drill may cut off.")
        return {"method": "nftables", "hosts": hosts}

    def isolate(self, site: str, snapshot: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        row, hosts = self._of(site), self._written(site, snapshot)
        if len(hosts) > row.cap:
            what = f"{len(hosts)} hosts of {site} would be cut off, more than the {row.cap} that the limits allow."
            raise Fatal(what, code="A215", fix="Take some out of the drill, or raise limits.max_changes on purpose.")
        lost = [host for host in hosts if host not in self._opted_in(site)]
        if lost:
            what = f"{', '.join(lost)} opted out since it was written down: nothing was touched."
            raise Fatal(what, code="A213", fix="Ask who took it out of the drill.")
        holding = Connections(row.held)
        try:
            self._play("isolate_hosts.yml", site, hosts, {"drill_keep": list(row.keep), "drill_for_s": int(row.for_s)})
            held = holding.after()
        finally:
            holding.close()
        alive = [f"a connection to {one.address} that was open before: it still answers" for one in held if one.alive]
        return {
            "method": "nftables",
            "cut": [f"host {host}" for host in hosts],
            "not_cut": [*_SPARED, *alive],
            "held": [one.told() for one in held],
        }

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        hosts = list(snapshot.get("hosts", ())) or list(self._opted_in(site))
        if hosts:
            self._play("restore_hosts.yml", site, hosts, {})

    def isolated(self, site: str) -> bool:
        return any(self._cut(site).values())

    def _of(self, site: str) -> HostsSite:
        if site not in self._sites:
            raise Fatal(f"there is no site {site!r}.", code="A250", fix=f"The sites are {', '.join(self._sites)}.")
        return self._sites[site]

    def _written(self, site: str, snapshot: Mapping[str, Any]) -> list[str]:
        if "hosts" not in snapshot:
            raise Fatal(f"nothing is written down of how {site} was.", code="A216", fix="Cut it off by a drill.")
        return list(snapshot["hosts"])

    def _opted_in(self, site: str) -> Mapping[str, Mapping[str, Any]]:
        tags = self._of(site).tags
        hosts: Mapping[str, Mapping[str, Any]] = self._ground.inventory(site)["all"]["children"]["pg_target"]["hosts"]
        return {name: row for name, row in hosts.items() if tags and all(row.get(key) == value for key, value in tags.items())}

    def _cut(self, site: str) -> Mapping[str, bool]:
        """Whether each opted-in host is cut off now; empty where there is no ground to ask."""
        hosts = list(self._opted_in(site))
        if not hosts:
            return {}
        found: Mapping[str, bool] = self._play("read_hosts.yml", site, hosts, {}, check=True).get("drill_cut", {})
        return found

    def _play(
        self, playbook: str, site: str, hosts: Sequence[str], variables: Mapping[str, Any], *, check: bool = False
    ) -> Mapping[str, Any]:
        whole = self._ground.inventory(site)["all"]
        known = whole["children"]["pg_target"]["hosts"]
        gone = [host for host in hosts if host not in known]
        if gone:
            what = f"the inventory of {site} does not name {', '.join(gone)} any more."
            raise Fatal(what, code="A214", fix="Write it there again, so that it can be reached.")
        inventory = {"all": {"vars": whole.get("vars", {}), "children": {_GROUP: {"hosts": {host: known[host] for host in hosts}}}}}
        result = self._ansible.play(
            playbook,
            inventory=inventory,
            variables=variables,
            check=check,
            timeout_s=_TIMEOUT_S,
            stopping=lambda: False,
            on_task=lambda _task: None,
        )
        if result.state == "unreachable":
            what = f"{playbook} did not reach every host: {result.failure}"
            raise Retryable(what, code="A131", fix="See whether they can be reached from here; they come back by themselves in the end.")
        return outputs_of(playbook, result)
