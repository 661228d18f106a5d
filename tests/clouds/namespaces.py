"""Two network namespaces joined by a cable: a client in one, a server in the other, neither of them this machine's network."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLIENT, SERVER, PORT = "10.9.0.1", "10.9.0.2", 8080
_SERVE = """
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_HEAD(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Answer).serve_forever()
"""
_HOLD = """
import sys, time
sys.path.insert(0, sys.argv[1])
from drill.adapters.outage_held import Connections
def state(connections):
    return connections.after()[0].told()["state"]
until_s = time.monotonic() + 20
while state(held := Connections(["10.9.0.2:8080"])) != "alive" and time.monotonic() < until_s:
    time.sleep(0.05)
print("open", flush=True)
for _ in sys.stdin:
    print(state(held), state(Connections(["10.9.0.2:8080"])), sep="/", flush=True)
"""


@dataclass
class Cable:
    """Both ends. `inside` is the command that runs something where the server is."""

    inside: list[str]
    client: subprocess.Popen[str]

    def asks(self) -> tuple[str, str]:
        """How the connection that was held does, and a new one: `alive`, `cut` or `not opened`."""
        assert self.client.stdin is not None
        assert self.client.stdout is not None
        self.client.stdin.write("\n")
        self.client.stdin.flush()
        held, _, new = self.client.stdout.readline().strip().partition("/")
        return held, new


@contextmanager
def cable(source: str) -> Iterator[Cable]:
    """Everything ends with the block; `source` is where the product's code is."""
    here = ["nsenter", "-n", *([] if os.geteuid() == 0 else ["-U", "--preserve-credentials"])]
    new = ["unshare", "-n", *([] if os.geteuid() == 0 else ["-r"])]
    left = subprocess.Popen([*new, "sleep", "600"])
    started: list[subprocess.Popen[Any]] = [left]
    try:
        enter = [*here, "-t", str(left.pid)]
        _wait_for_network(left.pid)
        right = subprocess.Popen([*enter, "unshare", "-n", "sleep", "600"])
        started.append(right)
        inside = [*here, "-t", str(right.pid)]
        _wait_for_network(right.pid)
        for command in (
            [*enter, "ip", "link", "add", "one", "type", "veth", "peer", "name", "two", "netns", str(right.pid)],
            [*enter, "ip", "address", "add", f"{CLIENT}/24", "dev", "one"],
            [*enter, "ip", "link", "set", "one", "up"],
            [*inside, "ip", "address", "add", f"{SERVER}/24", "dev", "two"],
            [*inside, "ip", "link", "set", "two", "up"],
            [*inside, "ip", "link", "set", "lo", "up"],
        ):
            subprocess.run(command, check=True, capture_output=True)
        started.append(subprocess.Popen([*inside, sys.executable, "-c", _SERVE]))
        client = subprocess.Popen([*enter, sys.executable, "-c", _HOLD, source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(client)
        assert client.stdout is not None
        assert client.stdout.readline() == "open\n"
        yield Cable(inside, client)
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def _wait_for_network(pid: int) -> None:
    """Until a process has left this one's network."""
    ours, until_s = Path("/proc/self/ns/net").readlink(), time.monotonic() + 10
    while Path(f"/proc/{pid}/ns/net").readlink() == ours:
        assert time.monotonic() < until_s, "no network namespace can be made here"
        time.sleep(0.01)
