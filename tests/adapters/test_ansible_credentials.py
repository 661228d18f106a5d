"""How cloud credentials reach the modules of a play, and nothing else."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.ansible import AnsibleRunner
from drill.adapters.ansible_credentials import PIPE, CredentialPipe
from tests.clouds.modules import module_util

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret-value"}
LOCAL = {"all": {"vars": {"ansible_connection": "local"}, "hosts": {"here": {}}}}


def test_every_reader_is_served_also_several_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = CredentialPipe(tmp_path, KEYS)
    monkeypatch.setenv(PIPE, pipe.environment[PIPE])
    take = module_util("drill_credentials").take
    for name in KEYS:
        monkeypatch.setenv(name, "")

    readers = [threading.Thread(target=take) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(20)
    pipe.close()

    assert not any(reader.is_alive() for reader in readers)
    assert {name: os.environ[name] for name in KEYS} == KEYS


@pytest.mark.parametrize("address", ["http://rds.example.com", "ftp://127.0.0.1", "rds"])
def test_a_signed_call_is_not_sent_in_the_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", address)

    with pytest.raises(ValueError, match="AWS_ENDPOINT_URL_RDS"):
        module_util("drill_credentials").endpoint("AWS_ENDPOINT_URL_RDS")


@pytest.mark.parametrize("gone", [False, True], ids=["nobody asked", "its directory is gone"])
def test_it_ends_when_it_is_closed(tmp_path: Path, *, gone: bool) -> None:
    pipe = CredentialPipe(tmp_path, KEYS)
    if gone:
        (tmp_path / "credentials").unlink()

    pipe.close()

    assert "credentials" not in {thread.name for thread in threading.enumerate()}


def test_without_credentials_there_is_no_pipe(tmp_path: Path) -> None:
    pipe = CredentialPipe(tmp_path, {})
    pipe.close()

    assert (pipe.environment, list(tmp_path.iterdir())) == ({}, [])


def test_a_play_is_served_the_keys_but_its_environment_and_its_files_do_not_hold_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_PROFILE", "drill")
    (tmp_path / "scratch").mkdir()
    look = f"env; grep -r very-secret {tmp_path}/scratch --exclude=credentials -D skip || echo nowhere"
    tasks = (
        '    - {name: served, raw: "head -1 $DRILL_CREDENTIALS | tr A-Z a-z | md5sum; echo profile $AWS_PROFILE", register: served}\n'
        f'    - {{name: seen, raw: "{look}", register: seen}}\n'
        "    - {name: tell, set_stats: {aggregate: false, data: {served: '{{ served.stdout }}', seen: '{{ seen.stdout }}'}}}\n"
    )
    (tmp_path / "p.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
    rest: dict[str, Any] = {"check": False, "timeout_s": 60.0, "stopping": lambda: False, "on_task": lambda _: None}

    result = AnsibleRunner(tmp_path, f"test-{tmp_path}", scratch=tmp_path / "scratch").play("p.yml", inventory=LOCAL, variables={}, **rest)

    assert result.failure == ""
    assert "profile drill" in result.outputs["served"]
    assert result.outputs["served"].split()[0] != "d41d8cd98f00b204e9800998ecf8427e", "the pipe was empty"
    assert "nowhere" in result.outputs["seen"]
    assert "very-secret-value" not in result.outputs["seen"]
