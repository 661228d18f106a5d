"""The tools of the floor as a person would have them ready in a terminal: Terraform, a playbook, the name to move."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drill.adapters.terraform_binary import terraform_argv
from drill.engine.expressions import render
from drill.model.plan import Plan
from drill.model.ports import RecordSet
from drill.settings import Settings
from drill.wiring.worlds import Grounds

DRILL = "floor"
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "ANSIBLE_INVENTORY_ENABLED": "yaml",
    "ANSIBLE_PIPELINING": "True",
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_LOCALHOST_WARNING": "False",
    "ANSIBLE_DEPRECATION_WARNINGS": "False",
    "TF_IN_AUTOMATION": "1",
    "CHECKPOINT_DISABLE": "1",
}
"""What the drill gives the same tools."""


@dataclass(frozen=True)
class Tools:
    """What the recovery needs, by what the scenario says."""

    settings: Settings
    plan: Plan
    grounds: Grounds

    def rehearse(self) -> None:
        """Pay everything that is paid once before the outage: programs, modules and connections; nothing is changed."""
        self.switch()
        scratch, given = self._scratch(), self.parameters("terraform.apply")
        for file in (self.settings.project / given["module"]).glob("*.tf"):
            shutil.copy2(file, scratch / file.name)
        (scratch / "floor.auto.tfvars.json").write_text(json.dumps(given["variables"]), encoding="utf-8")
        self.terraform("plan")
        self.promote("--check").communicate()

    def parameters(self, kind: str) -> Mapping[str, Any]:
        """Those of the first step of a kind that are known before any step has run."""
        ground = self.grounds.world.ground
        sites = {site.id: dict(ground.attributes(site.id)) for site in self.plan.sites}
        step = next(step for step in self.plan.steps() if step.kind == kind)
        known = {key: value for key, value in step.params.items() if "steps." not in str(value)}
        filled: Mapping[str, Any] = render(known, steps={}, sites=sites)
        return filled

    def switch(self) -> tuple[RecordSet, RecordSet]:
        """What the name holds, and what it is to hold."""
        given = self.parameters("dns.switch")
        before = self.grounds.world.dns.read(given["name"])
        addresses = self.grounds.world.ground.attributes(given["to"])["addresses"]
        return before, RecordSet(before.name, before.type, int(str(given["ttl"]).rstrip("s")), tuple(addresses))

    def environment(self) -> dict[str, str]:
        """A small one, marked, so that nothing survives `drill sandbox down`."""
        kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
        search = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        return {**kept, "PATH": search, "DRILL_MARK": self.settings.mark(), **_ENVIRONMENT}

    def terraform(self, command: str, *words: str) -> None:
        """Run one command to its end. Raises: CalledProcessError: it failed."""
        argv = [*terraform_argv(), command, "-input=false", "-no-color", *words]
        subprocess.run(argv, cwd=self._scratch(), env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=True)

    def promote(self, *words: str) -> subprocess.Popen[str]:
        """Run the playbook until its recap says that it worked; it is returned while it still has its exit, of 0.2 s, ahead.

        Raises: RuntimeError: it failed.
        """
        given, ground, environment = self.parameters("database.promote"), self.grounds.world.ground, self.environment()
        variables = {"pg_primary_last_lsn": ground.last_primary_lsn(), "pg_max_lag_bytes": given["max_lag_bytes"]}
        inventory = self._scratch() / "inventory.json"
        inventory.write_text(json.dumps(ground.inventory(given["site"])), encoding="utf-8")
        program = str(shutil.which("ansible-playbook", path=environment["PATH"]))
        playbook = str(self.settings.project / "playbooks" / given["playbook"])
        argv = [program, "-i", str(inventory), playbook, "-e", json.dumps(variables), *words]
        play = subprocess.Popen(
            argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said: list[str] = []
        for line in play.stdout or ():
            said.append(line)
            if "unreachable=0 " in line and "failed=0 " in line:
                return play
        raise RuntimeError(f"{given['playbook']} failed:\n{''.join(said)}")

    def _scratch(self) -> Path:
        path = self.settings.home / "terraform"
        path.mkdir(exist_ok=True)
        return path
