"""Who may answer, as the engine and the command line put it together from the record of a drill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drill.model.events import Kind, stamp
from drill.model.replies import Reply
from drill.settings import Settings
from drill.wiring.desks import open_desk, people_of
from drill.wiring.records import Records
from drill.wiring.sessions import plan_drill
from tests.engine.drilling import NUMBERS, gate_of, phase_of, plan_of


@pytest.mark.parametrize(("starter", "reason"), [("lead", "needs-other"), ("oncall", None)])
def test_with_four_eyes_the_answer_of_whoever_started_the_drill_does_not_count(
    starter: str, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRILL_HOME", str(tmp_path))
    monkeypatch.delenv("DRILL_DATABASE_URL", raising=False)
    for name, value in NUMBERS.items():
        monkeypatch.setenv(f"DRILL_SECRET_{name}", value)
    gate = gate_of("go", ask=("lead",), four_eyes=True, at="before")
    plan = plan_of(phase_of("go", gate="go"), gates=(gate,))
    records = Records(Settings.load())
    plan_drill(records, "d", plan, started_by="root", auto_answered=False, starter=starter)
    deadline = stamp(datetime.now(UTC) + timedelta(hours=1))
    asked: dict[str, Any] = {"gate": "go", "phases": ["go"], "contacts": ["lead"], "deadline": deadline, "within_s": 60.0}
    records.recorder("d").say(Kind.ACKNOWLEDGEMENT_REQUESTED, "go/requested", **asked)

    code = people_of(records, "d").code(gate, "lead")
    judgement = open_desk(records, "d").take(Reply("confirm", code), contact="lead", channel="cli", message_id="1")

    assert judgement.reason == reason
