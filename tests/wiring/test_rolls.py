"""Who lives on the roll: a dead process of this machine is known to be dead at once, one of another machine after its time to live."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from drill.adapters.roll_sql import SqlRoll
from drill.settings import Settings
from drill.wiring.records import Records
from drill.wiring.rolls import living, place


def test_an_engine_that_died_on_this_machine_does_not_count_as_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_HOME", str(tmp_path))
    records = Records(Settings.load())
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    roll = SqlRoll(records.database)
    roll.enroll("ours", role="run", place=place())
    roll.enroll("died-here", role="run", place=f"{platform.node()}:{gone.pid}")
    roll.enroll("elsewhere", role="run", place=f"another-host:{gone.pid}")

    assert sorted(row.executor for row in living(records)) == ["elsewhere", "ours"]
