"""The virtual carrier as a real process for tests, on a free loopback port, ended by its process object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drill.sandbox.phone import Phone


@dataclass(frozen=True)
class RunningCarrier:
    """A carrier that serves: its directory, its account as `carrier.json` holds it, and its phone."""

    directory: Path
    account: dict[str, Any]
    phone: Phone
    pid: int


@contextmanager
def running_carrier(directory: Path, *, mode: str = "manual", options: tuple[str, ...] = ()) -> Iterator[RunningCarrier]:
    """A carrier process until the end of the block."""
    argv = [sys.executable, "-m", "drill.sandbox.carrier", "--dir", str(directory), "--port", "0", "--mode", mode, *options]
    process = subprocess.Popen(argv, env={**os.environ, "DRILL_MARK": "test-carrier"})
    try:
        end = time.monotonic() + 10
        while not (directory / "carrier.ready").exists():
            assert process.poll() is None, "the carrier ended before it was ready"
            assert time.monotonic() < end, "the carrier was not ready in 10 s"
            time.sleep(0.02)
        account = json.loads((directory / "carrier.json").read_text(encoding="utf-8"))
        yield RunningCarrier(directory, account, Phone(directory), process.pid)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
