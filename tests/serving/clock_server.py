"""One server's schedule clerk as a process: `python -m tests.serving.clock_server SCENARIO NAME`; it queues drills and plays none."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from drill.settings import Settings
from drill.wiring.records import Records
from drill.wiring.schedules import Clerk, entries_of


def main(scenario: str, name: str) -> None:
    """Keep the schedules until somebody ends the process."""
    records = Records(Settings.load())
    clerk = Clerk(records, entries_of([Path(scenario)]), allow_live=False, server=name, say=_say)
    clerk.start()
    _say("ready")
    threading.Event().wait()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:3])
