"""Records of runs: what a dead engine left is ended, gently first; what lives, or only looks like it, is left alone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drill.adapters import terraform_orphans
from drill.adapters.ansible_leftovers import owner
from drill.adapters.terraform_orphans import RunRecord
from drill.model.errors import Retryable

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def sleepers() -> Iterator[Start]:
    """Starts processes that sleep; with `stubborn` they heed no interrupt."""
    running: list[subprocess.Popen[bytes]] = []

    def start(mark: str, *, stubborn: bool = False) -> subprocess.Popen[bytes]:
        body = (
            f"import signal, time; {'signal.signal(signal.SIGINT, signal.SIG_IGN); ' if stubborn else ''}print(flush=True); time.sleep(60)"
        )
        process = subprocess.Popen(
            [sys.executable, "-IS", "-c", body],
            env={"DRILL_MARK": mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


DEAD = "999999999:1"


def record(directory: Path, terraform: int, engine: str) -> None:
    (directory / "running.json").write_text(json.dumps({"terraform": owner(terraform), "engine": engine}))


def test_a_dead_engines_terraform_is_interrupted_first_and_killed_only_when_it_stays(
    tmp_path: Path, sleepers: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terraform_orphans, "INTERRUPTED_BY_DEATH", False)  # as where the death of an engine interrupts nothing
    willing, stubborn = sleepers("m1"), sleepers("m1", stubborn=True)

    record(tmp_path, willing.pid, DEAD)
    killed_willing = RunRecord(tmp_path).end("m1", grace_s=20.0)
    record(tmp_path, stubborn.pid, DEAD)
    killed_stubborn = RunRecord(tmp_path).end("m1", grace_s=0.1)

    assert (killed_willing, killed_stubborn) == (0, 1)
    assert (willing.wait(20), stubborn.wait(20)) == (-signal.SIGINT, -signal.SIGKILL)
    assert not (tmp_path / "running.json").exists()


def test_a_living_engines_terraform_is_left_alone(tmp_path: Path, sleepers: Start) -> None:
    theirs = sleepers("m1")
    record(tmp_path, theirs.pid, owner())

    with pytest.raises(Retryable) as caught:
        RunRecord(tmp_path).end("m1", grace_s=0.1)

    assert caught.value.code == "A140"
    assert theirs.poll() is None


def test_a_process_that_only_has_the_number_of_the_dead_terraform_is_left_alone(tmp_path: Path, sleepers: Start) -> None:
    stranger = sleepers("another mark")
    (tmp_path / "running.json").write_text(json.dumps({"terraform": f"{stranger.pid}:1", "engine": DEAD}))

    assert RunRecord(tmp_path).end("m1", grace_s=0.1) == 0
    assert stranger.poll() is None


def test_half_a_record_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "running.json").write_text('{"terr')

    assert RunRecord(tmp_path).end("m1", grace_s=0.1) == 0
    assert not (tmp_path / "running.json").exists()
