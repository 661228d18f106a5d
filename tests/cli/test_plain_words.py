"""What the commands say on odd terminals: narrow, wide, without colour, without UTF-8."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drill.views.figures import cells
from tests.cli.conftest import Drill, tell
from tests.model.story import Story

_SCENARIO = Path(__file__).parents[2] / "scenarios" / "sandbox-region-outage.yaml"


@pytest.mark.parametrize("width", [40, 60, 200])
def test_a_plan_fits_its_width_and_leaves_nothing_out(drill: Drill, width: int) -> None:
    said = drill("plan", _SCENARIO, "--width", str(width))

    assert said.code == 0
    assert max(cells(line) for line in said.out.splitlines()) <= width
    assert "…" not in said.out
    assert " ".join(said.out.split()) == " ".join(drill("plan", _SCENARIO, "--width", "400").out.split()) or width < 60


@pytest.mark.parametrize(
    "words", [("list",), ("status",), ("show",), ("watch",), ("report", "--format", "markdown"), ("plan", str(_SCENARIO))]
)
@pytest.mark.parametrize("place", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"NO_COLOR": "1", "COLUMNS": "60"}])
def test_no_command_breaks_without_utf8_or_colour(home: Path, words: tuple[str, ...], place: dict[str, str]) -> None:
    assert not home.exists()
    tell(Story(every_s=0.5, hold_s=5.0))
    command = [sys.executable, "-m", "drill.cli.main", *words]

    said = subprocess.run(command, env={**os.environ, **place}, capture_output=True, check=False, timeout=60)

    assert said.returncode == 0, said.stderr.decode(errors="replace")
    assert b"\x1b" not in said.stdout
    assert b"Traceback" not in said.stderr


def test_an_answer_to_a_drill_that_has_ended_is_refused_before_the_code_is_asked_for(drill: Drill) -> None:
    said = drill("ack", tell(), "go", "--as", "lead", typed="never read\n")

    assert (said.code, "[U020]" in said.err, "Code" in said.err) == (2, True, False)
