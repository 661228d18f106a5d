"""A sandbox has a place before anything of it starts, and a disk that fills up meanwhile is told as what it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from drill.model.errors import PreflightFailed
from drill.sandbox.layout import POINTER, read_json
from drill.sandbox.server_user import ROOM, make_state_directory
from drill.sandbox.world import Sandbox, take_down
from tests.sandbox.running import open_folder


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temp folder of our own, beside which every other one is full."""
    folder, free = open_folder(), shutil.disk_usage

    def usage(place: Path) -> Usage:
        return Usage(*free(place)) if str(place).startswith(str(folder)) else Usage(ROOM, ROOM, 0)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def refusal(room: int = 1) -> PreflightFailed:
    with pytest.raises(PreflightFailed) as refused:
        make_state_directory(None, room=room)
    assert refused.value.code == "F032"
    return refused.value


def test_a_folder_with_room_is_taken(only: Path) -> None:
    assert make_state_directory(None, room=1).parent == only


def test_a_folder_without_room_is_refused_with_what_is_free_and_needed(only: Path) -> None:
    error = refusal(2**50)

    assert f"{only} has " in error.what
    assert f"{2**30} MB are needed" in error.what


def test_a_path_too_long_for_a_socket_is_refused_before_anything_starts(only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = only / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))

    assert "too long a path for a socket" in refusal().what
    assert not list(long.iterdir())


def test_a_folder_that_is_not_there_is_named(only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(only / "missing"))

    assert "missing cannot be written" in refusal().what


def test_an_unfit_folder_is_passed_over_for_one_that_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    state = make_state_directory(None, room=1)

    assert state.parent in {Path("/tmp"), Path("/var/tmp")}

    state.rmdir()


@pytest.mark.real
def test_a_tool_that_fails_in_the_start_is_told_with_its_own_words_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, tools = tmp_path / "home", tmp_path / "bin"
    tools.mkdir()
    (tools / "cp").write_text("#!/bin/sh\necho 'cp: error writing: No space left on device.' >&2\nexit 1\n")
    (tools / "cp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    try:
        with pytest.raises(PreflightFailed) as refused:
            Sandbox.up(home, services=())
    finally:
        take_down(home)

    assert refused.value.code == "F036"
    assert "could not be set up: cp: error writing: No space left on device. Try again." in str(refused.value)
    assert read_json(home / POINTER) is None
