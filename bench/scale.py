"""Whether the price of a step stays the same however long the plan is: time, memory, and the way back after a SIGKILL.

`python bench/scale.py` or `make scale`. Every plan runs in a process and a home of its own; Postgres is started for it and gone afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from nothing import DRILL, STEP_FACTS, Death, Meter, Nothing, milliseconds_a_step, plan_of, play, resident_kb
from scale_postgres import own_postgres

from drill.adapters.database import database_engine
from drill.adapters.journal_sql import SqlJournal
from drill.model.events import Kind, check_chain

DATABASES: Final = ("sqlite", "postgres")
LIMITS_MS: Final = {"sqlite": 15.0, "postgres": 25.0}
FLAT: Final = 2.0
MEMORY_RISE: Final = 1.5
"""The second half of a plan may take so many times the memory per step of the first half."""
MEMORY_FLOOR_KB: Final = 2.0
"""Less than this per step is noise of the allocator."""
MEMORY_FROM_STEPS: Final = 1000
"""In a shorter plan, what is loaded on the way weighs more than the steps do."""
RESUME_S: Final = 60.0
_SIZES = (30, 300, 3000, 10000)
_ONE_LIFE_S = 1800


@dataclass(frozen=True)
class Run:
    """One plan played. Milliseconds and kilobytes are per step; `rss_mb` is the most that was resident."""

    database: str
    steps: int
    ms: float
    kb_first_half: float
    kb_second_half: float
    rss_mb: float


@dataclass(frozen=True)
class Resumed:
    """One plan gone on with after a SIGKILL. Seconds from the start of the new process; `first_s` is its first step, if one was left."""

    database: str
    steps: int
    killed: str
    left: int
    first_s: float | None
    end_s: float


@contextmanager
def place(database: str) -> Iterator[tuple[Path, str]]:
    """A home and the URL of an empty database; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="drill-scale-") as folder:
        if database == "sqlite":
            yield Path(folder), f"sqlite:///{Path(folder) / 'drill.sqlite'}"
        else:
            with own_postgres() as url:
                yield Path(folder), url


def measure(database: str, steps: int) -> Run:
    """Play a plan in a process of its own."""
    with place(database) as (home, url):
        found = json.loads(_life(home, url, steps))
    return Run(database, steps, **found)


def resume(database: str, steps: int, killed: Death) -> Resumed:
    """Kill the engine, start another one, and see that every step has succeeded once. Raises: RuntimeError: one has not."""
    with place(database) as (home, url):
        _life(home, url, steps, death=killed)
        journal = SqlJournal(database_engine(url))
        before, _ = journal.head(DRILL)
        left = steps - len(journal.read(DRILL, kinds=frozenset({Kind.STEP_SUCCEEDED})))
        began_s = time.monotonic()
        _life(home, url, steps)
        facts = journal.read(DRILL)
        check_chain(facts)
        succeeded = [fact.data["step"] for fact in facts if fact.kind is Kind.STEP_SUCCEEDED]
        if len(succeeded) != steps or len(set(succeeded)) != steps or facts[-1].kind is not Kind.DRILL_FINISHED:
            raise RuntimeError(f"{len(succeeded)} successes of {steps} steps after the resume")
        starts = [fact.mono_s - began_s for fact in facts[before:] if fact.kind is Kind.STEP_STARTED]
        return Resumed(database, steps, killed, left, min(starts, default=None), facts[-1].mono_s - began_s)


def _life(home: Path, url: str, steps: int, *, death: Death = "") -> str:
    """One process that plays the plan; what it printed. Raises: RuntimeError: it did not end as it should."""
    argv = [sys.executable, __file__, "--life", str(steps), str(home), url, death]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_ONE_LIFE_S, check=False)
    if done.returncode != (-signal.SIGKILL if death else 0):
        raise RuntimeError(f"a plan of {steps} steps ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def live(steps: int, home: Path, url: str, death: Death) -> None:
    """The body of such a process."""
    Nothing.meter = Meter(steps, death)
    journal = play(plan_of(steps), url, home)
    ended_kb = resident_kb()
    facts = journal.read(DRILL, kinds=STEP_FACTS)
    whole = len({fact.data["attempt"] for fact in facts}) == 1
    first, second = Nothing.meter.growth_kb() if Nothing.meter.memory else (0.0, 0.0)
    ms = milliseconds_a_step(facts, steps) if whole else 0.0
    rss_mb = max([ended_kb, *(kb for _, kb in Nothing.meter.memory)]) / 1024
    print(json.dumps({"ms": ms, "kb_first_half": first, "kb_second_half": second, "rss_mb": rss_mb}))


def told(runs: Sequence[Run]) -> list[str]:
    """A table of the medians, and every promise that is broken."""
    broken: list[str] = []
    if runs:
        print(f"{'database':<10}{'steps':>7}{'ms a step':>11}{'kB a step, 1st half':>21}{'2nd half':>10}{'resident MB':>13}")
    for database in dict.fromkeys(run.database for run in runs):
        medians: dict[int, float] = {}
        for steps in dict.fromkeys(run.steps for run in runs if run.database == database):
            rows = [run for run in runs if (run.database, run.steps) == (database, steps)]
            ms = medians[steps] = statistics.median(run.ms for run in rows)
            first, second = (statistics.median(getattr(run, name) for run in rows) for name in ("kb_first_half", "kb_second_half"))
            rss = statistics.median(run.rss_mb for run in rows)
            print(f"{database:<10}{steps:>7}{ms:>11.1f}{first:>21.1f}{second:>10.1f}{rss:>13.0f}")
            if ms > LIMITS_MS[database]:
                broken.append(f"{database}: {ms:.1f} ms a step with {steps} steps, more than {LIMITS_MS[database]:g}")
            if steps >= MEMORY_FROM_STEPS and second > max(MEMORY_RISE * first, MEMORY_FLOOR_KB):
                broken.append(f"{database}: memory grows by {second:.1f} kB a step in the second half of {steps}, first {first:.1f}")
        if max(medians.values()) > FLAT * min(medians.values()):
            broken.append(f"{database}: not flat, {min(medians.values()):.1f} to {max(medians.values()):.1f} ms a step")
    return broken


def told_resumed(rows: Sequence[Resumed]) -> list[str]:
    """A line each, and those that took too long: until the first new step, or until the end when none was left."""
    broken = []
    for row in rows:
        first = "none was left" if row.first_s is None else f"first new step after {row.first_s:.1f} s"
        print(f"{row.database}: {row.steps} steps killed {row.killed} ({row.left} left): {first}, end after {row.end_s:.1f} s")
        took_s = row.end_s if row.first_s is None else row.first_s
        if took_s > RESUME_S:
            broken.append(f"{row.database}: the resume of {row.steps} steps killed {row.killed} took {took_s:.1f} s")
    return broken


def main() -> int:
    """Run what is asked for. Exit 0 when every promise holds, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", nargs="*", type=int, default=_SIZES, help="sizes of the plans; none leaves only the resumes")
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=DATABASES)
    parser.add_argument("--repeat", type=int, default=1, help="rounds over all sizes, one after the other; medians count  [1]")
    parser.add_argument("--resume", type=int, default=10000, metavar="N", help="size of the plan that is killed; 0 for none  [10000]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run there as well")
    parser.add_argument("--life", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.life:
        steps, home, url, death = options.life
        live(int(steps), Path(home), url, death)
        return 0
    runs = [measure(database, steps) for _ in range(options.repeat) for database in options.database for steps in options.steps]
    broken = told(runs)
    deaths: tuple[Death, ...] = ("half-way", "after-the-last") if options.resume else ()
    resumed = [resume(database, options.resume, death) for database in options.database for death in deaths]
    broken += told_resumed(resumed)
    for line in broken:
        print(f"BROKEN {line}")
    if options.json:
        found: dict[str, Any] = {"runs": [asdict(run) for run in runs], "resumed": [asdict(row) for row in resumed], "broken": broken}
        options.json.write_text(json.dumps({**found, "load": os.getloadavg()}, indent=1), encoding="utf-8")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
