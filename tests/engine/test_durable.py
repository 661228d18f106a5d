"""The durable engine on SQLite, killed and started anew as real processes: what was recorded is reused, only the rest runs again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.adapters.database import sqlite_engine
from drill.adapters.journal_sql import SqlJournal
from tests.engine.durable_life import KILLED, PLAN

_PROJECT = Path(__file__).parents[2]
_ONE_LIFE_S = 40
_GIVES_UP_WITHIN_S = 15


class Machine:
    """A home in which engines live and die one after the other."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.started: list[subprocess.Popen[bytes]] = []

    def live(self, *, die: str = "", bug: str = "", shut: str = "", drill: str = "drill-1") -> int:
        """One process; returns its exit code."""
        for name, text in (("die", die), ("bug", bug), ("shut", shut)):
            (self.home / name).write_text(text, encoding="utf-8")
        (self.home / "finished").unlink(missing_ok=True)
        return subprocess.run(self.argv(drill), cwd=_PROJECT, timeout=_ONE_LIFE_S, check=False, capture_output=True).returncode

    def argv(self, drill: str = "drill-1") -> list[str]:
        return [sys.executable, "-m", "tests.engine.durable_life", str(self.home), drill]

    def wait_at_the_gate(self) -> subprocess.Popen[bytes]:
        """A process whose gate is waiting."""
        (self.home / "hold").touch()
        process = subprocess.Popen(self.argv(), cwd=_PROJECT)
        self.started.append(process)
        until_s = time.monotonic() + _ONE_LIFE_S
        while not (self.home / "waiting").exists() and time.monotonic() < until_s:
            time.sleep(0.05)
        return process

    def log(self) -> list[str]:
        return (self.home / "log").read_text(encoding="utf-8").splitlines()

    def failure(self) -> str:
        return (self.home / "failure").read_text(encoding="utf-8")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.wait()


def _bodies() -> set[str]:
    steps = {step.id for step in PLAN.steps()}
    phases = {f"close {phase.id}" for phase in PLAN.phases}
    return steps | phases | {"preflight", "begin", "gate b", "decide drill", "failback", "decide failback", "finish"}


def test_a_killed_drill_goes_on_and_runs_again_only_what_was_not_recorded(machine: Machine) -> None:
    assert machine.live(die="a.y") == KILLED
    assert machine.live(die="decide drill") == KILLED
    assert machine.live() == 0

    counted = Counter(machine.log())
    assert set(counted) == _bodies()
    assert {what for what, times in counted.items() if times > 1} <= {"a.x", "a.y", "decide drill"}, "a.x ran beside the killed a.y"
    assert counted["a.y"] == counted["decide drill"] == 2
    assert machine.log()[-1] == "finish"


def test_a_drill_that_a_bug_ended_gets_another_life_when_the_bug_is_gone(machine: Machine) -> None:
    assert machine.live(bug="c.w") == 0
    told = machine.failure()

    assert machine.live() == 0

    assert "c.w" in told
    assert machine.failure() == ""
    assert machine.log()[-1] == "finish"


def test_a_drill_whose_database_takes_nothing_more_is_given_up_at_once_and_goes_on_when_it_does_again(machine: Machine) -> None:
    began_s = time.monotonic()
    assert machine.live(shut="b.z") == 0
    told, took_s = machine.failure(), time.monotonic() - began_s

    assert machine.live() == 0

    assert "readonly database" in told
    assert "\n" not in told
    assert took_s < _GIVES_UP_WITHIN_S
    assert machine.failure() == ""
    assert machine.log()[-1] == "finish"


def test_the_drills_of_one_home_leave_one_another_alone(machine: Machine) -> None:
    assert machine.live() == 0
    ended = Counter(machine.log())
    assert machine.live(drill="drill-2") == 0

    assert ended == Counter(_bodies())
    assert Counter(machine.log()) == ended + ended


def test_an_engine_that_was_taken_over_while_it_waited_records_no_result_and_starts_nothing_more(machine: Machine) -> None:
    old = machine.wait_at_the_gate()
    journal = SqlJournal(sqlite_engine(machine.home / "drill.sqlite"))
    journal.take_token("drill-1")
    before = [fact.key for fact in journal.read("drill-1")]
    (machine.home / "hold").unlink()

    assert old.wait(_ONE_LIFE_S) == 0

    assert "another engine has taken over" in machine.failure()
    assert [fact.key for fact in journal.read("drill-1")] == before
    assert "gate b" not in machine.log()
    assert machine.live() == 0
    assert Counter(machine.log())["gate b"] == 1
