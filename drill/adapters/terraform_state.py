"""Reads a local Terraform state, and notices when it is not the one that was left: from an empty one, Terraform builds it all again."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from drill.model.errors import Fatal

_STATE: Final = "terraform.tfstate"
_FORMAT: Final = 4
"""Terraform's state format since 0.12, and OpenTofu's."""
_LAST: Final = "last.json"
_COPY: Final = "last.tfstate"
_RESTORE: Final = f"Restore an earlier version where it is kept; or remove {_LAST} there to accept it as it is."


@dataclass(frozen=True)
class State:
    """A state. `managed` holds the addresses of its resources, `tainted` those that were half made."""

    lineage: str
    serial: int
    sha256: str
    managed: tuple[str, ...]
    tainted: tuple[str, ...]


def read_state(directory: Path) -> State | None:
    """The state as it is now; nothing when there was never one.

    Raises: Fatal: it cannot be read, or it is older than, or another than, what the last apply left (A242).
    """
    return checked_state(directory, parse_state(directory / _STATE), fix="")


def checked_state(directory: Path, state: State | None, *, fix: str = _RESTORE) -> State | None:
    """The state, held against what the last apply left. Raises: Fatal: it is older or another (A242)."""
    if unsaved(directory):
        raise _lost(
            directory,
            "was not saved; errored.tfstate beside it holds what was",
            fix="There, run `terraform state push errored.tfstate`, and remove it.",
        )
    last = _last(directory)
    if last is None:
        return state
    if state is None:
        if last["resources"]:
            raise _lost(directory, f"is gone, but it held {last['resources']} resource(s)", fix=fix)
        return None
    if state.lineage != last["lineage"] or state.serial < last["serial"]:
        what = f"is serial {state.serial} of {state.lineage}, the last apply left {last['serial']} of {last['lineage']}"
        raise _lost(directory, what, fix=fix)
    if state.serial == last["serial"] and state.sha256 != last["sha256"]:
        raise _lost(directory, f"was changed by hand since the last apply, at the same serial {state.serial}", fix=fix)
    return state


def unsaved(directory: Path) -> bool:
    """Whether Terraform could not save a state where it is kept, and left it here."""
    return (directory / "errored.tfstate").exists()


def remember_state(directory: Path) -> None:
    """Note the state after a change and keep a copy, so that a later loss of it is noticed and can be mended."""
    state = parse_state(directory / _STATE)
    if state is None:
        return
    shutil.copyfile(directory / _STATE, directory / _COPY)
    (directory / _COPY).chmod(0o600)
    note_state(directory, state)


def note_state(directory: Path, state: State | None) -> None:
    """Note which state a change left, wherever it is kept, so that a later loss of it is noticed."""
    if state is None:
        return
    row = {"lineage": state.lineage, "serial": state.serial, "sha256": state.sha256, "resources": len(state.managed)}
    aside = directory / f".{_LAST}"
    aside.write_text(json.dumps(row), encoding="utf-8")
    aside.replace(directory / _LAST)


def _last(directory: Path) -> Mapping[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((directory / _LAST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _lost(directory, f"cannot be compared with {_LAST}, which is broken ({error})", fix=f"Remove {_LAST} there.") from error
    return found


def parse_state(path: Path) -> State | None:
    """The state in a file; nothing when there is none or it is empty. Raises: Fatal: it cannot be read (A242)."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if not content.strip():
        return None
    try:
        found = json.loads(content)
        if found["version"] != _FORMAT:
            raise _lost(path.parent, f"has format {found['version']}, not {_FORMAT}", fix="Use the Terraform that wrote it.")
        rows = [(address, instance) for row in found["resources"] if row["mode"] == "managed" for address, instance in _instances(row)]
        tainted = tuple(sorted(address for address, instance in rows if instance.get("status") == "tainted" and "deposed" not in instance))
        managed = tuple(sorted({address for address, _ in rows}))
        return State(found["lineage"], found["serial"], hashlib.sha256(content).hexdigest(), managed, tainted)
    except (ValueError, KeyError, TypeError) as error:
        raise _lost(path.parent, f"cannot be read ({error})") from error


def _instances(row: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    name = ".".join(filter(None, (row.get("module", ""), row["type"], row["name"])))
    return [(name + _index(instance), instance) for instance in row["instances"]]


def _index(instance: Mapping[str, Any]) -> str:
    return f"[{json.dumps(instance['index_key'], ensure_ascii=False)}]" if "index_key" in instance else ""


def _lost(directory: Path, what: str, *, fix: str = "") -> Fatal:
    mend = f"There, copy {_COPY} over {_STATE}; or remove {_LAST} to accept the state as it is."
    return Fatal(f"the Terraform state in {directory} {what}.", code="A242", fix=fix or mend)
