"""One engine per home: its lock says who holds it, goes with its holder, and is not lost to somebody who only looks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from drill.model.errors import PreflightFailed
from drill.settings import Settings
from drill.wiring.locks import Holder, engine_holder, engine_lock, refuse_if_held

_PROJECT = Path(__file__).parents[2]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DRILL_HOME", str(tmp_path / "home"))
    return Settings.load()


def test_a_home_without_an_engine_has_no_holder(settings: Settings) -> None:
    assert engine_holder(settings) is None
    refuse_if_held(settings)
    with engine_lock(settings, "friday"):
        pass
    assert engine_holder(settings) is None


def test_the_holder_is_named_with_its_drill_and_process(settings: Settings) -> None:
    with engine_lock(settings, "friday"):
        assert engine_holder(settings) == Holder(os.getpid(), "friday")


def test_a_second_engine_is_refused_and_told_who_runs(settings: Settings) -> None:
    with engine_lock(settings, "friday"):
        with (
            pytest.raises(PreflightFailed, match=rf"the drill friday is running here \(pid {os.getpid()}\)"),
            engine_lock(settings, "monday"),
        ):
            pass
        with pytest.raises(PreflightFailed, match="friday"):
            refuse_if_held(settings)


def test_the_lock_of_a_killed_engine_is_free(settings: Settings) -> None:
    code = (
        "import os, signal\nfrom drill.settings import Settings\nfrom drill.wiring.locks import engine_lock\n"
        "with engine_lock(Settings.load(), 'friday'): os.kill(os.getpid(), signal.SIGKILL)"
    )

    killed = subprocess.run([sys.executable, "-c", code], cwd=_PROJECT, check=False, timeout=30)

    assert killed.returncode == -9
    assert engine_holder(settings) is None
    with engine_lock(settings, "monday"):
        assert engine_holder(settings) == Holder(os.getpid(), "monday")


def test_somebody_who_looks_at_the_lock_does_not_keep_an_engine_from_it(settings: Settings) -> None:
    with engine_lock(settings, "friday"):
        pass
    stop = threading.Event()

    def looks() -> None:
        while not stop.is_set():
            engine_holder(settings)

    lookers = [threading.Thread(target=looks) for _ in range(2)]
    for looker in lookers:
        looker.start()

    try:
        for _ in range(50):
            with engine_lock(settings, "friday"):
                pass
    finally:
        stop.set()
        for looker in lookers:
            looker.join(5)
