"""The Ansible adapter on small real playbooks: what it reports, what it hides, and what it leaves running."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from drill.adapters import ansible_leftovers as leftovers
from drill.adapters.ansible import AnsibleRunner
from drill.adapters.ansible_rehearsal import RehearsedAnsible
from drill.model.errors import Fatal
from drill.model.ports import PlayResult, TaskEvent

LOCAL = {"all": {"vars": {"ansible_connection": "local"}, "hosts": {"here": {}}}}
ENGINE = """
import sys
from pathlib import Path
from drill.adapters.ansible import AnsibleRunner
inventory = {"all": {"vars": {"ansible_connection": "local"}, "hosts": {"here": {}}}}
AnsibleRunner(Path(sys.argv[1]), sys.argv[2], scratch=Path(sys.argv[3])).play(
    "p.yml", inventory=inventory, variables={}, check=False, timeout_s=60, stopping=lambda: False, on_task=lambda task: None)
"""


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    name = f"test-{tmp_path}"
    yield name
    for process in marked(name):
        process.kill()


@pytest.fixture
def runner(tmp_path: Path, mark: str) -> AnsibleRunner:
    (tmp_path / "scratch").mkdir()
    return AnsibleRunner(tmp_path, mark, scratch=tmp_path / "scratch")


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(leftovers.MARK) == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def write(tmp_path: Path, tasks: str) -> None:
    indented = "\n".join(f"    {line}" for line in tasks.strip().splitlines())
    (tmp_path / "p.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{indented}\n")


def play(runner: AnsibleRunner, playbook: str = "p.yml", **more: Any) -> PlayResult:
    defaults: dict[str, Any] = {
        "inventory": LOCAL,
        "variables": {},
        "check": False,
        "timeout_s": 60.0,
        "stopping": lambda: False,
        "on_task": lambda _: None,
    }
    return runner.play(playbook, **{**defaults, **more})


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_every_finished_task_is_told_with_its_state_and_set_stats_becomes_the_outputs(tmp_path: Path, runner: AnsibleRunner) -> None:
    tasks = (
        "- {name: reads, raw: 'true', changed_when: false}\n"
        "- {name: changes, raw: 'true'}\n"
        "- {name: skips, raw: 'true', when: false}\n"
        "- {name: forgiven, raw: 'false', ignore_errors: true}\n"
        "- {name: hands on, set_stats: {aggregate: false, data: {lsn: '0/30', given: '{{ given }}'}}}"
    )
    write(tmp_path, tasks)
    told: list[TaskEvent] = []

    result = play(runner, variables={"given": 7}, on_task=told.append)

    assert [(task.task, task.host, task.state) for task in told] == [
        ("reads", "here", "ok"),
        ("changes", "here", "changed"),
        ("skips", "here", "skipped"),
        ("forgiven", "here", "failed"),
        ("hands on", "here", "ok"),
    ]
    assert all(task.took_s >= 0 for task in told)
    assert result == PlayResult("successful", {"lsn": "0/30", "given": 7}, 1, tuple(told))


def test_a_run_sees_no_secret_of_ours_and_leaves_no_file(
    tmp_path: Path, runner: AnsibleRunner, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRILL_SECRET_SMS_KEY", "hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    found = tmp_path / "found"
    write(
        tmp_path, f"- raw: env > {found}; stat -c mode=%a $(dirname $ANSIBLE_HOME) >> {found}; grep -rl hush {tmp_path}/scratch >> {found}"
    )

    play(runner)
    wait_for(lambda: not list((tmp_path / "scratch").iterdir()))

    seen = found.read_text()
    assert f"{leftovers.MARK}={mark}" in seen
    assert "mode=700" in seen
    assert "hush" not in seen
    assert "scratch/" not in seen.split("mode=700")[1], "a file of the run held a secret"


def test_the_output_is_kept_as_an_artifact(tmp_path: Path, mark: str) -> None:
    write(tmp_path, "- {name: says, raw: 'true'}")
    kept: dict[str, bytes] = {}

    play(AnsibleRunner(tmp_path, mark, kept.__setitem__))

    assert list(kept) == ["ansible-p.txt"]
    assert b"TASK [says]" in kept["ansible-p.txt"]


def test_a_refusal_keeps_its_code_in_front(tmp_path: Path, runner: AnsibleRunner) -> None:
    write(tmp_path, "- {name: preflight, assert: {that: false, fail_msg: PG_LAG_TOO_HIGH lag_bytes=9 limit=1, quiet: true}}")

    result = play(runner)

    assert (result.state, result.failure) == ("failed", "PG_LAG_TOO_HIGH lag_bytes=9 limit=1")


def test_a_failed_task_is_named_with_the_last_line_of_its_tool(tmp_path: Path, runner: AnsibleRunner) -> None:
    write(tmp_path, "- {name: promote, raw: 'echo first >&2; echo server is gone >&2; exit 2'}")

    result = play(runner)

    assert (result.state, result.failure) == ("failed", "promote: non-zero return code server is gone")


def test_a_host_that_cannot_be_reached_is_told_from_a_task_that_failed(tmp_path: Path, runner: AnsibleRunner) -> None:
    write(tmp_path, "- {name: asks, raw: 'true'}")
    remote = {"all": {"hosts": {"there": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}}}}

    result = play(runner, inventory=remote)

    assert result.state == "unreachable"
    assert [task.state for task in result.tasks] == ["unreachable"]


def test_a_playbook_that_is_no_playbook_fails_before_its_first_task(tmp_path: Path, runner: AnsibleRunner) -> None:
    (tmp_path / "p.yml").write_text("- hosts: all\n  tusks: []\n")

    result = play(runner)

    assert (result.state, result.tasks) == ("failed", ())
    assert "p.yml ended before its first task" in result.failure


def test_a_playbook_that_finds_no_host_has_not_succeeded(tmp_path: Path, runner: AnsibleRunner) -> None:
    write(tmp_path, "- raw: 'true'")

    result = play(runner, inventory={"all": {"hosts": {}}})

    assert (result.state, result.tasks) == ("failed", ())
    assert "its hosts are wrong" in result.failure


def test_variables_that_cannot_be_handed_over_are_refused_and_leave_no_file(tmp_path: Path, runner: AnsibleRunner) -> None:
    write(tmp_path, "- raw: 'true'")

    with pytest.raises(Fatal) as caught:
        play(runner, variables={"when": object()})

    assert caught.value.code == "A236"
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_check_changes_nothing(tmp_path: Path, runner: AnsibleRunner) -> None:
    write(tmp_path, f"- raw: touch {tmp_path}/changed")

    result = play(runner, check=True)

    assert (result.state, result.changed, (tmp_path / "changed").exists()) == ("successful", 0, False)


@pytest.mark.parametrize(("how", "state"), [("stop", "stopped"), ("time", "timeout")])
def test_a_run_that_must_end_leaves_no_process_and_does_not_finish_its_task(
    tmp_path: Path, runner: AnsibleRunner, mark: str, how: str, state: str
) -> None:
    write(tmp_path, f"- raw: touch {tmp_path}/began; sleep 5; touch {tmp_path}/finished")
    began = tmp_path / "began"

    result = play(runner, timeout_s=60 if how == "stop" else 1.2, stopping=lambda: how == "stop" and began.exists())

    assert result.state == state
    assert marked(mark) == [], "the worker would go on after the end of the run"
    assert not (tmp_path / "finished").exists()


@pytest.mark.parametrize("where", ["stopping", "on_task"])
def test_an_error_of_the_caller_ends_the_run_and_comes_out(tmp_path: Path, runner: AnsibleRunner, mark: str, where: str) -> None:
    write(tmp_path, "- raw: 'true'")

    def broken(*_: object) -> bool:
        raise RuntimeError("the journal is gone")

    listeners: dict[str, Any] = {where: broken}
    with pytest.raises(RuntimeError, match="the journal is gone"):
        play(runner, **listeners)

    assert marked(mark) == []


@pytest.mark.parametrize(("last", "lives"), [("'true'", True), ("'false'", False)])
def test_what_a_play_started_outlives_it_only_when_the_play_succeeded(
    tmp_path: Path, runner: AnsibleRunner, mark: str, last: str, *, lives: bool
) -> None:
    write(tmp_path, f"- raw: (setsid sleep 60 > /dev/null 2>&1 &)\n- raw: {last}")

    play(runner)
    wait_for(lambda: not list((tmp_path / "scratch").iterdir()))

    assert [process.name() for process in marked(mark)] == (["sleep"] if lives else [])


def test_a_playbook_that_is_not_there_is_refused_with_the_nearest_name(tmp_path: Path, runner: AnsibleRunner) -> None:
    (tmp_path / "promote_postgres.yml").write_text("[]")

    with pytest.raises(Fatal, match=r"Did you mean 'promote_postgres\.yml'") as caught:
        play(runner, "promote_postgre.yml")

    assert caught.value.code == "A230"


def test_a_machine_without_ansible_is_refused(tmp_path: Path, runner: AnsibleRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "- raw: 'true'")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Fatal, match="ansible-playbook") as caught:
        play(runner)

    assert caught.value.code == "A230"


def test_what_a_killed_engine_left_running_is_ended_by_the_next_one(tmp_path: Path, runner: AnsibleRunner, mark: str) -> None:
    write(tmp_path, f"- raw: touch {tmp_path}/began; sleep 60")
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(tmp_path), mark, str(tmp_path / "scratch")])
    wait_for((tmp_path / "began").exists)
    engine.kill()
    engine.wait()
    assert marked(mark)

    runner.warm()

    assert marked(mark) == []
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_living_engine_is_left_alone(tmp_path: Path, runner: AnsibleRunner, mark: str) -> None:
    environment = {**os.environ, leftovers.MARK: mark, leftovers.OWNER: leftovers.owner()}
    directory = leftovers.private_directory(mark, scratch=tmp_path / "scratch")
    child = subprocess.Popen(["sleep", "60"], env=environment)

    try:
        runner.warm()

        assert child.poll() is None
        assert directory.exists()
    finally:
        child.kill()
        child.wait()


def test_a_dry_run_wants_the_playbook_and_runs_nothing(tmp_path: Path) -> None:
    write(tmp_path, f"- raw: touch {tmp_path}/changed")
    rehearsed = RehearsedAnsible(tmp_path)
    more: dict[str, Any] = {"inventory": {}, "variables": {}, "timeout_s": 1.0, "stopping": lambda: False, "on_task": lambda _: None}

    assert rehearsed.play("p.yml", check=True, **more).state == "successful"
    with pytest.raises(Fatal, match="a dry run does not run"):
        rehearsed.play("p.yml", check=False, **more)
    assert not (tmp_path / "changed").exists()
