"""Programs of this machine: what they get, what comes back, and that nothing of one stays when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from drill.adapters import ansible_leftovers
from drill.adapters.commands_local import LocalCommands
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal, PreflightFailed
from drill.model.ports import Command, Ended
from tests.fakes import FakeSecrets

_MARK = "test-commands"
_SECRET = "correct horse battery"


def commands(environ: dict[str, str] | None = None) -> LocalCommands:
    return LocalCommands(SecretValues(FakeSecrets({"TOKEN": _SECRET})), _MARK, environ=environ, grace_s=0.5)


def run(*argv: str, timeout_s: float = 30.0, stopping: Callable[[], bool] = lambda: False, **more: object) -> Ended:
    return commands().run(Command(argv, **more), timeout_s=timeout_s, stopping=stopping)  # type: ignore[arg-type]


def shell(text: str, *, timeout_s: float = 30.0) -> Ended:
    return commands().run(Command((text,), True), timeout_s=timeout_s, stopping=lambda: False)


def python(code: str, *, stopping: Callable[[], bool] = lambda: False) -> Ended:
    return run(sys.executable, "-c", code, stopping=stopping)


def gone(pid: int) -> bool:
    until_s = time.monotonic() + 10
    while time.monotonic() < until_s:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_it_tells_exit_code_and_both_streams() -> None:
    ended = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")

    assert (ended.state, ended.exit_code, ended.stdout, ended.stderr) == ("ended", 3, "out\n", "err\n")


def test_arguments_are_never_read_by_a_shell() -> None:
    assert run("echo", "$HOME; echo two").stdout == "$HOME; echo two\n"


def test_a_text_is_read_by_a_shell_where_that_is_asked_for() -> None:
    assert shell("echo one; echo two | tr t T").stdout == "one\nTwo\n"


def test_it_gets_only_the_variables_it_is_given() -> None:
    environ = {**os.environ, "AWS_SECRET_ACCESS_KEY": "x", "REGION": "b", "LANG": "C"}
    command = Command(("env",), env={"MODE": "drill"}, inherit=("REGION",))

    ended = commands(environ).run(command, timeout_s=30, stopping=lambda: False)

    names = {line.partition("=")[0] for line in ended.stdout.splitlines()}
    assert {"MODE", "REGION", "LANG", "PATH"} <= names
    assert names <= {"MODE", "REGION", "LANG", "PATH", "HOME", "TZ", "DRILL_MARK", "DRILL_RUN", "DRILL_OWNER"}


def test_secrets_reach_it_and_do_not_come_back() -> None:
    ended = run("sh", "-c", 'cat; echo "$AUTH" >&2', env={"AUTH": "Bearer {secret:TOKEN}"}, stdin="secret:TOKEN")

    assert (ended.stdout, ended.stderr) == ("***", "Bearer ***\n")


def test_a_secret_that_is_not_set_is_told_by_name() -> None:
    command = Command(("echo",), env={"A": "secret:ABSENT"})

    assert commands().trouble(command) == ["the secret ABSENT is not set"]
    with pytest.raises(PreflightFailed, match="ABSENT"):
        commands().run(command, timeout_s=5, stopping=lambda: False)


def test_what_is_missing_here_is_told_without_starting_anything(tmp_path: Path) -> None:
    command = Command(("no-such-program",), cwd=str(tmp_path / "gone"), inherit=("NO_SUCH_VARIABLE",))

    assert len(commands().trouble(command)) == 3
    assert commands().trouble(Command(("echo",))) == []


def test_a_program_of_its_directory_is_found_there(tmp_path: Path) -> None:
    script = tmp_path / "hello.sh"
    script.write_text("#!/bin/sh\npwd\n")
    script.chmod(0o700)
    command = Command(("./hello.sh",), cwd=str(tmp_path))

    assert commands().trouble(command) == []
    assert commands().run(command, timeout_s=30, stopping=lambda: False).stdout == f"{tmp_path.resolve()}\n"


def test_a_program_that_cannot_start_has_changed_nothing() -> None:
    with pytest.raises(Fatal, match="cannot be started: No such file") as failed:
        run("no-such-program")

    assert (failed.value.code, failed.value.untouched) == ("A280", True)


def test_its_whole_family_ends_with_it_when_its_time_is_over(tmp_path: Path) -> None:
    code = f"(setsid sleep 60 & echo $! > {tmp_path}/away; sleep 60 & echo $! > {tmp_path}/near; wait)"

    ended = shell(code, timeout_s=1.0)

    assert (ended.state, ended.exit_code) == ("timeout", None)
    assert gone(int((tmp_path / "near").read_text()))
    assert gone(int((tmp_path / "away").read_text()))


def test_a_stop_ends_it_also_when_it_ignores_the_first_sign() -> None:
    asked = iter([False, False])
    begun_s = time.monotonic()

    ended = python("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)", stopping=lambda: next(asked, True))

    assert ended.state == "stopped"
    assert time.monotonic() - begun_s < 30


def test_a_server_that_it_started_lives_on_after_a_good_end(tmp_path: Path) -> None:
    ended = shell(f"sleep 60 & echo $! > {tmp_path}/server")

    server = psutil.Process(int((tmp_path / "server").read_text()))
    try:
        assert (ended.state, server.status()) != ("ended", psutil.STATUS_ZOMBIE)
    finally:
        server.kill()


def test_what_a_dead_engine_left_running_is_found_and_ended(tmp_path: Path) -> None:
    code = f"""
from drill.adapters.commands_local import LocalCommands
from drill.adapters.secret_values import SecretValues
from drill.model.ports import Command
from tests.fakes import FakeSecrets
command = Command(("sh", "-c", "echo $$ > {tmp_path}/pid; exec sleep 60"))
LocalCommands(SecretValues(FakeSecrets({{}})), "{_MARK}-dead").run(command, timeout_s=60, stopping=lambda: False)
"""
    engine = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    until_s = time.monotonic() + 20
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < until_s
        time.sleep(0.02)
    pid = int((tmp_path / "pid").read_text())
    engine.send_signal(signal.SIGKILL)
    engine.wait()

    assert psutil.pid_exists(pid)
    assert ansible_leftovers.end_leftovers(f"{_MARK}-dead", scratch=tmp_path) == 1
    assert gone(pid)


def test_long_output_is_cut_and_says_so() -> None:
    ended = python("print('x' * 3_000_000)")

    assert len(ended.stdout) < 1_100_000
    assert ended.stdout.endswith("… cut")
