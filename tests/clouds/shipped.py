"""Plays shipped scenarios live on an emulated ground, without their people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

PROJECT: Final = Path(__file__).resolve().parents[2]


def without_people(name: str, zone: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """A shipped scenario on another ground: its phases, steps, guards and limits are as they are shipped, but nobody is asked.

    `texts` are replaced in the file, in order: addresses and host names.
    """
    text = (PROJECT / "scenarios" / f"{name}.yaml").read_text(encoding="utf-8")
    for shipped, here in {**texts, "example.com": "drill.test", "ttl: 60s": "ttl: 1s"}.items():
        text = text.replace(shipped, here)
    data: dict[str, Any] = yaml.safe_load(text)
    del data["include"], data["defaults"], data["phases"]["go"]
    for phase in (*data["phases"].values(), *data["failback"]["phases"].values()):
        phase["acknowledge"] = "none"
        phase["after"] = [other for other in phase.get("after", []) if other != "go"]
    data["zones"] = {"drill.test": {**data["zones"]["drill.test"], **zone}}
    return data


def drill(
    home: Path, data: Mapping[str, Any], environment: Mapping[str, str], *, held: Callable[[], Any], strict: bool = True
) -> dict[str, Any]:
    """Look at it in a dry run, which changes nothing of what is `held`, then play it to its end; returns its report."""
    scenario = home / f"{data['scenario']}.yaml"
    scenario.write_text(yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ALIBABA_", "DRILL_"))}
    own = {"DRILL_HOME": str(home / "state"), "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "drill.cli.main", "run", str(scenario), *words]
        return subprocess.run(
            argv, cwd=PROJECT, env={**kept, **own, **environment}, capture_output=True, text=True, timeout=300, check=False
        )

    before = held()
    looked = ask("--dry-run", *(["--strict"] if strict else []))
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert held() == before
    done = ask("--live", "--confirm", str(data["scenario"]), "--id", "shipped", "--report", str(home / "report"))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    report: dict[str, Any] = json.loads((home / "report" / "report.json").read_text(encoding="utf-8"))
    return report | {"steps": {row["id"]: row for row in report["steps"]}, "said": done.stdout}
