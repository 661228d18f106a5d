"""Where Ansible itself cannot run, the refusal says what the machine lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from drill.adapters.ansible import AnsibleRunner
from drill.model.errors import Fatal


def test_where_no_lock_can_be_made_that_is_said_and_not_that_the_playbook_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_context: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("multiprocessing.context.BaseContext.Lock", nowhere)
    (tmp_path / "p.yml").write_text("- hosts: all\n  gather_facts: false\n  tasks: []\n")

    with pytest.raises(Fatal, match="no lock can be made in shared memory") as refused:
        AnsibleRunner(tmp_path, "m", scratch=tmp_path).play(
            "p.yml", inventory={}, variables={}, check=False, timeout_s=5, stopping=lambda: False, on_task=lambda _task: None
        )

    assert refused.value.code == "A238"
    assert "/dev/shm" in refused.value.fix
