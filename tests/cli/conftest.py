"""What the tests of commands share: the whole command line in this process, and a home with a drill in its journal."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.database import database_engine
from drill.adapters.journal_sql import SqlJournal
from drill.cli.main import main
from drill.settings import Settings
from tests.model.story import Story, redrafted


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


Drill = Callable[..., Said]


@pytest.fixture
def drill(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> Drill:
    """`drill ARGS…` as the installed command runs it, in a home of its own."""
    assert str(home) == os.environ["DRILL_HOME"]

    def run(*args: str | Path, typed: str = "") -> Said:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        monkeypatch.setattr(sys, "argv", ["drill", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return Said(int(left.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty DRILL_HOME."""
    monkeypatch.setenv("DRILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRILL_REPORTS", str(tmp_path / "reports"))
    monkeypatch.delenv("DRILL_DATABASE_URL", raising=False)
    return tmp_path / "home"


def journal() -> SqlJournal:
    """The journal of the home."""
    return SqlJournal(database_engine(Settings.load().database_url))


def tell(story: Story | None = None) -> str:
    """Write a story into the journal of the home; returns the drill's id."""
    story = story or Story(every_s=0.5)
    journal().append(story.drill, redrafted(story.facts()))
    return story.drill
