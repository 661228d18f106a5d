"""The floor: the same outage and recovery by hand, with the same tools at their best parallelism, and no engine and no SMS.

`python bench/floor.py [--phase P] [SCENARIO]` prints one JSON line. Everything is imported, connected and rehearsed before the outage, as
a drill's preflight does. The drill's own observer watches and the drill's own fold reads the recovery time: both sides have one ruler.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from floor_tools import DRILL, Tools

from drill.adapters.clock import SystemClock
from drill.adapters.journal_memory import MemoryJournal
from drill.engine.observe_process import READY_FILE
from drill.engine.observe_streams import heartbeats
from drill.model.events import Draft, Kind, fact_from_row
from drill.model.recovery import good_in_a_row
from drill.model.report import Report
from drill.model.summarize import summarize
from drill.settings import Settings
from drill.wiring.plans import compile_file
from drill.wiring.worlds import open_grounds

SCENARIO = Path(__file__).resolve().parent.parent / "scenarios" / "sandbox-region-outage.yaml"
_READY_WITHIN_S = 20.0
_STOP_WITHIN_S = 10.0


class Notes:
    """Who did what when: facts for the report, and seconds since the outage."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.moments: dict[str, float] = {}
        self._clock = SystemClock()
        self._outage_s = 0.0

    def write(self, kind: Kind, **data: object) -> None:
        """A fact as of now."""
        now_s = self._clock.mono_s()
        if kind is Kind.OUTAGE_INJECTED:
            self._outage_s = now_s
        self.drafts.append(Draft(kind, "hand", f"{kind}/{len(self.drafts)}", data, self._clock.now(), now_s, self._clock.epoch))

    def done(self, what: str) -> None:
        """It is done now."""
        self.moments[what] = round(self._clock.mono_s() - self._outage_s, 3)


def run_floor(scenario: Path, home: Path, phase: float) -> tuple[Report, dict[str, float]]:
    """One outage and recovery in a sandbox of its own: the report that its facts make, and when what was done.

    `phase` is how far between two beats of the detector the site is lost, from 0 to 1: luck that a comparison must give to both sides.
    """
    settings = replace(Settings.load(), home=home, database_url=f"sqlite:///{home / 'drill.sqlite'}")
    plan, notes = compile_file(scenario, []), Notes()
    grounds = open_grounds(settings, plan, drill=DRILL, say=lambda _text: None, phone="silent")
    try:
        tools = Tools(settings, plan, grounds)
        tools.rehearse()
        notes.write(Kind.DRILL_PLANNED, plan=plan.model_dump(mode="json"), plan_digest=plan.digest(), started_by="hand")
        with _watched(tools, home) as witness:
            notes.write(Kind.DRILL_STARTED)
            _lose_and_recover(tools, notes, witness, phase)
            probe = next(probe for probe in plan.probes if probe.user_view)
            time.sleep(probe.every_s * good_in_a_row(plan, probe.id) + probe.timeout_s)
        return _report(notes, home / "facts.jsonl"), notes.moments
    finally:
        grounds.release(DRILL)


def _lose_and_recover(tools: Tools, notes: Notes, witness: subprocess.Popen[str], phase: float) -> None:
    world = tools.grounds.world
    lost = tools.parameters("outage.isolate")["site"]
    before, after = tools.switch()
    with ThreadPoolExecutor(2) as hands:
        _wait_for_phase(float(_said(witness)), heartbeats(tools.plan)[0].interval_s, phase)
        world.outage.isolate(lost)
        notes.write(Kind.OUTAGE_INJECTED, site=lost, method="freeze", step="by hand")
        _said(witness)
        notes.done("detected")
        building, promoting = hands.submit(_build, tools, notes), hands.submit(_promote, tools, notes, lost)
        building.result()
        play = promoting.result()
        world.dns.swap(before, after)
        notes.done("switched")
        play.communicate()


def _wait_for_phase(beat_s: float, interval_s: float, phase: float) -> None:
    since_s = time.monotonic() - beat_s
    time.sleep((phase * interval_s - since_s) % interval_s)


def _said(witness: subprocess.Popen[str]) -> str:
    line = witness.stdout.readline() if witness.stdout else ""
    if not line:
        raise RuntimeError("the observer has ended; see what it wrote above")
    return line


def _build(tools: Tools, notes: Notes) -> None:
    tools.terraform("apply", "-auto-approve")
    notes.done("built")


def _promote(tools: Tools, notes: Notes, lost: str) -> subprocess.Popen[str]:
    tools.grounds.world.fence.fence(lost)
    notes.done("fenced")
    play = tools.promote()
    notes.done("promoted")
    return play


@contextlib.contextmanager
def _watched(tools: Tools, home: Path) -> Iterator[subprocess.Popen[str]]:
    """With the observer running and ready; when it leaves, its facts lie in `home`."""
    plan_file = home / "plan.json"
    plan_file.write_text(tools.plan.model_dump_json(), encoding="utf-8")
    argv = [sys.executable, str(Path(__file__).with_name("floor_watch.py")), str(plan_file), str(home / "facts.jsonl")]
    environment = {**os.environ, "DRILL_HOME": str(home), "DRILL_MARK": tools.settings.mark()}
    witness = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        until_s = time.monotonic() + _READY_WITHIN_S
        while not (tools.settings.drill_dir(DRILL) / READY_FILE).exists():
            if witness.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError("the observer is not ready")
            time.sleep(0.05)
        yield witness
    finally:
        witness.terminate()
        witness.wait(_STOP_WITHIN_S)


def _report(notes: Notes, facts: Path) -> Report:
    """What the hand noted and the observer saw, in one journal in the order of time."""
    seen = [fact_from_row(json.loads(line)) for line in facts.read_text(encoding="utf-8").splitlines()]
    drafts = [Draft(fact.kind, fact.by, fact.key, fact.data, fact.at, fact.mono_s, fact.epoch) for fact in seen]
    journal = MemoryJournal()
    journal.append(DRILL, sorted([*notes.drafts, *drafts], key=lambda draft: draft.mono_s))
    return summarize(journal.read(DRILL), version="floor")


def main() -> int:
    """Run it once. Exit 0 when the recovery was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("scenario", nargs="?", type=Path, default=SCENARIO)
    parser.add_argument("--phase", type=float, default=0.5, help="where between two beats the site is lost, 0 to 1  [0.5]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drill-floor-") as home:
        report, moments = run_floor(options.scenario, Path(home), options.phase)
    found = {"rta_s": report.rto.actual_s, "detection_s": report.clocks.detection_s, "since_outage_s": moments, "why": report.rto.why.en}
    print(json.dumps(found))
    return 0 if report.rto.actual_s is not None else 1


if __name__ == "__main__":
    sys.exit(main())
