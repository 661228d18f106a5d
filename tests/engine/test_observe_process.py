"""The observer's process: found again, ready when it measures, and its numbers never come twice, whatever killed it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from drill.adapters.clock import SystemClock
from drill.engine.observe_process import ObserverProcess, observer_in
from drill.engine.watchman import Patience, Watchman
from drill.model.errors import PreflightFailed
from drill.model.events import Fact, Kind, check_chain
from tests.adapters.loopback import OK, say, serving
from tests.engine.observing import DRILL, body_argv, journal_in
from tests.engine.test_watchman import Told

Launch = Callable[[], ObserverProcess]
READY_WITHIN_S = 20.0


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Launchers of the same observer, as an engine and the one that resumes it have them; whatever they started is ended."""
    made: list[ObserverProcess] = []
    with serving(say(OK)) as server:

        def one() -> ObserverProcess:
            made.append(ObserverProcess(tmp_path, body_argv(tmp_path, port=server.port), log=tmp_path / "observer.log", mark="mark-1"))
            return made[-1]

        yield one
        for process in made:
            process.stop()


def rows(facts: list[Fact]) -> list[tuple[str, int]]:
    return [(fact.epoch, fact.data["row"]) for fact in facts]


def test_a_killed_observer_is_started_again_and_its_row_numbers_go_on(launch: Launch, tmp_path: Path) -> None:
    first, second = launch(), launch()
    killed = first.ensure()
    first.wait_ready(READY_WITHIN_S)

    os.kill(killed, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(killed)] if psutil.pid_exists(killed) else [], timeout=2)
    first.stop()
    successor = second.ensure()
    second.wait_ready(READY_WITHIN_S)
    second.stop()

    facts = journal_in(tmp_path).read(DRILL)
    check_chain(facts)
    acknowledged = rows([fact for fact in facts if fact.kind == Kind.CANARY_ACKNOWLEDGED])
    epochs = list(dict.fromkeys(epoch for epoch, _ in acknowledged))
    numbers = [row for _, row in acknowledged]
    assert successor != killed
    assert len(epochs) == 2
    assert numbers == sorted(set(numbers))
    assert {fact.epoch for fact in facts if fact.kind == Kind.PROBE_SAMPLED} == set(epochs)


def test_a_running_observer_is_found_by_the_engine_that_resumes(launch: Launch) -> None:
    first, second = launch(), launch()
    pid = first.ensure()
    first.wait_ready(READY_WITHIN_S)

    found = second.ensure()
    second.wait_ready(READY_WITHIN_S)
    process = psutil.Process(pid)
    marked, own_session = process.environ()["DRILL_MARK"], os.getsid(pid) == pid
    second.stop()

    assert found == pid
    assert marked == "mark-1"
    assert own_session
    assert first.pid() is None


def test_sigterm_writes_what_is_there_and_leaves_no_process_and_no_mark(launch: Launch, tmp_path: Path) -> None:
    observer = launch()
    observer.ensure()
    observer.wait_ready(READY_WITHIN_S)
    before_s = time.monotonic()

    observer.stop()

    facts = journal_in(tmp_path).read(DRILL, kinds=frozenset({Kind.CANARY_ACKNOWLEDGED}))
    assert facts[-1].mono_s > before_s - 0.2  # younger than a batch: the last one was written on the way out
    assert observer_in(tmp_path) is None
    assert not (tmp_path / "observer.ready").exists()


def test_an_observer_that_ends_before_it_is_ready_is_told_with_its_last_words(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('no such plan')"]
    observer = ObserverProcess(tmp_path, argv, log=tmp_path / "observer.log", mark="mark-1")
    observer.ensure()

    with pytest.raises(PreflightFailed, match="ended before it was ready: no such plan") as failed:
        observer.wait_ready(READY_WITHIN_S)

    observer.stop()
    assert failed.value.code == "F061"


def test_an_observer_that_never_gets_ready_is_told_and_a_deaf_one_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    observer = ObserverProcess(tmp_path, [sys.executable, "-c", deaf], log=tmp_path / "observer.log", mark="mark-1")
    pid = observer.ensure()

    with pytest.raises(PreflightFailed, match="not ready within 1 s: deaf") as failed:
        observer.wait_ready(1)
    observer.stop(timeout_s=0.2)

    assert failed.value.code == "F062"
    assert not psutil.pid_exists(pid)


class Charge:
    """An observer's process as its watchman sees it (port Ward)."""

    name = "observer"

    def __init__(self, process: ObserverProcess) -> None:
        self._process = process

    def alive(self) -> bool:
        return self._process.pid() is not None

    def silent_s(self) -> float:
        return time.time() - self._process.beat()

    def revive(self) -> None:
        self._process.stop(0.5)
        self._process.ensure()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_an_observer_that_dies_or_stands_still_is_replaced_by_one_that_measures(
    launch: Launch, tmp_path: Path, number: signal.Signals
) -> None:
    observer, told = launch(), Told()
    struck = observer.ensure()
    observer.wait_ready(READY_WITHIN_S)
    man = Watchman((Charge(observer),), told, clock=SystemClock(), patience=Patience(silent_s=2.0))
    man.start()

    os.kill(struck, number)

    until_s = time.monotonic() + READY_WITHIN_S
    while told.turns != ["observer lost", "observer back"] and time.monotonic() < until_s:
        time.sleep(0.05)
    man.stop()
    observer.wait_ready(READY_WITHIN_S)
    assert told.turns == ["observer lost", "observer back"]
    assert observer.pid() != struck
    assert not psutil.pid_exists(struck)
    assert observer_in(tmp_path) is not None
