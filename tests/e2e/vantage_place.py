"""A `drill serve --web` and agents of vantage points around one drill of the sandbox, and a resolver that forgets when it is told to."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.message
import psutil

from tests.adapters.caching_resolver import Resolver
from tests.e2e.place import DRILL, PROJECT, Place, eventually

KEYS = {name: f"{name}-key-that-nobody-guesses-0123456789" for name in ("frankfurt", "sydney", "tokyo")}


def points(*names: str, probes: str = "[checkout]") -> tuple[str, ...]:
    """Overrides that give the sandbox scenario vantage points."""
    rows = ", ".join(f"{name}: {{probes: {probes}, key: secret:VANTAGE_{name.upper()}}}" for name in names)
    return (f"vantage_points={{{rows}}}",)


@dataclass
class Serving:
    """A server that plays drills and takes samples."""

    place: Place
    address: str
    process: subprocess.Popen[bytes]

    def web(self) -> psutil.Process:
        """Its web server's process."""
        return psutil.Process(json.loads((self.place.home / "web.json").read_text(encoding="ascii"))["pid"])


@contextmanager
def serving(place: Place) -> Iterator[Serving]:
    """A `drill serve --web` of the place that knows every key."""
    place.secrets |= {f"DRILL_SECRET_VANTAGE_{name.upper()}": key for name, key in KEYS.items()}
    log = place.base / "serve.log"
    with log.open("wb") as sink:
        process = subprocess.Popen([*DRILL, "serve", "--web", "0"], cwd=PROJECT, env=place.environment, stdout=sink, stderr=sink)
    try:
        assert eventually(lambda: "is ready" in log.read_text(), within_s=60), log.read_text()
        found = re.search(r"web server on (http://\S+):", log.read_text())
        assert found, log.read_text()
        yield Serving(place, found[1], process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@dataclass
class Agent:
    """A `drill probe` with a home of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def events(self, what: str) -> list[dict[str, Any]]:
        """What it has said of one sort."""
        rows = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        return [row for row in rows if row["event"] == what]

    def end(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(30)

    def kill(self) -> None:
        """SIGKILL, and reap it."""
        self.process.kill()
        self.process.wait()


@contextmanager
def agent(served: Serving, name: str, *words: str) -> Iterator[Agent]:
    """An agent of this point until the end of the block."""
    base = served.place.base
    environment = {**served.place.environment, "DRILL_HOME": str(base / f"at-{name}"), "DRILL_PROBE_KEY": KEYS[name]}
    environment = {key: value for key, value in environment.items() if not key.startswith("DRILL_SECRET_")}
    log = base / f"{name}.jsonl"
    with log.open("ab") as sink:
        argv = [*DRILL, "probe", "--as", name, "--to", served.address, "--json", *words]
        process = subprocess.Popen(argv, cwd=PROJECT, env=environment, stdout=sink, stderr=sink)
    found = Agent(name, process, log)
    try:
        yield found
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            found.kill()


@dataclass
class StickyResolver(Resolver):
    """Keeps every answer until it is told to let go; waits until it knows whom to ask."""

    upstream: tuple[str, int] = ("", 0)
    min_ttl_s: int = 3600
    known: threading.Event = field(default_factory=threading.Event)

    def ask(self, place: Place) -> None:
        """From now on it asks the sandbox's name server."""
        details = place.sandbox().details["dns"]
        self.upstream = (str(details["address"]), int(details["port"]))
        self.known.set()

    def let_go(self) -> None:
        """Forget, and be honest from now on."""
        self.min_ttl_s = 0
        self._cache.clear()

    def answer(self, wire: bytes) -> bytes:
        assert self.known.wait(60), dns.message.from_wire(wire)
        return super().answer(wire)
