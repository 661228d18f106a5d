"""Killed databases leave no shared memory behind, neither the kernel's own kind nor files."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest

from drill.sandbox.postgres_binaries import find_toolset
from drill.sandbox.world import Sandbox
from tests.adapters import pg_control
from tests.adapters.pg_pair import Server, free_port, make_template
from tests.sandbox.running import Footprint, eventually

pytestmark = pytest.mark.real
TABLE = Path("/proc/sysvipc/shm")


def _rows() -> list[list[str]]:
    """The kernel's segments; none where it does not tell."""
    return [line.split() for line in TABLE.read_text().splitlines()[1:]] if TABLE.exists() else []


def _attached(pids: frozenset[int]) -> set[str]:
    """Ids of the segments that such processes have made and that are in use."""
    return {row[1] for row in _rows() if int(row[4]) in pids and row[6] != "0"}


def _files(pids: frozenset[int]) -> set[str]:
    """Files of shared memory that such processes have open."""
    maps = [one.path for pid in pids if psutil.pid_exists(pid) for one in psutil.Process(pid).memory_maps()]
    return {path for path in maps if path.startswith("/dev/shm/PostgreSQL.")}


@pytest.mark.parametrize("killed", [False, True])
def test_a_sandbox_that_is_gone_has_no_shared_memory(sandbox: Sandbox, killed: bool) -> None:  # noqa: FBT001
    before = Footprint.of(sandbox)
    segments = _attached(before.pids)
    assert len(segments) == 2 or not TABLE.exists()
    assert _files(before.pids) == set()

    if killed:
        os.kill(sandbox.details["pid"], signal.SIGKILL)
    else:
        sandbox.down()

    assert eventually(lambda: before.remains() == [], within_s=20.0), before.remains()
    assert eventually(lambda: not segments & {row[1] for row in _rows()}), "segments are left"


def test_a_killed_server_of_a_test_has_no_shared_memory() -> None:
    bin_dir = find_toolset().bin_dir
    root = make_template(bin_dir)
    server = Server(bin_dir, root / "a", free_port())
    try:
        server.do("start")
        pids = frozenset(int(line) for line in server.sql("select pid from pg_stat_activity").splitlines())
        postmaster = pg_control.postmaster(server.data)
        assert postmaster is not None
        segments = _attached(frozenset({postmaster.pid}))
        assert len(segments) == 1 or not TABLE.exists()
        assert _files(pids) == set()
    finally:
        pg_control.kill(server.data)
        shutil.rmtree(root)

    assert not segments & {row[1] for row in _rows()}
