"""The price of a step: plans of steps that do nothing, through the durable engine and the journal on SQLite, facts included.

`python bench/overhead.py [N…]` prints milliseconds per step for plans of N steps; each plan runs in a process and a home of its own.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from nothing import DRILL, STEP_FACTS, milliseconds_a_step, plan_of, play

_SIZES = (30, 300, 1000)


def run(steps: int, home: Path) -> float:
    """Milliseconds per step of a plan played through the real engine."""
    journal = play(plan_of(steps), f"sqlite:///{home / 'drill.sqlite'}", home)
    return milliseconds_a_step(journal.read(DRILL, kinds=STEP_FACTS), steps)


def main() -> int:
    """Run every size. Exit 0 when each keeps the limit, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("steps", nargs="*", type=int, default=_SIZES, help="sizes of the plans")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the median counts  [3]")
    parser.add_argument("--limit", type=float, default=15.0, help="the most milliseconds per step to accept  [15]")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        for steps in options.steps:
            with tempfile.TemporaryDirectory(prefix="drill-overhead-") as home:
                print(run(steps, Path(home)), flush=True)
        return 0
    worst = max(_told(steps, options.repeat) for steps in options.steps)
    return 0 if worst <= options.limit else 1


def _told(steps: int, repeat: int) -> float:
    """The median of several runs, each in a process of its own; said as well."""
    argv = [sys.executable, __file__, "--once", str(steps)]
    found = [float(subprocess.run(argv, capture_output=True, text=True, check=True).stdout) for _ in range(repeat)]
    middle = statistics.median(found)
    print(f"engine overhead of {steps:4} steps that do nothing: {middle:.1f} ms a step ({min(found):.1f}–{max(found):.1f})", flush=True)
    return middle


if __name__ == "__main__":
    sys.exit(main())
