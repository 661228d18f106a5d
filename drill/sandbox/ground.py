"""The sandbox as a drill sees it: sites that can be cut off, fenced, asked and described."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import psycopg  # here and not where it is used: loading it takes 75 ms, which a fence would add to the users' wait

from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal
from drill.model.ports import DatabaseAccess
from drill.sandbox.layout import LOOPBACK
from drill.sandbox.postgres import DATABASE, ROLE

_TAGS = {"drill": "allowed"}
_CONTROLS = {
    "pg_start_argv": "start-postgres",
    "pg_stop_argv": "stop-postgres",
    "pg_fence_argv": "fence",
    "pg_unfence_argv": "unfence",
}


class Handle(Protocol):
    """What these ports need of a sandbox: the running one, or a stand-in that describes it."""

    @property
    def details(self) -> dict[str, Any]:
        """Where everything is."""

    @property
    def control(self) -> list[str]:
        """Argument vector of the remote control."""

    def status(self) -> dict[str, Any]:
        """How every region is now."""

    def ask(self, verb: str, *, timeout_s: float = ..., **fields: Any) -> dict[str, Any]:
        """Have something done. Raises: Fatal: it is refused."""


class _Sites:
    """Which region a site is. Every lookup of an unknown site or region is the scenario's fault and says so."""

    def __init__(self, sandbox: Handle, regions: Mapping[str, str]) -> None:
        self._sandbox = sandbox
        self._regions = dict(regions)

    def _region(self, site: str) -> str:
        try:
            return self._regions[site]
        except KeyError:
            known = ", ".join(self._regions)
            raise Fatal(f"the sandbox has no site {site!r}.", code="A250", fix=f"Its sites are {known}.") from None

    def _live(self, site: str) -> dict[str, Any]:
        return self._of(site, self._sandbox.status()["regions"])

    def _details(self, site: str) -> dict[str, Any]:
        return self._of(site, self._sandbox.details["regions"])

    def _of(self, site: str, regions: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        region = self._region(site)
        if region not in regions:
            raise Fatal(
                f"the sandbox has no region {region!r}, where '{site}' should be.",
                code="A250",
                fix=f"Its regions are {', '.join(regions)}.",
            )
        return regions[region]


class SandboxOutage(_Sites):
    """Port Outage: a site's processes stand still. Connections succeed and nothing answers, as in a blackhole."""

    def preview(self, site: str) -> list[Effect]:
        live = self._live(site)
        if live["cut"]:
            return []
        groups = [(one["name"], f"app server on {one['address']}") for one in live["instances"] if one["running"]]
        if live["postgres"]["running"]:
            groups.insert(0, ("postgres", f"{live['role']} database, every process of it"))
        return [
            Effect(
                verb=Verb.STOP,
                target=f"{site}/{name}",
                detail=f"SIGSTOP: {what}",
                tags=_TAGS,
                undo="automatic",
                marks=frozenset({"outage"}),
            )
            for name, what in groups
        ]

    def snapshot(self, site: str) -> Mapping[str, Any]:
        return {}

    def isolate(self, site: str, snapshot: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        """Returns `region`, `method` and how many `processes` stand still."""
        answer = self._sandbox.ask("freeze", region=self._region(site))
        return {"region": self._region(site), "method": "freeze", "processes": answer["processes"]}

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        self._sandbox.ask("thaw", region=self._region(site))

    def isolated(self, site: str) -> bool:
        return bool(self._live(site)["cut"])


class SandboxFence(_Sites):
    """Port Fence: the database's processes are killed, and the supervisor starts none until the fence is cleared."""

    def preview(self, site: str) -> list[Effect]:
        live = self._live(site)
        if live["fenced"] and not live["postgres"]["running"]:
            return []
        return [
            Effect(
                verb=Verb.STOP,
                target=f"{site}/postgres",
                detail="SIGKILL and a marker that forbids a start",
                tags=_TAGS,
                undo="automatic",
                marks=frozenset({"fence"}),
            )
        ]

    def fence(self, site: str) -> Mapping[str, Any]:
        """Proof: how many processes were `ended` and could still be `woken` by SIGCONT, and how a `write` was refused."""
        answer = self._sandbox.ask("fence", region=self._region(site))
        refused = self._refused_write(site)
        live = self._live(site)
        if answer["woken"] or live["postgres"]["running"] or not live["fenced"]:
            raise Fatal(f"{site} has a running database although it was fenced.", code="A210", fix="Do not promote; end it first.")
        ended, woken = len(answer["killed"]), len(answer["woken"])
        return {"site": site, "already": answer["already"], "ended": ended, "woken": woken, "write": refused}

    def release(self, site: str) -> None:
        self._sandbox.ask("release", region=self._region(site))

    def _refused_write(self, site: str) -> str:
        """Try to write and say how it was refused. Raises: Fatal: it was not (A210)."""
        try:
            with psycopg.connect(f"{self._details(site)['conninfo']} connect_timeout=2", autocommit=True) as connection:
                connection.execute("select pg_logical_emit_message(true, 'drill', 'fence')")
        except psycopg.OperationalError as error:
            return str(error).strip().splitlines()[0]
        except psycopg.Error as error:
            raise Fatal(f"{site} still answers as a database: {error}", code="A210", fix="Do not promote; end it first.") from error
        raise Fatal(f"{site} took a write after it was fenced.", code="A210", fix="Do not promote; end its database first.")


class SandboxGround(_Sites):
    """Port Ground: addresses, databases and inventories of the two regions."""

    def attributes(self, site: str) -> Mapping[str, Any]:
        """`region`, `addresses`, `shop_port`, `pg_port`, and `control`, the argument vector of the sandbox's remote control."""
        details = self._details(site)
        kept = {name: details[name] for name in ("addresses", "shop_port", "pg_port")}
        return {"region": self._region(site), **kept, "control": self._sandbox.control}

    def database(self, site: str) -> DatabaseAccess:
        details = self._details(site)
        bin_dir = Path(self._sandbox.details["postgres"]["bin"])
        return DatabaseAccess(LOOPBACK, details["pg_port"], ROLE, DATABASE, bin_dir, data_dir=details["data"])

    def inventory(self, site: str) -> Mapping[str, Any]:
        """The site alone in group `pg_target`, every other one in `pg_peer`."""
        self._region(site)
        peers = {other: self._host(other) for other in self._regions if other != site}
        return {
            "all": {
                "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
                "children": {"pg_target": {"hosts": {site: self._host(site)}}, "pg_peer": {"hosts": peers}},
            }
        }

    def last_primary_lsn(self) -> str:
        found: dict[str, str] = self._sandbox.status()["last_primary"]
        return found.get("lsn", "")

    def _host(self, site: str) -> dict[str, Any]:
        details, control, region = self._details(site), self._sandbox.control, self._region(site)
        return {
            "pg_conninfo": details["conninfo"],
            "pg_bin": self._sandbox.details["postgres"]["bin"],
            "pg_data": details["data"],
            **{name: [*control, verb, "--region", region] for name, verb in _CONTROLS.items()},
            "pg_run_as_argv": [*control, "run-as", "--"] if os.geteuid() == 0 else [],
            "pg_replication_conninfo": details["replication_conninfo"],
            "pg_slot": details["application_name"],
            "pg_application_name": details["application_name"],
        }
