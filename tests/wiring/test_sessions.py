"""A worker that lets a drill go gives no sign of life any more and starts nobody: the next engine's beat is the one that counts."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drill.model.errors import PreflightFailed
from drill.model.events import Kind
from drill.settings import Settings
from drill.wiring.dead_men import EngineLife
from drill.wiring.records import Records
from drill.wiring.sessions import Manned, refuse

DRILL = "friday"


class Charges:
    """Stands in for the watchers, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def let_go(self) -> None:
        self.told.append("let go")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path, tmp_path, f"sqlite:///{tmp_path / 'drill.sqlite'}", None)


def manned(life: EngineLife, charges: Charges) -> Manned:
    """A drill in this process of which only its life and its watchers matter."""
    parts: dict[str, Any] = {field.name: SimpleNamespace() for field in fields(Manned)}
    return Manned(**{**parts, "drill": DRILL, "life": life, "watchers": charges, "_stack": ExitStack()})


def test_who_leaves_a_drill_stops_the_beat_and_the_watch(settings: Settings) -> None:
    beats: list[float] = []
    life, charges = EngineLife(settings, DRILL, also=lambda: beats.append(time.monotonic())), Charges()
    life.start()
    until_s = time.monotonic() + 10
    while not beats and time.monotonic() < until_s:
        time.sleep(0.05)

    manned(life, charges).leave()
    time.sleep(0.1)
    before = len(beats)
    time.sleep(1.5)

    assert before > 0
    assert len(beats) == before
    assert charges.told == ["let go"]


def test_who_listens_to_no_more_answers_starts_nobody_either(settings: Settings) -> None:
    charges = Charges()

    manned(EngineLife(settings, DRILL), charges).hush()

    assert charges.told == ["let go"]


def test_a_refusal_is_written_down_with_its_code_and_remedy(settings: Settings) -> None:
    records = Records(settings)

    refuse(records, DRILL, PreflightFailed("no web server runs.", code="F029", fix="Start one."))

    (check,) = records.journal.read(DRILL, kinds=frozenset({Kind.PREFLIGHT_CHECKED}))
    assert (check.data["ok"], check.data["code"], check.data["fix"]) == (False, "F029", "Start one.")
