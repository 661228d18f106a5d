"""Processes are known by pid and start, stopped and ended as families, and die with whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from drill.sandbox.processes import Identity, end, family, identify, spawn, state_of, stop
from tests.sandbox.running import eventually

_FAMILY = "import subprocess, sys, time; subprocess.Popen(['sleep', '60'], start_new_session=True); time.sleep(60)"

_ORPHAN = """
import os, sys
from pathlib import Path
from drill.sandbox.processes import spawn
spawn(["sleep", "60"], cwd=Path("/"), environment={"PATH": os.defpath, "DRILL_MARK": "orphan-test"}, log=Path(sys.argv[1]))
os.kill(os.getpid(), 9)
"""


def test_a_reused_pid_is_not_mistaken_for_the_process_that_had_it() -> None:
    ours = identify(os.getpid())
    assert ours is not None

    assert ours.alive()
    assert not Identity(ours.pid, ours.started + 1).alive()
    assert not Identity(ours.pid, ours.started + 1).send(signal.SIGKILL)


def test_a_stopped_family_is_found_and_ended_whole(tmp_path: Path) -> None:
    parent = spawn([sys.executable, "-c", _FAMILY], cwd=tmp_path, environment=dict(os.environ), log=tmp_path / "log")
    assert eventually(lambda: len(family(parent.pid)) == 2)

    stopped = stop(parent.pid)

    assert [state_of(one.pid) for one in stopped] == ["stopped", "stopped"]
    assert end(stopped) == []
    assert parent.wait(20) == -signal.SIGKILL
    assert not any(one.alive() for one in stopped)


def test_a_child_dies_with_the_process_that_spawned_it(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _ORPHAN, str(tmp_path / "log")], check=False)

    assert eventually(lambda: not any(_mark(process) == "orphan-test" for process in psutil.process_iter()), within_s=20)


def test_stopping_what_is_gone_stops_nothing() -> None:
    child = subprocess.Popen(["true"])
    child.wait()

    assert stop(child.pid) == []
    assert state_of(child.pid) == "gone"


def _mark(process: psutil.Process) -> str:
    try:
        return process.environ().get("DRILL_MARK", "")
    except psutil.Error:
        return ""
