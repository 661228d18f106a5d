"""Knows what Terraform was making when it was killed: it may exist, and the state does not name it."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

_LOG: Final = "apply.jsonl"
_ENDED: Final = "applied.jsonl"
_NOTED: Final = "lost.json"


def close_log(directory: Path) -> None:
    """Terraform ended by itself: what it made is in its state, and its log is only to be read."""
    (directory / _LOG).replace(directory / _ENDED)


def made_without_trace(directory: Path, managed: Collection[str]) -> dict[str, str]:
    """Addresses, each with its type, of what the last apply had begun to create when it was cut off and the state does not hold."""
    begun: dict[str, str] = {}
    for line in _lines(directory / _LOG):
        about = line.get("hook", {})
        resource = about.get("resource", {})
        if about.get("action") == "create" and line.get("type") == "apply_start":
            begun[resource["addr"]] = resource["resource_type"]
        elif line.get("type") == "apply_errored":
            begun.pop(resource["addr"], None)  # Terraform knew how it ended
    return {address: kind for address, kind in begun.items() if address not in managed}


def noted(directory: Path) -> list[str]:
    """Addresses that an earlier cut left to a person, who removes lost.json when the thing itself is gone."""
    try:
        found: list[str] = json.loads((directory / _NOTED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return found


def note_for_a_person(directory: Path, addresses: Collection[str]) -> None:
    """Remember what a new apply would make a second time, and no destroy would find."""
    if addresses:
        aside = directory / f".{_NOTED}"
        aside.write_text(json.dumps(sorted({*noted(directory), *addresses})), encoding="utf-8")
        aside.replace(directory / _NOTED)


def _lines(log: Path) -> list[dict[str, Any]]:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # a provisioner's own words, or the line that the kill cut
    return [row for row in found if isinstance(row, dict)]
