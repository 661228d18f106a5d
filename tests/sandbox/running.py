"""What the sandbox's tests need around a sandbox: requests, marks and proofs that nothing is left."""

from __future__ import annotations

import http.client
import json
import os
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from drill.sandbox.layout import home_mark
from drill.sandbox.sweep import left_of
from drill.sandbox.world import Sandbox


@dataclass(frozen=True)
class Answer:
    """One HTTP answer of a shop; status 0 when there was none."""

    status: int
    body: dict[str, Any]
    error: str = ""


def request(sandbox: Sandbox, address: str, method: str, path: str, *, timeout_s: float = 2.0) -> Answer:
    """Ask an app server once."""
    connection = http.client.HTTPConnection(address, sandbox.details["shop_port"], timeout=timeout_s)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return Answer(response.status, json.loads(response.read()))
    except OSError as error:
        return Answer(0, {}, repr(error))
    finally:
        connection.close()


def eventually(holds: Callable[[], bool], *, within_s: float = 10.0) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass(frozen=True)
class Footprint:
    """Everything a running sandbox occupies, to be looked for when it should be gone."""

    home: Path
    state: Path
    pids: frozenset[int]
    ports: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, sandbox: Sandbox) -> Footprint:
        details = sandbox.details
        listening = [("127.0.0.1", one["pg_port"]) for one in details["regions"].values()]
        listening += [(address, details["shop_port"]) for address in details["regions"]["a"]["addresses"]]
        if "dns" in details:
            listening += [(details["dns"]["address"], details["dns"]["port"])]
            listening += [_host_and_port(details[name]["endpoint"]) for name in ("api", "carrier")]
        pids = frozenset(one.pid for one in left_of(home_mark(sandbox.home), sandbox.layout.token))
        return cls(sandbox.home, sandbox.layout.state, pids, tuple(listening))

    def remains(self) -> list[str]:
        """What is still there: processes, ports, directories. Zombies wait for their parent and hold nothing."""
        running = [f"process {pid}" for pid in self.pids if _runs(pid)]
        running += [f"process {one.pid} by its mark" for one in left_of(home_mark(self.home), self.state.name)]
        taken = [f"port {address}:{port}" for address, port in self.ports if _listens(address, port)]
        folders = [str(path) for path in (self.state, self.home / "sandbox.json") if path.exists()]
        return running + taken + folders


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _listens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((address, port)) == 0


def _host_and_port(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.removeprefix("http://").partition(":")
    return host, int(port)


def open_folder() -> Path:
    """A folder that every user can reach and write to, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="drill-test-home-"))
    folder.chmod(0o1777)
    return folder


def as_somebody() -> list[str]:
    """What turns a command into one of an ordinary user; empty when we are one. He may pass closed folders: our Python may lie in one."""
    if os.geteuid() != 0:
        return []
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    return [*user, "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
