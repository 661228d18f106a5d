"""What the commands that open scenarios share: their options, and which files a folder stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from drill.model.errors import UsageError

SETS = click.option(
    "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Override a value of the scenario, such as objectives.rto=5m. Repeatable."
)
"""The option of every command that opens a scenario."""


def scenario_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files named, and those below the folders named that have a `scenario` key; other YAML there is a shared file.

    Raises: UsageError: a folder holds no scenario.
    """
    for path in paths:
        if not _is_folder(path):
            yield path
            continue
        found = [file for file in sorted(path.rglob("*.y*ml")) if file.suffix in (".yaml", ".yml") and _is_scenario(file)]
        if not found:
            raise UsageError(f"there is no scenario in {path}.", fix="A scenario is a .yaml file with the key 'scenario'.")
        yield from found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # a name too long, for one: reading it says so, as a finding


def _is_scenario(file: Path) -> bool:
    if any(part.startswith(".") for part in file.parts if part not in (".", "..")):
        return False
    try:
        with file.open("rb") as stream:
            return any(line.startswith(b"scenario:") for line in stream.read(1_000_000).splitlines())
    except OSError:
        return True  # reading it again says why, as a finding
