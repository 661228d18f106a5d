"""Who plays a drill now: a `drill run` on this machine or another, or a server; and which server takes one that nobody plays."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from drill.adapters.database_errors import translated
from drill.adapters.leases_sql import SqlLeases
from drill.adapters.roll_sql import Enrolled
from drill.model.events import Kind
from drill.wiring.leases import is_dead_holder
from drill.wiring.locks import engine_holder
from drill.wiring.records import Records
from drill.wiring.rolls import SERVER, living

_LEASES, _ROLL = "site_lease", "drill_worker"


@dataclass(frozen=True)
class Player:
    """A live engine with one drill. `server` is a server's name, empty for a `drill run`; `age_s` counts since its last heartbeat."""

    pid: int
    host: str
    server: str = ""
    age_s: float | None = None

    def row(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)

    def __str__(self) -> str:
        if not self.server:
            return f"engine {self.pid}" + ("" if self.host == platform.node() else f" on {self.host}")
        beat = "" if self.age_s is None else f", heartbeat {self.age_s:.1f} s ago"
        return f"engine {self.server} on {self.host}, pid {self.pid}{beat}"


def player_of(records: Records, drill: str) -> Player | None:
    """The live engine that has the drill, wherever it runs; also while it clears up behind one that has ended. Writes nothing."""
    if _has(records, _LEASES):
        ttl_s = records.settings.ttl_s
        live = [row for row in SqlLeases(records.database).of(drill) if not is_dead_holder(row, ttl_s=ttl_s)]
        for row in live:
            host, pid, _ = (*row.holder.split(":"), "", "", "")[:3]
            return Player(int(pid) if pid.isdecimal() else 0, host, _server_name(records, drill, f"{host}:{pid}"), max(0.0, row.age_s))
    holder = engine_holder(records.settings)  # while it makes its ground ready it has no lease yet
    return Player(holder.pid, platform.node()) if holder and holder.drill == drill else None


def servers(records: Records) -> list[Enrolled]:
    """The living servers of this database, which take what is queued and what dead engines leave. Writes nothing."""
    return living(records, role=SERVER) if _has(records, _ROLL) else []


def told_servers(records: Records) -> str:
    """Their names for people; empty when there is none."""
    return ", ".join(f"{row.executor} ({_where(row.place)})" for row in servers(records))


def _where(place: str) -> str:
    host, _, pid = place.rpartition(":")
    return f"{host}, pid {pid}"


def _server_name(records: Records, drill: str, place: str) -> str:
    """The name of the server at a place, or nothing when it is none: a `drill run` takes its pen under the drill's name."""
    taken = records.journal.read(drill, kinds=frozenset({Kind.LEASE_TAKEN}))
    pen = str(taken[-1].data["holder"]) if taken else ""
    return next((row.executor for row in servers(records) if row.place == place), "" if pen == f"cli:{drill}" else pen)


def _has(records: Records, table: str) -> bool:
    with translated():
        return sa.inspect(records.database).has_table(table)
