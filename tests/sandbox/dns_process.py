"""A real sandbox DNS in its own process, for tests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drill.adapters.dns_route53 import Route53Dns

NAME = "shop.drill.test"
_START_S = 30.0


@dataclass(frozen=True)
class DnsProcess:
    """Where it answers."""

    dns: tuple[str, int]
    api: str
    zone_id: str
    process: subprocess.Popen[bytes]
    directory: Path

    def route53(self, *, api: str | None = None) -> Route53Dns:
        """The adapter under test, connected to it."""
        return Route53Dns(api or self.api, "us-east-1", "key", "secret", servers=[self.dns])


@contextmanager
def running_dns(directory: Path, *records: str, pending_s: float = 0.0) -> Iterator[DnsProcess]:
    """Start it with these records, end it by pid."""
    arguments = [part for record in records for part in ("--record", record)]
    process = subprocess.Popen(
        [sys.executable, "-m", "drill.sandbox.dns", "--dir", str(directory), "--pending", str(pending_s), *arguments]
    )
    try:
        ready = _wait_for_ready(directory / "dns.ready", process)
        address, port = ready["dns"].split(":")
        yield DnsProcess((address, int(port)), ready["api"], ready["zone_id"], process, directory)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for_ready(path: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    until_s = time.monotonic() + _START_S
    while not path.exists():
        assert process.poll() is None, f"the DNS process ended with {process.returncode}"
        assert time.monotonic() < until_s, "the DNS process did not get ready"
        time.sleep(0.02)
    content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return content
