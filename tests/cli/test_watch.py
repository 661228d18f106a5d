"""`drill watch`: what it shows of a drill that is over, on hold or running, in a pipe, for machines and on a terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drill.model.events import Kind
from drill.model.progress import MEASUREMENTS
from tests.cli.conftest import Drill, journal, tell
from tests.model.story import Story, redrafted
from tests.model.story_pen import Ending

_WITH_ITS_OWN_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from drill.cli.main import main
main()
"""
"""Only what a terminal of one's own sends is a Ctrl-C as people type it."""


def half() -> str:
    """A drill in the middle of its rebuild, played by nobody."""
    facts = [fact for fact in Story(every_s=0.5).facts() if fact.mono_s < 5010 or "probe" in fact.by]
    journal().append("half", [draft for draft in redrafted(facts) if draft.kind is not Kind.DRILL_FINISHED])
    return "half"


def test_no_time_is_negative_and_what_came_before_the_start_has_none(drill: Drill) -> None:
    lines = drill("watch", tell()).out.splitlines()

    moments = [line[:8].strip() for line in lines if line.startswith(" ")]
    assert not [moment for moment in moments if moment.startswith("-")]
    assert moments[0] == "–"
    assert [float(moment[:-1]) for moment in moments if moment != "–"]


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        ("finished", "finished, exit 0; `drill show"),
        ("aborted", "aborted, exit 4; `drill show"),
        ("held", "brings it home, `drill proceed"),
    ],
)
def test_the_last_lines_say_how_it_ended_or_what_can_be_done(drill: Drill, ending: Ending, words: str) -> None:
    said = drill("watch", tell(Story(every_s=0.5, ending=ending)))

    assert said.code == 0
    assert words in said.out.splitlines()[-1]


def test_machines_get_the_facts_one_a_line_and_nothing_else(drill: Drill) -> None:
    told = tell()

    rows = [json.loads(line) for line in drill("watch", told, "--json").out.splitlines()]

    assert rows[-1]["kind"] == "DrillFinished"
    assert [row["seq"] for row in rows] == [fact.seq for fact in journal().read(told) if fact.kind not in MEASUREMENTS]


def test_watching_a_drill_nobody_plays_says_so_and_ctrl_c_leaves_the_terminal_clean(home: Path) -> None:
    name = half()
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", _WITH_ITS_OWN_TERMINAL, "watch", name],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "50", "DRILL_HOME": str(home)},
    )
    os.close(theirs)
    try:
        shown = _read_until(ours, b"probe.until")
        os.write(ours, b"\x03")
        shown += _read_until(ours, b"no longer watching")
        code = child.wait(timeout=20)
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            child.wait()
        os.close(ours)

    assert code == 130
    assert b"no engine plays half at the moment" in shown
    assert b"^C" not in shown
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l"), "the cursor is back"


def _read_until(stream: int, words: bytes) -> bytes:
    seen = b""
    deadline = time.monotonic() + 30
    while words not in seen:
        assert time.monotonic() < deadline, seen.decode()
        try:
            seen += os.read(stream, 65536)
        except OSError:  # the other side has closed
            break
    return seen
