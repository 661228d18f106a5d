"""Stands in for Ansible in a dry run: looks whether the playbook is there, and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drill.adapters.ansible import find_playbook
from drill.model.errors import Fatal
from drill.model.ports import PlayResult, TaskEvent


class RehearsedAnsible:
    """Fulfils the port Ansible where there is no ground to ask: a check has no outputs, so a preview takes everything as still to do."""

    def __init__(self, playbooks: Path) -> None:
        self._playbooks = playbooks

    def play(
        self,
        playbook: str,
        *,
        inventory: Mapping[str, Any],
        variables: Mapping[str, Any],
        check: bool,
        timeout_s: float,
        stopping: Callable[[], bool],
        on_task: Callable[[TaskEvent], None],
    ) -> PlayResult:
        """Raises: Fatal: there is no such playbook (A230), or it is asked to really run one (A235)."""
        path = find_playbook(self._playbooks, playbook)
        if not check:
            raise Fatal(f"a dry run does not run {path.name}.", code="A235", fix="Run the drill without --dry-run.")
        return PlayResult("successful", {}, 0, ())
