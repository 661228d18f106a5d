"""Runs playbooks for managed databases as a drill would, on inventories that name instances instead of hosts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drill.adapters.ansible import AnsibleRunner
from drill.model.ports import PlayResult
from tests.clouds.modules import PLAYBOOKS

TAGS = {"drill": "allowed"}


def play(place: Path, playbook: str, host: Mapping[str, Any], *, check: bool = False) -> PlayResult:
    """Run one on a host of these variables; looks come every 10 ms."""
    here: dict[str, Any] = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    hosts = {"database": {**here, "db_tags": TAGS, "db_poll_s": 0.01, **host}}
    return AnsibleRunner(PLAYBOOKS, f"test-{place}").play(
        playbook,
        inventory={"all": {"children": {"pg_target": {"hosts": hosts}}}},
        variables={},
        check=check,
        timeout_s=120.0,
        stopping=lambda: False,
        on_task=lambda _: None,
    )
