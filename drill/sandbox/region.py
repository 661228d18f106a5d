"""One region: its database and its app servers, and what can happen to them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from drill.model.errors import Fatal
from drill.sandbox.layout import Layout
from drill.sandbox.postgres import PostgresServer
from drill.sandbox.processes import family, spawn, state_of, stop, wait_until


@dataclass(eq=False)
class Instance:
    """One app server."""

    name: str
    address: str
    process: subprocess.Popen[bytes]

    def running(self) -> bool:
        return self.process.poll() is None


class Region:
    """Changes one at a time; every verb may be repeated. `cut` is how the region was taken away: empty, `frozen` or `killed`."""

    def __init__(self, name: str, server: PostgresServer, layout: Layout, *, shop_port: int, environment: dict[str, str]) -> None:
        self.name = name
        self.server = server
        self.cut = ""
        self.instances: dict[str, Instance] = {}
        self._fence_marker = layout.region(name) / "FENCED"
        self._shop_port = shop_port
        self._environment = environment
        self._wanted = True
        self._lock = asyncio.Lock()

    @property
    def fenced(self) -> bool:
        return self._fence_marker.exists()

    def describe(self) -> dict[str, Any]:
        """The region as `status` shows it; no database is asked."""
        process = self.server.process
        return {
            "cut": self.cut,
            "fenced": self.fenced,
            "postgres": {"running": self.server.running(), "pid": process.pid if process else None, "data": str(self.server.data)},
            "instances": [
                {"name": one.name, "address": one.address, "pid": one.process.pid, "running": one.running()}
                for one in self.instances.values()
            ],
        }

    async def freeze(self) -> dict[str, Any]:
        """SIGSTOP everything, database first: connections succeed and nothing answers."""
        async with self._lock:
            self.cut = "frozen"
            stopped = await asyncio.to_thread(self._stop_all)
            return {"say": "frozen", "processes": stopped}

    def _stop_all(self) -> int:
        running = [one.process.pid for one in self.instances.values() if one.running()]
        if self.server.running() and self.server.process is not None:
            running.insert(0, self.server.process.pid)
        return sum(len(stop(pid)) for pid in running)

    async def thaw(self) -> dict[str, Any]:
        """Give everything back that is not fenced: continue what stands still, start again what was killed."""
        async with self._lock:
            members = self.server.family()
            for instance in self.instances.values():
                members += family(instance.process.pid) if instance.running() else []
            for one in reversed(members):  # the postmaster last: it must not find its children silent
                one.send(signal.SIGCONT)
            await asyncio.to_thread(wait_until, lambda: not any(state_of(one.pid) == "stopped" for one in members), 2.0)
            self.cut = ""
            if self._wanted and not self.fenced:
                await self._start()
            for instance in list(self.instances.values()):
                if not instance.running():
                    self.instances[instance.name] = self.launch(instance.name, instance.address)
            await asyncio.gather(*(self.ready(one) for one in self.instances.values()))
            return {"say": "thawed", "processes": len(members)}

    async def kill(self) -> dict[str, Any]:
        """SIGKILL everything: a crash. Connections are refused."""
        async with self._lock:
            self.cut = "killed"
            killed = await asyncio.to_thread(self.server.kill)
            for instance in self.instances.values():
                instance.process.kill()
                await asyncio.to_thread(instance.process.wait)
            return {"say": "killed", "processes": len(killed) + len(self.instances)}

    async def fence(self) -> dict[str, Any]:
        """Make sure the database takes no write: its processes are killed and none is started until the fence is cleared.

        Raises: Fatal: a process of it is still there (A210).
        """
        async with self._lock:
            already = self.fenced
            self._fence_marker.touch()
            killed = await asyncio.to_thread(self.server.kill)
            already = already and not killed
            woken = [one.pid for one in killed if one.send(signal.SIGCONT)]  # what a thaw would do to them: there must be none to do it to
            pids = [one.pid for one in killed]
            return {"say": "already fenced" if already else "fenced", "already": already, "killed": pids, "woken": woken}

    async def unfence(self) -> dict[str, Any]:
        """Clear the fence of a database that will come back as a replica.

        Raises: Fatal: it would come back as a primary (A211).
        """
        async with self._lock:
            if self.fenced and not self.server.is_standby():
                raise Fatal(
                    f"region {self.name} would come back as a second primary: {self.server.data} has no standby.signal.",
                    code="A211",
                    fix="Make it a replica first (rejoin), then clear the fence.",
                )
            self._fence_marker.unlink(missing_ok=True)
            return {"say": "not fenced"}

    async def release(self) -> dict[str, Any]:
        """Clear the fence and give the database back as it was; a region that is cut off gets it with the thaw."""
        async with self._lock:
            self._fence_marker.unlink(missing_ok=True)
            if self._wanted and not self.cut:
                await self._start()
            return {"say": "released"}

    async def start_postgres(self) -> dict[str, Any]:
        """Start the database and wait until it takes connections.

        Raises: Fatal: the region is fenced (A212) or cut off (A263).
        """
        async with self._lock:
            if self.fenced:
                raise Fatal(f"region {self.name} is fenced: its database must not start.", code="A212", fix="Rejoin it as a replica first.")
            self._refuse_when_cut()
            self._wanted = True
            running = self.server.running()
            await self._start()
            return {"say": "already running" if running else "started"}

    async def stop_postgres(self) -> dict[str, Any]:
        """Shut the database down, fast and clean."""
        async with self._lock:
            self._refuse_when_cut()
            self._wanted = False
            running = self.server.running()
            await asyncio.to_thread(self.server.shut_down)
            return {"say": "stopped" if running else "already stopped"}

    async def create_instance(self, name: str, address: str) -> dict[str, Any]:
        """Start an app server and wait until it answers.

        Raises: Fatal: the region is cut off (A263), or name or address is taken by another (A264).
        """
        async with self._lock:
            self._refuse_when_cut()
            present = self.instances.get(name)
            clash = [one.name for one in self.instances.values() if (one.name == name) != (one.address == address)]
            if clash:
                raise Fatal(f"app server {name} on {address} clashes with {clash[0]}.", code="A264", fix="Destroy that one first.")
            if present is None or not present.running():
                self.instances[name] = self.launch(name, address)
            await self.ready(self.instances[name])
            return {"say": "created" if present is None else "already there", "name": name, "address": address, "port": self._shop_port}

    async def destroy_instance(self, name: str) -> dict[str, Any]:
        """End an app server."""
        async with self._lock:
            instance = self.instances.pop(name, None)
            if instance is None:
                return {"say": "already gone"}
            instance.process.kill()
            await asyncio.to_thread(instance.process.wait)
            return {"say": "destroyed"}

    def launch(self, name: str, address: str) -> Instance:
        """Start an app server without waiting; it waits for its database by itself."""
        where = {"--address": address, "--port": str(self._shop_port), "--region": self.name, "--instance": name}
        argv = [sys.executable, "-m", "drill.sandbox.shop", *(word for pair in where.items() for word in pair)]
        directory = self.server.directory
        process = spawn(
            [*argv, "--database", self.server.conninfo()], cwd=directory, environment=self._environment, log=directory / f"{name}.log"
        )
        return Instance(name, address, process)

    async def ready(self, instance: Instance, *, timeout_s: float = 20.0) -> None:
        """Wait until an app server answers HTTP, whatever it says. Raises: Fatal: it ended, or does not in time (A265)."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not await _answers(instance.address, self._shop_port):
            if not instance.running() or loop.time() > deadline:
                log = self.server.directory / f"{instance.name}.log"
                raise Fatal(
                    f"app server {instance.name} does not answer on {instance.address}:{self._shop_port}.", code="A265", fix=f"Read {log}."
                )
            await asyncio.sleep(0.01)

    def _refuse_when_cut(self) -> None:
        if self.cut:
            raise Fatal(f"region {self.name} is {self.cut}: nothing can be changed there.", code="A263", fix="Restore the region first.")

    async def _start(self) -> None:
        if not self.server.running():
            self.server.launch()
        await asyncio.to_thread(self.server.wait_ready)

    def end(self) -> None:
        """End everything at once, for good."""
        self.server.kill()
        for instance in self.instances.values():
            instance.process.kill()
            instance.process.wait()


async def _answers(address: str, port: int) -> bool:
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(b"GET /health HTTP/1.1\r\nHost: shop\r\n\r\n")
                return (await reader.readline()).startswith(b"HTTP/1.1 ")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
