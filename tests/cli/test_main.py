"""The command line itself: exit codes, errors for people and for machines, help that costs nothing, completion that completes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest

from drill import __version__
from drill.cli import look
from drill.cli.main import cli, exit_code_of
from drill.model.errors import (
    DrillError,
    Fatal,
    Finding,
    InDoubt,
    JournalBroken,
    PreflightFailed,
    Retryable,
    ScenarioInvalid,
    UnsafePlan,
    UsageError,
)
from tests.cli.conftest import Drill, tell

_PROJECT = Path(__file__).parents[2]
_HEAVY = (
    "dbos",
    "sqlalchemy",
    "pydantic",
    "jinja2",
    "rich",
    "yaml",
    "boto3",
    "ansible_runner",
    "psycopg",
    "dns",
    "psutil",
    "asyncio",
    "ssl",
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ScenarioInvalid([Finding("a.yaml", 1, 1, "S010", "unknown key")]), 2),
        (UsageError("no such drill"), 2),
        (UnsafePlan("no fence"), 3),
        (PreflightFailed("no key"), 3),
        (Retryable("busy"), 4),
        (Fatal("wrong"), 4),
        (InDoubt("no answer"), 4),
        (JournalBroken("edited"), 6),
        (DrillError("anything else"), 2),
    ],
)
def test_every_class_of_error_has_its_documented_exit_code(error: DrillError, code: int) -> None:
    assert exit_code_of(error) == code


def test_an_error_is_one_line_with_its_code_and_what_to_do(drill: Drill) -> None:
    said = drill("status", "friday")

    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("error: [U012] there is no drill in ")
    assert said.err.count("\n") == 1
    assert "Start one with `drill run SCENARIO`." in said.err


def test_an_error_for_machines_is_one_json_object_on_standard_output(drill: Drill) -> None:
    said = drill("status", "friday", "--json")

    assert said.code == 2
    assert said.json()["error"]["code"] == "U012"
    assert set(said.json()["error"]) == {"code", "what", "fix", "findings"}
    assert said.err == ""


def test_every_finding_of_a_scenario_is_printed_with_its_place(drill: Drill, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("scenario: bad\nphasess: {}\n", encoding="utf-8")

    people, machines = drill("run", bad), drill("run", bad, "--json")

    assert people.code == machines.code == 2
    rows = machines.json()["error"]["findings"]
    assert len(rows) > 1
    assert {"path", "line", "column", "code", "what", "fix"} == set(rows[0])
    assert people.err.splitlines() == [
        f"{row['path']}:{row['line']}:{row['column']}: [{row['code']}] {row['what']} {row['fix']}".strip() for row in rows
    ]


def test_an_unknown_command_is_answered_with_the_nearest_one(drill: Drill) -> None:
    said = drill("stauts")

    assert said.code == 2
    assert "no command 'stauts'. Did you mean 'status'?" in said.err


def test_a_command_like_no_other_gets_no_guess(drill: Drill) -> None:
    said = drill("xyzzy")

    assert said.code == 2
    assert "Did you mean" not in said.err


@pytest.mark.parametrize("args", [("status", "--frobnicate"), ("run",), ("report", "--format", "pdf"), ("verify", "/no/such/file")])
def test_a_command_typed_wrongly_is_exit_2_with_its_usage(drill: Drill, args: tuple[str, ...]) -> None:
    said = drill(*args)

    assert said.code == 2
    assert "Usage: drill" in said.err


def test_a_bug_of_ours_is_exit_6_with_a_report_and_no_traceback(drill: Drill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def broken() -> None:
        raise RuntimeError("the impossible")

    monkeypatch.setattr(look, "open_to_look", broken)

    said = drill("list")

    (report,) = tmp_path.glob("drill-bug-*.txt")
    assert said.code == 6
    assert "[D900] a bug of ours: RuntimeError: the impossible" in said.err
    assert "Traceback" not in said.err
    assert str(report) in said.err
    assert "Traceback" in report.read_text(encoding="utf-8")


def test_a_bug_of_ours_is_one_line_also_where_its_details_cannot_be_kept(
    drill: Drill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("one\ntwo")

    monkeypatch.setattr(look, "open_to_look", broken)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))

    said = drill("list")

    assert said.code == 6
    assert len(said.err.splitlines()) == 1
    assert "could not be kept" in said.err


def test_a_question_stopped_with_ctrl_c_is_exit_130(drill: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> None:
        raise click.exceptions.Abort

    monkeypatch.setattr(look, "open_to_look", stopped)

    assert drill("list").code == 130


@pytest.mark.usefixtures("home")
def test_a_reader_that_leaves_early_is_no_error() -> None:
    told = tell()
    command = f"{sys.executable} -m drill.cli.main logs {told} --measurements | head -n 1"

    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=_PROJECT, capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('{"drill"')


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error_and_no_file_of_ours_takes_its_place(closed: str, tmp_path: Path) -> None:
    tell()
    seen = tmp_path / "seen"
    look_at_it = (
        f"import os, sys; from drill.cli.main import main; sys.argv = ['drill', 'list']\n"
        f"try: main()\nfinally: os.symlink(os.readlink('/proc/self/fd/1'), {str(seen)!r})"
    )

    done = subprocess.run(["bash", "-c", f'{sys.executable} -c "$0" {closed}', look_at_it], cwd=_PROJECT, timeout=30, check=False)

    assert done.returncode == 0
    assert seen.readlink() == Path(os.devnull)


# ---------------------------------------------------------------- help


@pytest.mark.parametrize(
    "name",
    [name for name in cli.list_commands(click.Context(cli)) if not getattr(cli.get_command(click.Context(cli), name), "hidden", False)],
)
def test_every_command_explains_itself_with_an_example_that_keeps_its_lines(drill: Drill, name: str) -> None:
    said = drill(name, "--help")

    assert said.code == 0
    assert f"Usage: drill {name}" in said.out
    assert "\\b" not in said.out
    assert name in {"observe", "dead-man"} or "Example" in said.out


def test_the_list_of_commands_matches_what_each_command_says_of_itself() -> None:
    context = click.Context(cli)
    names = cli.list_commands(context)

    assert all(isinstance(cli.get_command(context, name), click.Command) for name in names)
    assert {"check", "plan", "run", "resume", "abort", "status", "show", "list", "ack", "decline", "report", "verify"} <= set(names)


def test_help_takes_at_most_150_ms_of_processor_time() -> None:
    spent: list[float] = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "drill.cli.main", "--help"], cwd=_PROJECT, check=True, capture_output=True, timeout=30)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    assert min(spent) <= 0.150, spent


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["version"], ["completion", "bash"], ["status", "--help"]])
def test_what_needs_nothing_heavy_imports_nothing_heavy(args: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['drill', *sys.argv[1:]]\n"
        "from drill.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('\\n' + ' '.join(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code, *args], cwd=_PROJECT, check=True, capture_output=True, text=True, timeout=30)

    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "click" in loaded
    assert not loaded & set(_HEAVY)


# ---------------------------------------------------------------- version and completion


def test_the_version_is_told_to_people_and_machines(drill: Drill) -> None:
    assert drill("version").out == f"drill {__version__}\n"
    assert drill("version", "--json").json() == {"version": __version__}
    assert __version__ in drill("--version").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_this_command(drill: Drill, shell: str) -> None:
    said = drill("completion", shell)

    assert said.code == 0
    assert f"_DRILL_COMPLETE={shell}_complete" in said.out


def test_a_completion_script_is_sound_bash(drill: Drill) -> None:
    script = drill("completion", "bash").out

    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False, capture_output=True, timeout=10).returncode == 0


@pytest.mark.parametrize(("words", "found"), [("drill sta", "status"), ("drill sandbox ph", "phone"), ("drill report --for", "--format")])
def test_what_was_begun_is_completed(words: str, found: str) -> None:
    environment = {**os.environ, "_DRILL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code = "import sys; sys.argv = ['drill']; from drill.cli.main import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=_PROJECT, env=environment, check=False, capture_output=True, text=True, timeout=30
    )

    assert f"plain,{found}" in done.stdout.split()
