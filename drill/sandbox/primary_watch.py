"""Knows which database is primary and remembers its newest position, because a lost primary cannot be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from drill.sandbox.database_session import Session
from drill.sandbox.region import Region

EVERY_S = 0.5
_SQL = """select pg_is_in_recovery(),
    case when not pg_is_in_recovery() then pg_current_wal_lsn()::text end,
    array(select application_name from pg_stat_replication where state = 'streaming')::text[]"""


class PrimaryWatch:
    """Asks every database for its role; samples the primary's position twice a second."""

    def __init__(self, regions: Mapping[str, Region]) -> None:
        self._regions = regions
        self._sessions = {name: Session(region.server.conninfo(connect_timeout=2)) for name, region in regions.items()}
        self._locks = {name: asyncio.Lock() for name in regions}
        self.last: dict[str, str] = {}
        """`region`, `lsn` and `at` of the newest sample of a primary; empty before the first."""

    async def role(self, name: str, *, deadline_s: float = 1.0) -> dict[str, Any]:
        """`role` is `primary`, `standby`, `silent` or `down`; a primary has `streaming`, the names of its standbys."""
        import psycopg

        region = self._regions[name]
        if not region.server.running():
            return {"role": "down"}
        if region.cut:
            return {"role": "silent"}
        try:
            async with asyncio.timeout(deadline_s), self._locks[name]:
                ((standby, lsn, streaming),) = await self._sessions[name].ask(_SQL, deadline_s=deadline_s * 0.9)
        except (TimeoutError, psycopg.Error):
            return {"role": "silent"}
        if standby:
            return {"role": "standby"}
        self.last = {"region": name, "lsn": lsn, "at": datetime.now(UTC).isoformat()}
        return {"role": "primary", "streaming": list(streaming)}

    async def run(self) -> None:
        """Sample for ever. The region last seen as primary goes first; the others are asked only when it is not one any more."""
        while True:
            for name in sorted(self._regions, key=lambda one: one != self.last.get("region")):
                if (await self.role(name, deadline_s=0.4))["role"] == "primary":
                    break
            await asyncio.sleep(EVERY_S)
