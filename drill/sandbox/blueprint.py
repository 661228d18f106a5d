"""The sandbox as it would be when it is up and healthy: what previews look at where nothing may be started or written."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drill.model.errors import Fatal
from drill.model.ports import NameFacts, RecordSet
from drill.model.rehearsal import write_refused
from drill.sandbox.layout import LOOPBACK, NAME, REGIONS, ZONE, Layout
from drill.sandbox.postgres import DATABASE, ROLE
from drill.sandbox.world import PHONES, PREFIX, Sandbox

_SHOP_PORT, _DNS_PORT, _API_PORT, _CARRIER_PORT, _FIRST_PG_PORT = 20080, 20053, 20443, 20025, 20432
_SECRETS = ("SMS_SIGN", "SMS_KEY_ID", "SMS_KEY_SECRET")
_PRIMARY = "a"


class Blueprint:
    """Stands in for the handle of a sandbox. Ports and paths are of the right kind; the real ones are chosen at the start.

    It can be told what earlier steps of the plan would have done, so that later ones are looked at as they will find it.
    """

    def __init__(self) -> None:
        self._layout = Layout(Path(tempfile.gettempdir()) / f"{PREFIX}blueprint")
        self._cut: set[str] = set()
        self._fenced: set[str] = set()

    @property
    def control(self) -> list[str]:
        return Sandbox(self._layout.state, self._layout).control

    @property
    def details(self) -> dict[str, Any]:
        """As of a running sandbox, without what only a process has."""
        state = self._layout.state
        return {
            "state": str(state),
            "shop_port": _SHOP_PORT,
            "postgres": {"bin": str(state / "programs")},
            "regions": {name: self._region(name, port) for port, name in enumerate(REGIONS, start=_FIRST_PG_PORT)},
            "dns": {"address": LOOPBACK, "port": _DNS_PORT},
            "api": {"endpoint": f"http://{LOOPBACK}:{_API_PORT}"},
            "carrier": {"endpoint": f"http://{LOOPBACK}:{_CARRIER_PORT}"},
            "zone": ZONE,
            "name": NAME,
            "control": self.control,
        }

    @property
    def secrets(self) -> dict[str, str]:
        """The names a sandbox has values for; those it makes up at its start are empty of meaning here."""
        hosts = ",".join(LOOPBACK for _ in REGIONS)
        ports = ",".join(str(row["pg_port"]) for row in self.details["regions"].values())
        canary = f"host={hosts} port={ports} user={ROLE} dbname={DATABASE} target_session_attrs=read-write"
        return {**PHONES, "CANARY_DSN": canary, **dict.fromkeys(_SECRETS, "made up at the start")}

    def status(self) -> dict[str, Any]:
        """Both regions healthy, but for what was assumed."""
        return {"regions": {name: self._state(name) for name in REGIONS}, "last_primary": {}}

    def ask(self, verb: str, *, timeout_s: float = 0.0, **fields: Any) -> dict[str, Any]:
        """Raises: WriteRefused: always; a stand-in does nothing."""
        words = " ".join(str(value) for value in fields.values())
        raise write_refused(f"have the sandbox {verb} {words}".rstrip())

    def assume_cut(self, region: str) -> None:
        """From now on the region is described as cut off."""
        self._cut.add(region)

    def assume_fenced(self, region: str) -> None:
        """From now on the region's database is described as fenced."""
        self._fenced.add(region)

    def _region(self, name: str, port: int) -> dict[str, Any]:
        base = f"host={LOOPBACK} port={port} user={ROLE}"
        return {
            "addresses": list(REGIONS[name]),
            "shop_port": _SHOP_PORT,
            "pg_port": port,
            "data": str(self._layout.region(name) / "data"),
            "conninfo": f"{base} dbname={DATABASE}",
            "replication_conninfo": base,
            "application_name": f"region_{name}",
        }

    def _state(self, name: str) -> dict[str, Any]:
        serving = REGIONS[name] if name == _PRIMARY else ()
        return {
            "cut": "frozen" if name in self._cut else "",
            "fenced": name in self._fenced,
            "role": "primary" if name == _PRIMARY else "standby",
            "postgres": {"running": name not in self._fenced},
            "instances": [
                {"name": f"{name}{number}", "address": address, "running": True} for number, address in enumerate(serving, start=1)
            ],
        }


class BlueprintDns:
    """What the sandbox's name server would hold (port Dns, for reading)."""

    def __init__(self) -> None:
        self._held = {NAME: RecordSet(NAME, "A", 1, REGIONS[_PRIMARY])}

    def read(self, name: str, rtype: str = "A") -> RecordSet:
        found = self._held.get(name.rstrip("."))
        if found is None or rtype != found.type:
            raise Fatal(f"the sandbox has no {rtype} record for {name}.", code="A221", fix=f"It serves {', '.join(self._held)}.")
        return found

    def swap(self, before: RecordSet, after: RecordSet) -> None:
        """Raises: WriteRefused: always."""
        raise write_refused(f"change the DNS name {before.name}")

    def servers(self, name: str) -> Sequence[tuple[str, int]]:
        return [(LOOPBACK, _DNS_PORT)]

    def in_sync(self, name: str) -> bool:
        return True

    def facts(self, name: str) -> NameFacts:
        return NameFacts("the sandbox", "data-plane")

    def assume(self, name: str, values: Sequence[str], *, ttl_s: int) -> None:
        """From now on the name is described as holding these values."""
        present = self.read(name)
        self._held[present.name] = RecordSet(present.name, present.type, ttl_s, tuple(values))
