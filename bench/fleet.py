"""Many drills at once: queued together on Postgres, played by several workers, none lost and none doubled.

`python bench/fleet.py [DRILLS]` prints how long they took and who played how many. The workers are `drill serve --worker` on a ground where
nothing stands (fleet_worker.py): claims, leases, beats, facts, checkpoints and reports are the real ones.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from nothing import plan_of
from scale_postgres import own_postgres

from drill.adapters.database import database_engine
from drill.engine.durable import DrillQueue
from drill.model.events import Kind, check_chain
from drill.settings import Settings
from drill.wiring.records import Records
from drill.wiring.sessions import plan_drill

_WORKER: Final = Path(__file__).resolve().parent / "fleet_worker.py"
_LOOK_EVERY_S = 0.5
_ENDS_WITHIN_S = 20.0


@dataclass(frozen=True)
class Fleet:
    """What became of the drills. Seconds from the start of the first worker to the end of the last drill."""

    drills: int
    steps: int
    took_s: float
    played: Mapping[str, int]
    lost: Sequence[str]
    doubled: Sequence[str]

    @property
    def sound(self) -> bool:
        """Whether every drill came to its end once."""
        return not self.lost and not self.doubled


def run(drills: int, steps: int, *, workers: int, within_s: float) -> Fleet:
    """Queue the drills, start the workers, wait, and count."""
    with tempfile.TemporaryDirectory(prefix="drill-fleet-") as folder, own_postgres() as url:
        home = Path(folder)
        records = Records(Settings(home, home / "reports", home, url, None))
        names = _queued(records, url, drills, steps)
        began_s = time.monotonic()
        started = [_worker(f"w{number}", home, url) for number in range(workers)]
        try:
            until_s = began_s + within_s
            while len(_ended(records, names)) < drills and time.monotonic() < until_s and all(one.poll() is None for one in started):
                time.sleep(_LOOK_EVERY_S)
            took_s = time.monotonic() - began_s
        finally:
            _end(started)
        lost, doubled = _damage(records, names, steps)
        return Fleet(drills, steps, took_s, _played(records, names), lost, doubled)


def _queued(records: Records, url: str, drills: int, steps: int) -> list[str]:
    names = [f"drill-{number}" for number in range(drills)]
    queue = DrillQueue(database_engine(url))
    for name in names:
        plan = plan_of(steps, region=name)  # a site each: one drill per site is a rule
        plan_drill(records, name, plan, started_by="bench", auto_answered=False)
        queue.put(name, plan)
    queue.close()
    return names


def _worker(name: str, home: Path, url: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DRILL_HOME": str(home), "DRILL_REPORTS": str(home / "reports"), "DRILL_DATABASE_URL": url}
    with (home / f"{name}.log").open("ab") as log:
        return subprocess.Popen([sys.executable, str(_WORKER), name], env=environment, stdout=log, stderr=log, start_new_session=True)


def _end(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    for one in workers:
        one.send_signal(signal.SIGTERM)
    for one in workers:
        try:
            one.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()


def _ended(records: Records, names: Sequence[str]) -> set[str]:
    return {name for name in names if records.journal.find(name, "finished")}


def _damage(records: Records, names: Sequence[str], steps: int) -> tuple[list[str], list[str]]:
    """Drills that did not come to their end or miss a step; drills with a step that ran twice or that two engines played."""
    lost, doubled = [], []
    for name in names:
        facts = records.journal.read(name)
        check_chain(facts)
        ended = [fact.data["outcome"] for fact in facts if fact.kind is Kind.DRILL_FINISHED]
        starts = [fact.data["step"] for fact in facts if fact.kind is Kind.STEP_STARTED]
        successes = {fact.data["step"] for fact in facts if fact.kind is Kind.STEP_SUCCEEDED}
        engines = [fact for fact in facts if fact.kind is Kind.ENGINE_STARTED]
        if ended != ["finished"] or len(successes) != steps:
            lost.append(f"{name}: {ended or 'no end'}, {len(successes)} of {steps} steps")
        if len(starts) != len(set(starts)) or len(engines) > 1:
            doubled.append(f"{name}: {len(starts)} starts, {len(engines)} engines")
    return lost, doubled


def _played(records: Records, names: Sequence[str]) -> dict[str, int]:
    holders = [fact.data["holder"] for name in names for fact in records.journal.read(name, kinds=frozenset({Kind.LEASE_TAKEN}))]
    return dict(Counter(holder.rpartition("-")[0] for holder in holders))


def told(fleet: Fleet) -> None:
    """One line for people, and one for each drill that went wrong."""
    played = ", ".join(f"{name} {count}" for name, count in sorted(fleet.played.items()))
    print(
        f"{fleet.drills} drills of {fleet.steps} steps over {len(fleet.played)} workers in {fleet.took_s:.1f} s ({played}): "
        f"{len(fleet.lost)} lost, {len(fleet.doubled)} doubled"
    )
    for line in (*fleet.lost, *fleet.doubled):
        print(f"BROKEN {line}")


def main() -> int:
    """Exit 0 when every drill came to its end once, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("drills", nargs="?", type=int, default=200)
    parser.add_argument("--steps", type=int, default=10, help="steps of each  [10]")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--within", type=float, default=600.0, metavar="SECONDS", help="give up then  [600]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there as well")
    options = parser.parse_args()
    fleet = run(options.drills, options.steps, workers=options.workers, within_s=options.within)
    told(fleet)
    if options.json:
        options.json.write_text(json.dumps({**asdict(fleet), "load": os.getloadavg()}, indent=1), encoding="utf-8")
    return 0 if fleet.sound else 1


if __name__ == "__main__":
    sys.exit(main())
