"""The remote control that playbooks and Terraform use: quick, idempotent, and clear about refusals."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

import pytest

from drill.sandbox.layout import Layout
from drill.sandbox.world import Sandbox


def control(sandbox: Sandbox, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run one verb as a playbook would: from anywhere, with next to no environment."""
    return subprocess.run([*sandbox.control, *argv], cwd="/", env={"DRILL_MARK": "mark"}, capture_output=True, text=True, check=False)


@pytest.mark.real
def test_a_verb_says_in_a_word_what_it_did(calm: Sandbox) -> None:
    first = control(calm, "instance", "create", "b1", "--region", "b", "--address", "127.0.2.1")
    again = control(calm, "instance", "create", "b1", "--region", "b", "--address", "127.0.2.1")
    gone = control(calm, "instance", "destroy", "b1")

    assert [one.stdout for one in (first, again, gone)] == ["created\n", "already there\n", "destroyed\n"]
    assert {one.returncode for one in (first, again, gone)} == {0}


@pytest.mark.real
def test_a_refusal_is_exit_1_with_code_and_remedy(calm: Sandbox) -> None:
    refused = control(calm, "fence", "--region", "nowhere")

    assert refused.returncode == 1
    assert refused.stderr.startswith("drill: [A260] there is no region 'nowhere'.")


@pytest.mark.real
def test_a_verb_costs_less_than_100_ms_of_cpu(calm: Sandbox) -> None:
    def cost_s() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert control(calm, "start-postgres", "--region", "a").stdout == "already running\n"
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cost_s() for _ in range(5)) < 0.1  # the least: neighbours on a busy processor make each of them dearer


@pytest.mark.real
def test_run_as_is_the_databases_user_with_an_empty_environment_but_the_marks(calm: Sandbox) -> None:
    user = calm.details["postgres"]["user"]

    found = control(calm, "run-as", "--", "sh", "-c", "id -u; pwd; echo $DRILL_MARK; touch region-a/written && rm region-a/written")

    assert found.stdout.splitlines() == [str(user["uid"] if user else os.geteuid()), str(calm.layout.state), "mark"]
    assert found.stderr == ""


@pytest.mark.real
def test_run_as_hands_on_the_exit_code_and_reports_what_cannot_run(calm: Sandbox) -> None:
    assert control(calm, "run-as", "--", "sh", "-c", "exit 7").returncode == 7
    assert control(calm, "run-as", "--", "no-such-program").returncode == 127
    assert control(calm, "run-as").returncode == 2


def test_without_a_sandbox_every_verb_is_exit_3(tmp_path: Path) -> None:
    lonely = Sandbox(tmp_path, Layout(tmp_path))

    for argv in (["status"], ["run-as", "--", "true"]):
        outcome = control(lonely, *argv)
        assert (outcome.returncode, "sandbox" in outcome.stderr) == (3, True)
