"""Tab offers what the home knows, at once, and nothing when the home is odd."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import tell
from tests.model.story import Story

pytestmark = pytest.mark.usefixtures("home")

_DRILL = "20270301-0200-story"
_AT_ONCE_S = 0.5
"""The promise is 150 ms of CPU; a busy machine and its cold caches take more."""


def offered(line: str, word: int | None = None) -> list[str]:
    """What bash would offer for the last word of a line."""
    words = line.split(" ")
    asked = {"_DRILL_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1 if word is None else word)}
    command = [sys.executable, "-c", "from drill.cli.main import main; main()"]
    shown = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=False, timeout=60)
    assert shown.stderr == ""
    return [row.partition(",")[2] for row in shown.stdout.splitlines() if row]


@pytest.mark.parametrize("command", ["show", "status", "watch", "logs", "report", "resume", "abort", "hold", "failback", "ack", "retry"])
def test_a_command_about_a_drill_offers_the_drills_newest_first(command: str) -> None:
    tell()
    tell(Story(every_s=0.5, drill="newer", ending="declined"))

    assert offered(f"drill {command} ") == ["newer", _DRILL]
    assert offered(f"drill {command} 2027") == [_DRILL]


def test_an_answer_offers_the_gates_and_contacts_of_the_drill_named() -> None:
    told = tell()
    tell(Story(every_s=0.5, drill="newer"))

    assert offered(f"drill ack {told} ") == ["go", "outage", "recover", "rebuild", "data", "traffic"]
    assert offered(f"drill ack {told} go --as ") == ["oncall", "lead", "manager"]
    assert offered("drill decline --as o") == ["oncall"]


def test_a_decision_offers_the_steps() -> None:
    assert offered(f"drill skip {tell()} reb") == ["rebuild.capacity"]


@pytest.mark.parametrize("content", [None, b"", b"not a database at all, but long enough to be looked at" * 40])
def test_a_home_without_a_journal_offers_nothing_and_says_nothing(home: Path, content: bytes | None) -> None:
    if content is not None:
        home.mkdir()
        (home / "drill.sqlite").write_bytes(content)

    assert offered("drill show ") == []
    assert offered("drill ack x ") == []
    assert content is not None or not home.exists()


def test_to_offer_costs_hardly_more_than_to_start() -> None:
    tell(Story(every_s=0.05))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    offered(f"drill ack {_DRILL} ")

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < _AT_ONCE_S


def test_to_offer_imports_nothing_heavy() -> None:
    told = tell()
    asked = {"_DRILL_COMPLETE": "bash_complete", "COMP_WORDS": f"drill ack {told} ", "COMP_CWORD": "3"}
    command = [sys.executable, "-X", "importtime", "-c", "from drill.cli.main import main; main()"]

    shown = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=False, timeout=60)

    imported = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert "plain,go" in shown.stdout
    assert not imported & {"pydantic", "sqlalchemy", "rich", "yaml", "dbos", "jinja2"}
