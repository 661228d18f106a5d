"""Brings a sandbox up: everything that can start at once does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import drill
from drill.sandbox.layout import LOOPBACK, REGIONS, Layout, free_ports
from drill.sandbox.postgres import MARK, PostgresServer, wait_streaming
from drill.sandbox.postgres_binaries import Toolset, find_toolset
from drill.sandbox.postgres_template import cluster_template, reachable_toolset
from drill.sandbox.region import Region
from drill.sandbox.server_user import ServerUser, server_user
from drill.sandbox.services import Services
from drill.sandbox.shop import ORDERS_SQL

CANARY_SQL = "create table if not exists canary (drill text, row bigint, at timestamptz, primary key (drill, row))"

_HANDED_DOWN = ("PATH", "HOME", "TMPDIR", "VIRTUAL_ENV", "DRILL_PG_BIN", "DRILL_PG_USER", "DRILL_CACHE", "XDG_CACHE_HOME")


@dataclass(frozen=True)
class Settings:
    """What `up` asks for. `mark` goes into the environment of every process of the sandbox."""

    home: Path
    mark: str
    owner: str
    mode: str
    lease_s: float
    services: tuple[str, ...]
    fsync: bool = False


@dataclass
class World:
    """What runs."""

    regions: dict[str, Region]
    services: Services
    tools: Toolset
    user: ServerUser | None
    shop_port: int

    def end(self) -> None:
        """End everything at once, for good."""
        for region in self.regions.values():
            region.end()
        self.services.end()


def lay_out(layout: Layout, settings: Settings) -> World:
    """Choose programs, user and ports; nothing is started. Raises: PreflightFailed (F03x). OSError: an address is missing."""
    user = server_user()
    tools = reachable_toolset(find_toolset(), user, layout.state)
    addresses = [address for region in REGIONS.values() for address in region]
    shop, dns, api, carrier, *databases = free_ports([addresses, *([[LOOPBACK]] * (3 + len(REGIONS)))])
    environment = child_environment(settings.mark)
    regions = {}
    for name, port in zip(REGIONS, databases, strict=True):
        server = PostgresServer(name, layout.cluster(name), layout.region(name), port, tools, user, settings.mark, settings.fsync)
        regions[name] = Region(name, server, layout, shop_port=shop, environment=environment)
    ports = {"dns": dns, "api": api, "carrier": carrier}
    services = Services(layout, settings.services, ports=ports, mode=settings.mode, environment=environment)
    return World(regions, services, tools, user, shop)


async def bring_up(world: World, layout: Layout, settings: Settings, say: Callable[[str], None]) -> None:
    """Start everything and return when all of it answers. Raises: DrillError."""
    a, b = world.regions["a"], world.regions["b"]
    say("starting DNS, carrier and app servers")
    world.services.launch()
    template = await asyncio.to_thread(cluster_template, world.tools, world.user, layout.state, settings.mark)
    say(f"starting PostgreSQL {world.tools.version} in region a")
    await asyncio.gather(*(asyncio.to_thread(region.server.create, template) for region in (a, b)))
    for number, address in enumerate(REGIONS["a"], start=1):
        a.instances[f"a{number}"] = a.launch(f"a{number}", address)
    a.server.launch()
    await asyncio.to_thread(a.server.wait_ready)
    await asyncio.to_thread(_prepare, a.server, b.server)
    say("starting its streaming replica in region b")
    b.server.follow(a.server)
    b.server.launch()
    await asyncio.to_thread(b.server.wait_ready)
    await asyncio.to_thread(wait_streaming, a.server, b.server)
    say("waiting for app servers, DNS and carrier")
    await asyncio.gather(*(a.ready(instance) for instance in a.instances.values()), world.services.ready())


def child_environment(mark: str) -> dict[str, str]:
    """What our own child processes get: enough to find Python's modules, and the mark."""
    kept = {name: os.environ[name] for name in _HANDED_DOWN if name in os.environ}
    source = str(Path(drill.__file__).resolve().parent.parent)
    return {**kept, "LC_ALL": "C.UTF-8", "PYTHONPATH": source, "PYTHONUNBUFFERED": "1", MARK: mark}


def publish(world: World, layout: Layout, settings: Settings) -> dict[str, Any]:
    """Everything a client may know, as `details` and as state.json."""
    user = world.user
    regions = {
        name: {
            "addresses": list(REGIONS[name]),
            "shop_port": world.shop_port,
            "pg_port": region.server.port,
            "data": str(region.server.data),
            "conninfo": region.server.conninfo(),
            "replication_conninfo": region.server.replication_conninfo(),
            "application_name": region.server.application_name,
        }
        for name, region in world.regions.items()
    }
    return {
        "state": str(layout.state),
        "mark": settings.mark,
        "owner": settings.owner,
        "mode": settings.mode,
        "shop_port": world.shop_port,
        "postgres": {
            "version": world.tools.version,
            "bin": str(world.tools.bin_dir),
            "user": {"name": user.name, "uid": user.uid, "gid": user.gid} if user else None,
            "durability": "machine" if settings.fsync else "process",
        },
        "regions": regions,
        **world.services.describe(),
    }


def _prepare(primary: PostgresServer, standby: PostgresServer) -> None:
    """Make tables and the standby's slot, so that no change is ever missing on the other side."""
    import psycopg

    with psycopg.connect(primary.conninfo(connect_timeout=2), autocommit=True) as connection:
        connection.execute(ORDERS_SQL)
        connection.execute(CANARY_SQL)
        connection.execute("select pg_create_physical_replication_slot(%s, true)", [standby.application_name])
