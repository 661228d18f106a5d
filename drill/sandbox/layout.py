"""Where everything of one sandbox lies, and how its records are written."""

from __future__ import annotations

import hashlib
import json
import os
import random
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REGIONS: Mapping[str, tuple[str, ...]] = {"a": ("127.0.1.1", "127.0.1.2"), "b": ("127.0.2.1", "127.0.2.2")}
"""Each region's app server addresses. Those of `a` serve from the start; those of `b` are for a rebuild."""
ZONE = "drill.test"
NAME = "shop.drill.test"
LOOPBACK = "127.0.0.1"
POINTER = "sandbox.json"


@dataclass(frozen=True)
class Layout:
    """Paths below a sandbox's state directory. Its name is unique on the machine and marks everything of it."""

    state: Path

    @property
    def token(self) -> str:
        return self.state.name

    @property
    def record(self) -> Path:
        """What the supervisor publishes about itself: processes, ports, users."""
        return self.state / "state.json"

    @property
    def settings(self) -> Path:
        """What `up` asked the supervisor for."""
        return self.state / "settings.json"

    @property
    def socket(self) -> Path:
        return self.state / "control.sock"

    @property
    def log(self) -> Path:
        return self.state / "supervisor.log"

    @property
    def dns(self) -> Path:
        return self.state / "dns"

    @property
    def carrier(self) -> Path:
        return self.state / "carrier"

    def region(self, name: str) -> Path:
        return self.state / f"region-{name}"

    def cluster(self, region: str) -> str:
        """The name every process of a region's database carries."""
        return f"{self.token}-{region}"


def home_mark(home: Path) -> str:
    """The value of DRILL_MARK for everything that belongs to a DRILL_HOME; `mark:anything` counts as well."""
    return f"drill-{hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]}"


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a file at once and for our eyes only; a reader sees the old or the new, never half."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(aside, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as sink:
        json.dump(value, sink, indent=1)
        sink.flush()
        os.fsync(sink.fileno())
    aside.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """A file written by `write_json`; None when it is not there or was left half-written by something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def free_ports(wanted: Sequence[Sequence[str]], *, attempts: int = 500) -> list[int]:
    """One free TCP and UDP port for each group of addresses, free on all of them.

    They lie below the range the kernel hands to clients, so nothing takes them by chance before they are used.
    Raises: OSError: an address does not exist here, or nothing is free.
    """
    chosen: list[int] = []
    for addresses in wanted:
        for _ in range(attempts):
            port = random.randrange(20000, 32000)
            if port not in chosen and all(_is_free(address, port) for address in addresses):
                chosen.append(port)
                break
        else:
            raise OSError(f"no free port on {', '.join(addresses)}")
    return chosen


def _is_free(address: str, port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno in (98, 48, 13):  # in use (Linux, macOS), or not allowed
                    return False
                raise
    return True
