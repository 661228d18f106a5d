"""Copies a Terraform module and the local modules it uses into a workspace, so that a destroy needs nothing from outside."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from drill.model.errors import Fatal
from drill.model.ports import Workspace

_LAYOUT: Final = "workspace.json"
_VARIABLES: Final = "drill.auto.tfvars.json"
_OVERRIDE: Final = "drill_override.tf"
_LEFT_OUT: Final = shutil.ignore_patterns(".terraform", ".git", "*.tfstate", "*.tfstate.*", "*.tfplan", _VARIABLES, _OVERRIDE)
_LOCAL_SOURCE: Final = re.compile(r'"?\bsource"?\s*[=:]\s*"(\.\.?/[^"]*)"')
_STATE_ELSEWHERE: Final = re.compile(r'\b(backend\s+"|cloud\s*\{)')
_NEEDS_INIT: Final = re.compile(
    r'\b(required_providers|provider\s+"|module\s+"|backend\s+"|cloud\s*\{|(resource|data|ephemeral)\s+"(?!terraform_))'
)

_VARIABLE: Final = re.compile(r'\bvariable"?\s*:?\s*\{?\s*"(drill|step)"')
_NO_NETWORK: Final = 'provider_installation {\n  filesystem_mirror {\n    path = "/nonexistent"\n  }\n}\n'


@dataclass(frozen=True)
class Laid:
    """A module in its workspace. `directory` is where Terraform runs, and keeps its state unless that is `remote`."""

    directory: Path
    needs_init: bool
    remote: bool = False
    lock_timeout_s: float = 30.0


def lay(source: Path, place: Path, workspace: Workspace, *, settings: str, backend: str = "") -> Laid:
    """Copy the module to a place and write its variables, which must hold no secret; those called `drill` and `step` are known already.

    `settings` is Terraform's own configuration for modules that use providers. The state goes beside the module, or where `backend` says.
    What an earlier copy left is removed, the state never. Raises: Fatal: there is no such module, or it cannot be copied (A241).
    """
    if not _files(source):
        raise Fatal(f"{source} holds no Terraform module.", code="A241", fix="Name a directory with .tf files, as seen from the project.")
    modules = [source.resolve(), *_used(source.resolve(), {source.resolve()})]
    root = Path(os.path.commonpath(modules))
    directory = place / modules[0].relative_to(root)
    try:
        copied = sorted({name for module in modules for name in _copy(module, root, place)})
    except OSError as error:
        raise Fatal(f"{source} cannot be copied: {error}", code="A241", fix="Look at its files; leave DRILL_HOME outside of it.") from error
    _remove_stale(place, copied)
    laid = _configure(directory, workspace, settings=settings, backend=backend)
    kept = {"needs_init": laid.needs_init, "remote": laid.remote, "lock_timeout_s": laid.lock_timeout_s}
    _write_private(place / _LAYOUT, json.dumps({"directory": str(directory.relative_to(place)), **kept, "copied": copied}))
    return laid


def _configure(directory: Path, workspace: Workspace, *, settings: str, backend: str) -> Laid:
    files = _files(directory)
    text = "".join(map(_text, files))
    needs_init = bool(_NEEDS_INIT.search(text)) or any(file.suffix == ".json" for file in files)
    if backend:
        (directory / _OVERRIDE).write_text(backend, encoding="utf-8")
    elif _STATE_ELSEWHERE.search(text):  # a drill keeps its own state, beside its module
        (directory / _OVERRIDE).write_text('terraform {\n  backend "local" {}\n}\n', encoding="utf-8")
    identity = {"drill": workspace.drill, "step": workspace.step}
    known = {name: identity[name] for name in _VARIABLE.findall(text)}
    _write_private(directory / _VARIABLES, json.dumps({**known, **workspace.variables}))
    (directory / "cli.tfrc").write_text(settings if needs_init else _NO_NETWORK, encoding="utf-8")
    return Laid(directory, needs_init or bool(backend), bool(backend), workspace.lock_timeout_s)


def find_laid(workspace: Path) -> Laid | None:
    """What `lay` left in a workspace; nothing when it was never laid."""
    layout = _layout(workspace)
    if layout is None:
        return None
    more = {name: layout[name] for name in ("remote", "lock_timeout_s") if name in layout}
    return Laid(workspace / layout["directory"], layout["needs_init"], **more)


def _layout(workspace: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((workspace / _LAYOUT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _copy(module: Path, root: Path, workspace: Path) -> list[str]:
    """Copy a module to where it lies below `root`; returns the paths of its files below the workspace."""
    if workspace.resolve().is_relative_to(module):
        raise OSError(f"{workspace} lies inside of it")
    files: list[str] = []
    for folder, folders, names in os.walk(module):
        left_out = _LEFT_OUT(folder, [*folders, *names])
        folders[:] = [name for name in folders if name not in left_out]
        for path in (Path(folder) / name for name in names if name not in left_out):
            files.append(str(path.relative_to(root)))
            target = workspace / files[-1]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            shutil.copymode(path, target)
    return files


def _remove_stale(workspace: Path, copied: Sequence[str]) -> None:
    layout = _layout(workspace)
    if layout is not None:
        for name in ({*layout["copied"]} | {f"{layout['directory']}/{_OVERRIDE}"}) - {*copied}:
            (workspace / name).unlink(missing_ok=True)


def _used(module: Path, known: set[Path]) -> list[Path]:
    """Local modules that a module names, and those they name. One that is not there is left for Terraform to complain about."""
    found: list[Path] = []
    for name in _LOCAL_SOURCE.findall("".join(_text(file) for file in _files(module))):
        used = (module / name).resolve()
        if used in known or not used.is_dir():
            continue
        known.add(used)
        found += [used, *_used(used, known)]
    return found


def _files(module: Path) -> list[Path]:
    return sorted([*module.glob("*.tf"), *module.glob("*.tf.json")])


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") + "\n"


def _write_private(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.new")
    with open(aside, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as sink:
        sink.write(text)
    aside.replace(path)
