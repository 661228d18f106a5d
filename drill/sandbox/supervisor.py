"""The one process that owns a sandbox: it starts everything, obeys its socket, and takes everything along when it ends."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from drill.model.errors import DrillError, Fatal, PreflightFailed
from drill.sandbox.layout import Layout, read_json, write_json
from drill.sandbox.primary_watch import PrimaryWatch
from drill.sandbox.processes import adopt_orphans
from drill.sandbox.region import Region
from drill.sandbox.server_user import ROOM
from drill.sandbox.startup import Settings, World, bring_up, lay_out, publish
from drill.sandbox.sweep import end_all, post_warden, remove_state

_FULL = 2**20
"""With fewer bytes free, a failure is the full disk's."""
log = logging.getLogger(__name__)
Answer = dict[str, Any]


class Supervisor:
    """Runs one sandbox. `report` tells the process that is waiting for `up`; `warden` is the pid of the one that sweeps after us."""

    def __init__(self, layout: Layout, settings: Settings, report: Callable[[Answer], None], *, warden: int) -> None:
        self._layout = layout
        self._settings = settings
        self._report = report
        self._pids = {"pid": os.getpid(), "warden": warden}
        self._ended = asyncio.Event()
        self._lease_until = time.monotonic() + settings.lease_s

    async def run(self) -> int:
        """Up, serve, down. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        world: World | None = None
        try:
            world = lay_out(self._layout, self._settings)
            write_json(self._layout.record, {**publish_early(self._settings, self._layout), **self._pids})
            await bring_up(world, self._layout, self._settings, lambda text: self._report({"progress": text}))
            await self._serve(world)
        except (DrillError, OSError, subprocess.SubprocessError) as error:
            log.exception("sandbox.failed")
            known = self._known(error)
            self._report({"failed": known.what, "code": known.code, "fix": f"{known.fix} {self._keep_log()}".strip()})
            return 1
        finally:
            if world is not None:
                world.end()
        return 0

    def _known(self, error: Exception) -> DrillError:
        """What went wrong in words for people: a full disk shows as many things."""
        if (free := shutil.disk_usage(self._layout.state).free) < _FULL:
            what = f"there is no room for the sandbox: {self._layout.state.parent} has {free // 1024} kB free."
            return PreflightFailed(what, code="F037", fix=f"Free {ROOM // 2**20} MB there, or point TMPDIR elsewhere.")
        if isinstance(error, DrillError):
            return error
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) and error.stderr else str(error)
        text = (said.decode(errors="replace") if isinstance(said, bytes) else str(said)).strip().rstrip(".")
        return PreflightFailed(f"the sandbox could not be set up: {text[-600:]}.", code="F036", fix="Try again.")

    def _keep_log(self) -> str:
        """Copy the log to where it outlives the sandbox, and say where, or why not."""
        kept = self._settings.home / "sandbox-failed.log"
        try:
            shutil.copyfile(self._layout.log, kept)
        except OSError as error:
            return f"Its log could not be kept: {error.strerror}."
        return f"The log is kept as {kept}."

    async def _serve(self, world: World) -> None:
        self._world = world
        self._watch = PrimaryWatch(world.regions)
        details = {**publish(world, self._layout, self._settings), **self._pids}
        write_json(self._layout.record, details)
        server = await asyncio.start_unix_server(self._converse, self._layout.socket)
        self._layout.socket.chmod(0o600)
        chores = [asyncio.ensure_future(self._watch.run()), asyncio.ensure_future(self._keep_house())]
        self._report({"ready": True})
        ending = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({ending, *chores}, return_when=asyncio.FIRST_COMPLETED)
            for chore in chores:
                if chore.done():
                    chore.result()  # a chore ends only by a fault of ours: let it be seen
        finally:
            for task in (ending, *chores):
                task.cancel()
            server.close()

    async def _keep_house(self) -> None:
        """Reap orphans of killed databases and end when nobody has renewed the lease."""
        while True:
            await asyncio.sleep(0.25)
            self._reap_orphans()
            if time.monotonic() > self._lease_until:
                log.warning("sandbox.lease_expired", extra={"lease_s": self._settings.lease_s})
                self._ended.set()

    def _reap_orphans(self) -> None:
        """Collect database processes whose postmaster was killed; a postmaster is waited for by its own server object."""
        postmasters = {region.server.process.pid for region in self._world.regions.values() if region.server.process is not None}
        for child in psutil.Process().children():
            try:
                if child.pid not in postmasters and child.status() == psutil.STATUS_ZOMBIE and child.name() == "postgres":
                    os.waitpid(child.pid, os.WNOHANG)
            except (psutil.Error, ChildProcessError):
                continue  # somebody else collected it in between

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._obey(json.loads(await reader.readline()))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError):
            log.exception("sandbox.conversation_broken")
        finally:
            writer.close()

    async def _obey(self, question: dict[str, Any]) -> Answer:
        verb = str(question.pop("verb", ""))
        try:
            handler = self._verbs().get(verb)
            if handler is None:
                raise Fatal(f"the sandbox knows no verb {verb!r}.", code="A260", fix=f"Verbs: {', '.join(sorted(self._verbs()))}.")
            return {"ok": True, **(await handler(**question))}
        except DrillError as error:
            return {"ok": False, "code": error.code, "error": error.what, "fix": error.fix}
        except (OSError, TypeError, KeyError) as error:
            log.exception("sandbox.verb_failed", extra={"verb": verb})
            return {"ok": False, "code": "A261", "error": f"{verb} failed: {error}.", "fix": f"Read {self._layout.log}."}

    def _verbs(self) -> dict[str, Callable[..., Awaitable[Answer]]]:
        return {
            "status": self.status,
            "renew": self.renew,
            "down": self.down,
            "freeze": lambda region: self._region(region).freeze(),
            "thaw": lambda region: self._region(region).thaw(),
            "kill": lambda region: self._region(region).kill(),
            "fence": lambda region: self._region(region).fence(),
            "unfence": lambda region: self._region(region).unfence(),
            "release": self.release,
            "start-postgres": lambda region: self._region(region).start_postgres(),
            "stop-postgres": lambda region: self._region(region).stop_postgres(),
            "instance": self.instance,
        }

    def _region(self, name: str) -> Region:
        if name not in self._world.regions:
            raise Fatal(f"there is no region {name!r}.", code="A260", fix=f"Regions: {', '.join(self._world.regions)}.")
        return self._world.regions[name]

    async def status(self) -> Answer:
        """Every region with its live role, the services, the lease and the newest position of the primary."""
        names = list(self._world.regions)
        roles = dict(zip(names, await asyncio.gather(*map(self._watch.role, names)), strict=True))
        regions = {name: {**region.describe(), **roles[name]} for name, region in self._world.regions.items()}
        left_s = round(self._lease_until - time.monotonic(), 1)
        services = {name: said for name, said in self._world.services.describe().items() if "running" in said}
        return {"regions": regions, "services": services, "lease_left_s": left_s, "last_primary": self._watch.last}

    async def renew(self, lease_s: float | None = None) -> Answer:
        """Start the lease anew."""
        self._lease_until = time.monotonic() + (lease_s or self._settings.lease_s)
        return {"say": "renewed"}

    async def release(self, region: str) -> Answer:
        """Clear a fence without a rejoin. Raises: Fatal: another region's database takes writes, or will once it answers again (A211)."""
        chosen = self._region(region)
        for name, other in self._world.regions.items():
            if name != region and (not (other.fenced or other.server.is_standby()) or (await self._watch.role(name))["role"] == "primary"):
                raise Fatal(
                    f"region {name} takes writes: {region} cannot be given back as it was.", code="A211", fix="Rejoin it as a replica."
                )
        return await chosen.release()

    async def instance(self, action: str, name: str = "", region: str = "", address: str = "") -> Answer:
        """Create, destroy or list app servers."""
        regions = self._world.regions
        if action == "create":
            return await self._region(region).create_instance(name, address)
        if action == "destroy":
            owner = next((one for one in regions.values() if name in one.instances), regions["a"])
            return await owner.destroy_instance(name)
        chosen = [self._region(region)] if region else list(regions.values())
        return {"instances": [{"region": one.name, **found} for one in chosen for found in one.describe()["instances"]]}

    async def down(self) -> Answer:
        """End as soon as this is answered."""
        asyncio.get_running_loop().call_later(0.01, self._ended.set)
        return {"say": "going down"}


def publish_early(settings: Settings, layout: Layout) -> Answer:
    """What is known before anything runs."""
    return {"state": str(layout.state), "mark": settings.mark, "owner": settings.owner, "mode": settings.mode, "starting": True}


def main(argv: Sequence[str] | None = None) -> int:
    """Supervise the sandbox of one state directory until it ends, then leave nothing."""
    parser = argparse.ArgumentParser(prog="drill.sandbox.supervisor", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--report", type=int, required=True, help="descriptor that progress is written to, one JSON object a line")
    options = parser.parse_args(argv)
    layout = Layout(options.state)
    wanted = read_json(layout.settings) or {}
    settings = Settings(**{**wanted, "home": Path(wanted["home"]), "services": tuple(wanted["services"])})
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    adopt_orphans()
    os.set_inheritable(options.report, False)
    warden = post_warden(layout, settings.home, lambda: os.close(options.report))

    def report(line: Answer) -> None:
        try:
            os.write(options.report, json.dumps(line).encode() + b"\n")
        except BrokenPipeError:
            log.info("sandbox.up_left")  # the process that asked for us is gone; the lease bounds what it left

    async def supervise() -> int:
        return await Supervisor(layout, settings, report, warden=warden).run()

    code = asyncio.run(supervise())
    os.kill(warden, signal.SIGKILL)  # a clean end needs no second pair of eyes, and may be followed by a new sandbox at once
    os.waitpid(warden, 0)
    end_all(settings.mark, layout.token)
    remove_state(layout, settings.home)
    return code


if __name__ == "__main__":
    sys.exit(main())
