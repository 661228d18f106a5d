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
from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Plan
from drill.settings import Settings
from drill.wiring.worlds import open_grounds

DRILL = "floor"


class TellingJournal(MemoryJournal):
    """Says a detection aloud the moment it is written."""

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        facts = super().append(drill, drafts, token=token)
        if any(draft.kind is Kind.OUTAGE_DETECTED for draft in drafts):
            sys.stdout.write("detected\n")
            sys.stdout.flush()
        return facts


def main(plan_file: str, facts_file: str) -> None:
    """Observe until SIGTERM, then leave every fact in a file, one a line."""
    settings = Settings.load()
    plan = Plan.model_validate_json(Path(plan_file).read_text(encoding="utf-8"))
    grounds = open_grounds(settings, plan, drill=DRILL, say=lambda _text: None)
    canary = PostgresCanary(grounds.secrets.get(plan.canary.postgres), DRILL) if plan.canary else None
    journal = TellingJournal()
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
