"""A drill that a server plays is followed, aborted and told of by `drill run` as one that it plays itself."""

from __future__ import annotations

import json
import os
import platform
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from drill.adapters.roll_sql import SqlRoll
from drill.cli.leave import leave_to_servers
from drill.model.events import Draft, Kind
from drill.settings import Settings
from drill.wiring.records import Records
from tests.cli.conftest import Drill, journal
from tests.model.story import Story, redrafted

SCENARIO = Path(__file__).resolve().parents[2] / "scenarios/sandbox-region-outage.yaml"
STORY = [*redrafted(Story(every_s=0.5).facts())]
PATIENCE_S = 30.0


def planned(*, more: int = 0) -> Records:
    """A home with a server, and a drill that is planned for it, of which the first facts are written."""
    records = Records(Settings.load())
    SqlRoll(records.database).enroll("serve-1", role="serve", place=f"{platform.node()}:{os.getpid()}")
    journal().append("d", STORY[: 1 + more])
    return records


def claimed(records: Records, state: str) -> bool:
    """Set the state of the drill's durable work once it is queued; whether it was."""
    table = sa.table("workflow_status", sa.column("status"), sa.column("executor_id"))
    if not sa.inspect(records.database).has_table("workflow_status"):
        return False
    with records.database.begin() as connection:
        return connection.execute(table.update().values(status=state, executor_id="serve-1")).rowcount > 0


def beside(work: Callable[[], object]) -> threading.Thread:
    """The server's part, in a thread of its own."""
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def once(holds: Callable[[], bool]) -> None:
    """Wait for something."""
    until_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def late(records: Records) -> None:
    """A fact after the end, as the receipt of the last text is."""
    found: dict[str, Any] = {"code": "D999", "what": "a late word", "fix": "", "severity": "warning"}
    records.recorder("d").say(Kind.FINDING_RAISED, "finding/late", **found)


def test_it_says_who_plays_waits_until_that_one_is_through_and_ends_as_a_run_of_its_own(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = planned()

    def plays() -> None:
        once(lambda: claimed(records, "PENDING"))
        journal().append("d", STORY[1:])
        time.sleep(1.0)
        late(records)
        claimed(records, "SUCCESS")

    server = beside(plays)
    code = leave_to_servers(records, "d", as_json=False, report_dir=tmp_path / "mine", ours=True)
    server.join()

    lines = capsys.readouterr().out.splitlines()
    assert home.exists()
    assert code == 0
    assert lines[0] == f"d is left to serve-1 ({platform.node()}, pid {os.getpid()})"
    assert lines[-2:] == [f"report: {tmp_path / 'mine' / 'index.html'}", records.report("d").summary.en]
    written = (tmp_path / "mine" / "facts.jsonl").read_text().splitlines()
    assert len(written) == len(records.journal.read("d")) == len(STORY) + 1


def test_machines_get_facts_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = planned()
    server = beside(lambda: journal().append("d", STORY[1:]))

    assert leave_to_servers(records, "d", as_json=True, ours=True) == 0
    server.join()

    assert home.exists()
    assert all("kind" in json.loads(line) for line in capsys.readouterr().out.splitlines())


def interrupted(records: Records, *, ours: bool, twice: bool = False) -> int:
    """Follow the drill, with Ctrl-C once it is queued; a server that plays ends it as aborted when it is asked to."""

    def types() -> None:
        once(lambda: claimed(records, "PENDING"))
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)
        if ours:
            once(lambda: bool(records.progress("d").abort))
        if twice:
            os.kill(os.getpid(), signal.SIGINT)
        elif ours:
            ended: dict[str, Any] = {"outcome": "aborted", "exit_code": 4, "left": [], "reason": "SIGINT"}
            records.recorder("d").say(Kind.DRILL_FINISHED, "finished", **ended)
            claimed(records, "SUCCESS")

    person = beside(types)
    code = leave_to_servers(records, "d", as_json=False, ours=ours)
    person.join()
    return code


def test_the_first_ctrl_c_aborts_a_drill_of_ones_own_as_where_it_runs_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = planned(more=60)

    assert interrupted(records, ours=True) == 4

    said = capsys.readouterr()
    (asked,) = records.journal.read("d", kinds=frozenset({Kind.ABORT_REQUESTED}))
    assert home.exists()
    assert (asked.data["reason"], asked.data["channel"], asked.by) == ("SIGINT", "signal", "person:operator")
    assert "SIGINT: aborting in order on the server" in said.out


def test_a_second_ctrl_c_leaves_and_says_that_the_server_goes_on_aborting(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert interrupted(planned(more=60), ours=True, twice=True) == 130

    assert home.exists()
    assert "d GOES ON in the queue: it carries out the abort that was asked for" in capsys.readouterr().err


def test_ctrl_c_on_a_drill_of_somebody_elses_aborts_nothing_and_says_how_to(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = planned(more=60)

    assert interrupted(records, ours=False) == 130

    assert home.exists()
    assert not records.progress("d").abort
    assert "d GOES ON in the queue: `drill abort d` takes it back" in capsys.readouterr().err


def test_a_drill_that_its_server_refuses_before_it_begins_ends_with_the_reason(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = planned()
    end = {"outcome": "refused", "exit_code": 3, "left": [], "reason": "[F051] the drill x is in the way. Wait for it."}
    server = beside(lambda: journal().append("d", [Draft(**{**STORY[-1].__dict__, "data": end, "key": "finished"})]))

    assert leave_to_servers(records, "d", as_json=False, ours=True) == 3
    server.join()

    assert home.exists()
    assert "error: [F051] the drill x is in the way. Wait for it." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code"),
    [(("--keep",), "U060"), (("--queue", "--report", "there"), "U061"), (("--phone", "once"), "U062"), (("--queue", "--keep"), "U060")],
)
def test_what_a_server_cannot_do_is_refused_before_the_drill_exists(drill: Drill, words: tuple[str, ...], code: str) -> None:
    records = planned()

    said = drill("run", SCENARIO, "--id", "new", *words)

    assert (said.code, f"[{code}]" in said.err) == (2, True), said
    assert records.journal.drills() == ["d"]
