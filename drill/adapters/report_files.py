"""Writes result files so that a reader sees each of them whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from drill.model.errors import DrillError
from drill.model.events import Fact


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file next to its place, then move it there.

    Raises: DrillError: the directory cannot be written or is full (D030).
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):  # what kept us from writing may keep us from removing; the first cause is the one to tell
            beside.unlink(missing_ok=True)
        raise DrillError(
            f"{path} cannot be written: {error.strerror}.",
            code="D030",
            fix="Free space or choose another place with --report; the journal is safe.",
        ) from error


def write_facts(path: Path, facts: Iterable[Fact]) -> None:
    """One fact per line, as `drill verify` reads them."""
    write_whole(path, "".join(json.dumps(fact.row(), ensure_ascii=False) + "\n" for fact in facts))
