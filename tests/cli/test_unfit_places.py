"""`drill run`, `serve` and `sandbox up` where nothing can be written, or the disk is full: refused with exit 3, and nothing is made."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cli.conftest import Drill
from tests.e2e.place import SCENARIO

COMMANDS = [("run", SCENARIO), ("serve",), ("sandbox", "up")]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_home_that_cannot_be_written_is_exit_3_with_code_and_remedy(
    drill: Drill, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and access(path, mode))

    said = drill(*words)

    assert said.code == 3, said
    assert f"[F080] {tmp_path} cannot be written by this user. Point DRILL_HOME at" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_drill_without_room_is_exit_3_and_the_doctor_says_so_with_the_same_code(
    drill: Drill, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _place: SimpleNamespace(free=3 * 1024 * 1024))

    said, looked = drill("run", SCENARIO), drill("doctor", SCENARIO)

    assert (said.code, looked.code) == (3, 3)
    assert "[F081] 3 MiB are free" in said.err
    assert "[F081] 3 MiB free" in looked.out
    assert list(tmp_path.iterdir()) == []
