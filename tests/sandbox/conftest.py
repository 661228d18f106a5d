"""Sandboxes for tests: one shared by those that only look, a fresh one for each that breaks something."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.sandbox.world import Sandbox, take_down


@pytest.fixture(scope="session", autouse=True)
def _quick_files() -> Iterator[None]:
    """Sandboxes in memory where there is plenty: tests make and remove dozens, which some file systems punish."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30 and not os.statvfs(memory).f_flag & os.ST_NOEXEC
    with pytest.MonkeyPatch.context() as patch:
        if roomy:
            patch.setenv("TMPDIR", str(memory))
            patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox without DNS and carrier that no test may change for good."""
    home = tmp_path_factory.mktemp("home")
    try:
        yield Sandbox.up(home, services=())
    finally:
        take_down(home)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A DRILL_HOME; whatever runs in it is taken down afterwards."""
    yield tmp_path / "home"
    take_down(tmp_path / "home")


@pytest.fixture
def sandbox(home: Path) -> Sandbox:
    """A sandbox of one's own, without DNS and carrier."""
    return Sandbox.up(home, services=())
