"""The sandbox's services beside the regions: DNS with its API, and the virtual SMS carrier, each a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drill.model.errors import PreflightFailed
from drill.sandbox.layout import LOOPBACK, NAME, REGIONS, Layout, read_json
from drill.sandbox.processes import spawn

ALL = ("dns", "carrier")


class Services:
    """Starts the chosen services and waits until they say they are ready."""

    def __init__(
        self, layout: Layout, chosen: Sequence[str], *, ports: Mapping[str, int], mode: str, environment: Mapping[str, str]
    ) -> None:
        self._folders = {"dns": layout.dns, "carrier": layout.carrier}
        self._ports = ports
        self._mode = mode
        self._chosen = tuple(chosen)
        self._environment = environment
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def launch(self) -> None:
        """Start them without waiting. From the main thread only."""
        for name in self._chosen:
            folder = self._folders[name]
            folder.mkdir(mode=0o700)
            argv = [sys.executable, "-m", f"drill.sandbox.{name}", "--dir", str(folder), *self._arguments(name)]
            self._processes[name] = spawn(argv, cwd=folder, environment=self._environment, log=folder / f"{name}.log")

    async def ready(self, *, timeout_s: float = 40.0) -> None:
        """Wait for all of them. Raises: PreflightFailed: one ended or is not ready in time (F035)."""
        await asyncio.gather(*(self._ready(name, timeout_s) for name in self._chosen))

    def describe(self) -> dict[str, Any]:
        """Where they listen and whether they run."""
        found: dict[str, Any] = {}
        if "dns" in self._chosen:
            found["dns"] = {"address": LOOPBACK, "port": self._ports["dns"], **self._said("dns")}
            found["api"] = {"endpoint": f"http://{LOOPBACK}:{self._ports['api']}"}
        if "carrier" in self._chosen:
            found["carrier"] = {"endpoint": f"http://{LOOPBACK}:{self._ports['carrier']}", **self._said("carrier")}
        return found

    def end(self) -> None:
        """End them at once."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _said(self, name: str) -> dict[str, Any]:
        process = self._processes[name]
        return {"dir": str(self._folders[name]), "pid": process.pid, "running": process.poll() is None}

    def _arguments(self, name: str) -> list[str]:
        if name == "carrier":
            return ["--port", str(self._ports["carrier"]), "--mode", self._mode]
        record = f"{NAME}=1={','.join(REGIONS['a'])}"
        return ["--dns-port", str(self._ports["dns"]), "--api-port", str(self._ports["api"]), "--record", record]

    async def _ready(self, name: str, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        process, folder = self._processes[name], self._folders[name]
        while not (folder / f"{name}.ready").exists():
            if process.poll() is not None or loop.time() > deadline:
                raise PreflightFailed(
                    f"the sandbox's {name} service is not ready: {_tail(folder / f'{name}.log')}",
                    code="F035",
                    fix="Install the extra dr-drill[sandbox] if a module is missing; otherwise run drill sandbox up again.",
                )
            await asyncio.sleep(0.02)


def carrier_keys(folder: Path) -> dict[str, Any]:
    """Keys and names that the carrier made up; empty while there is no carrier."""
    return read_json(folder / "carrier.json") or {}


def _tail(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-600:] if log.exists() else "it wrote nothing"
