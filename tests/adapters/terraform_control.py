"""A remote control for tests: `instance create|destroy` over real processes that outlive it, noted in a directory.

`--before S` and `--after S` make a create slow before and after the process is there; `--refuse NAME` makes it fail.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    """Run one verb as the sandbox's control would; idempotent like it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--notes", type=Path, required=True)
    parser.add_argument("--before", type=float, default=0.0)
    parser.add_argument("--after", type=float, default=0.0)
    parser.add_argument("--refuse", default="")
    actions = parser.add_subparsers(dest="noun", required=True).add_parser("instance").add_subparsers(dest="action", required=True)
    create = actions.add_parser("create")
    create.add_argument("name")
    create.add_argument("--region")
    create.add_argument("--address")
    actions.add_parser("destroy").add_argument("name")
    options = parser.parse_args()
    with (options.notes / "log").open("a") as log:
        log.write(f"{options.action} {options.name}\n")
    note = options.notes / f"{options.name}.json"
    return _create(options, note) if options.action == "create" else _destroy(note)


def _create(options: argparse.Namespace, note: Path) -> int:
    if options.name == options.refuse:
        sys.stderr.write(f"no room for {options.name}\n")
        return 3
    time.sleep(options.before)
    if not note.exists():
        body = [sys.executable, "-IS", "-c", "import time; time.sleep(120)"]
        process = subprocess.Popen(
            body,
            env={},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        note.write_text(json.dumps({"pid": process.pid, "region": options.region, "address": options.address}))
    time.sleep(options.after)
    return 0


def _destroy(note: Path) -> int:
    if note.exists():
        os.kill(json.loads(note.read_text())["pid"], signal.SIGKILL)
        note.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
