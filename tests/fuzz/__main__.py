"""`python -m tests.fuzz [SEQUENCES] [FIRST_SEED]`: the whole fuzz of answers, one printed line, exit 1 when anything differs."""

from __future__ import annotations

import random
import sys
import time

from tests.fuzz.play import Tally, play

_SHOWN = 10


def main(sequences: int, first_seed: int) -> int:
    """Play them; returns the exit code."""
    tally, begun_s = Tally(), time.monotonic()
    for seed in range(first_seed, first_seed + sequences):
        play(random.Random(seed), tally, f"seed {seed}")
    sys.stdout.write(f"fuzz: {tally.line()}, in {time.monotonic() - begun_s:.0f} s\n")
    differences = [*tally.wrong_advances, *tally.missed]
    sys.stdout.writelines(f"  {told}\n" for told in differences[:_SHOWN])
    return 1 if differences else 0


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:3]]
    sys.exit(main(*[*given, *(10_000, 0)[len(given) :]]))
