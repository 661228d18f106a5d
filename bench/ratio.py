"""The price of the engine: the drill against the floor, in alternating pairs, as the ratio of their recovery times.

`python bench/ratio.py [--pairs N]` or `make bench`. Both sides have the same sandbox, detector, TTL, playbook and binaries; the drill is
the shipped scenario with gates that do not block, so that nobody is waited for. How long a detector takes depends on where between two
of its beats the site is lost: the floor loses it where the drill did.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from drill.engine.observe_streams import heartbeats
from drill.model.plan import Plan
from drill.sandbox.world import take_down

_HERE = Path(__file__).resolve().parent
_PROJECT = _HERE.parent
_SCENARIO = _PROJECT / "scenarios" / "sandbox-region-outage.yaml"
_NO_WAITING = ("--set", "defaults.acknowledge.blocking=false")
_ONE_RUN_S = 180
_QUIET_WITHIN_S = 60.0
_QUIET_PERCENT = 15.0


@dataclass(frozen=True)
class Run:
    """One recovery. Seconds; `after_s` is from the notice of the outage to the first good sample.

    `phase` is how far between two beats of the detector the site was lost, from 0 to 1.
    """

    rta_s: float
    detection_s: float
    phase: float

    @property
    def after_s(self) -> float:
        """What the recovery took once the outage was noticed: all that an engine can lose."""
        return self.rta_s - self.detection_s


def floor(phase: float) -> Run:
    """By hand. Raises: RuntimeError: it was not measured."""
    argv = [sys.executable, str(_HERE / "floor.py"), "--phase", f"{phase:.3f}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_ONE_RUN_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the floor was not measured: {done.stdout}{done.stderr}")
    found = json.loads(done.stdout)
    return Run(found["rta_s"], found["detection_s"], phase)


def drill() -> Run:
    """By the engine. Raises: RuntimeError: the drill did not end well."""
    with tempfile.TemporaryDirectory(prefix="drill-bench-") as home:
        argv = [sys.executable, "-m", "drill.cli.main", "run", str(_SCENARIO), "--id", "bench", "--report", f"{home}/report", *_NO_WAITING]
        environment = {**os.environ, "DRILL_HOME": f"{home}/home"}
        done = subprocess.run(argv, cwd=_PROJECT, env=environment, capture_output=True, text=True, timeout=_ONE_RUN_S, check=False)
        if done.returncode != 0:
            take_down(Path(home) / "home")  # a drill that did not end well leaves the sandbox to a person
            raise RuntimeError(f"the drill ended with exit {done.returncode}:\n{done.stdout}{done.stderr}")
        report = json.loads(Path(f"{home}/report/report.json").read_text(encoding="utf-8"))
        facts = [json.loads(line) for line in Path(f"{home}/report/facts.jsonl").read_text(encoding="utf-8").splitlines()]
    return Run(report["rto"]["actual_s"], report["clocks"]["detection_s"], phase_of(facts))


def phase_of(facts: Sequence[Mapping[str, Any]]) -> float:
    """How far between two beats the outage came."""
    plan = Plan.model_validate(next(fact["data"]["plan"] for fact in facts if fact["kind"] == "DrillPlanned"))
    beat = heartbeats(plan)[0]
    lost_s = next(fact["data"]["begun_s"] for fact in facts if fact["kind"] == "OutageInjected")
    due_s = next(fact["data"]["due_s"] for fact in facts if fact["kind"] == "ProbeSampled" and fact["data"]["probe"] == beat.probe)
    return float((lost_s - due_s) % beat.interval_s / beat.interval_s)


def pair() -> tuple[Run, Run]:
    """The drill and, right after it, the floor; both lose the site at the same moment between two beats of the detector."""
    wait_for_quiet()
    by_engine = drill()
    wait_for_quiet()
    return floor(by_engine.phase), by_engine


def wait_for_quiet() -> None:
    """Wait until others leave the processors alone, at most a minute: what they take is taken from one side of a pair only."""
    until_s = time.monotonic() + _QUIET_WITHIN_S
    while psutil.cpu_percent(interval=1.0) > _QUIET_PERCENT and time.monotonic() < until_s:
        continue


def told(name: str, ratios: Sequence[float]) -> tuple[float, str]:
    """The median and the line that says it with its quartiles."""
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return middle, f"{name}: {middle:.2f} (quartiles {low:.2f}–{high:.2f}, {len(ratios)} pairs)"


def main() -> int:
    """Run the pairs. Exit 0 when the median ratio keeps the limit, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=10, help="how many; 2 at least  [10]")
    parser.add_argument("--limit", type=float, default=1.25, help="the highest median ratio to accept  [1.25]")
    options = parser.parse_args()
    runs: list[tuple[Run, Run]] = []
    for number in range(1, max(2, options.pairs) + 1):
        runs.append(pair())
        by_hand, by_engine = runs[-1]
        print(
            f"pair {number:2}: floor {by_hand.rta_s:.3f} s, drill {by_engine.rta_s:.3f} s, ratio {by_engine.rta_s / by_hand.rta_s:.2f}"
            f"  (of it detection {by_hand.detection_s:.3f} and {by_engine.detection_s:.3f} s)",
            flush=True,
        )
    print(told("after the notice drill/floor", [by_engine.after_s / by_hand.after_s for by_hand, by_engine in runs])[1])
    ratio, line = told("RTA ratio drill/floor", [by_engine.rta_s / by_hand.rta_s for by_hand, by_engine in runs])
    print(line)
    return 0 if ratio <= options.limit else 1


if __name__ == "__main__":
    sys.exit(main())
