"""The floor's witness: the drill's own observer in a process of its own, with a pipe where the drill has its journal."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from drill.adapters.canary_postgres import PostgresCanary
from drill.adapters.clock import SystemClock
from drill.adapters.journal_memory import MemoryJournal
from drill.engine.observe import Instruments, Observer
from drill.engine.observe_streams import heartbeats
from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Plan
from drill.settings import Settings
from drill.wiring.worlds import open_grounds

DRILL = "floor"


class TellingJournal(MemoryJournal):
    """Says aloud when the first beat was due, and a detection the moment it is written."""

    def __init__(self, heartbeat: str) -> None:
        super().__init__()
        self._heartbeat = heartbeat
        self._beaten = False

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        facts = super().append(drill, drafts, token=token)
        for draft in drafts:
            if draft.kind is Kind.OUTAGE_DETECTED:
                sys.stdout.write("detected\n")
            elif draft.data.get("probe") == self._heartbeat and not self._beaten:
                self._beaten = True
                sys.stdout.write(f"{draft.data['due_s']}\n")
        sys.stdout.flush()
        return facts


def main(plan_file: str, facts_file: str) -> None:
    """Observe until SIGTERM, then leave every fact in a file, one a line."""
    settings = Settings.load()
    plan = Plan.model_validate_json(Path(plan_file).read_text(encoding="utf-8"))
    grounds = open_grounds(settings, plan, drill=DRILL, say=lambda _text: None)
    canary = PostgresCanary(grounds.secrets.get(plan.canary.postgres), DRILL) if plan.canary else None
    journal = TellingJournal(heartbeats(plan)[0].probe)
    Observer(
        DRILL,
        plan,
        journal=journal,
        clock=SystemClock(),
        instruments=Instruments(grounds.probes, canary),
        folder=settings.drill_dir(DRILL),
    ).run()
    lines = [json.dumps(fact.row(), ensure_ascii=False) + "\n" for fact in journal.read(DRILL)]
    Path(facts_file).write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
