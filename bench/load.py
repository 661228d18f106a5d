"""Floods the push address: `python -m bench.load [--seconds 20] [--per-second 500] [--json]`; exit 1 when a promise is broken."""

from __future__ import annotations

import argparse
import sys

from tests.web.load import measure


def main() -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description="500 pushes a second, one in a hundred valid.")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--per-second", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    load = measure(seconds=given.seconds, per_second=given.per_second)
    print(load.json() if given.json else "\n".join([*load.lines(), "all promises held" if load.met() else "a promise was broken"]))
    return 0 if load.met() else 1


if __name__ == "__main__":
    sys.exit(main())
