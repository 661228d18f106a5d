"""Where a workspace's state is kept when not beside its module: one place of its own in S3, in Postgres or behind HTTP."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from drill.model.errors import Fatal
from drill.model.ports import Workspace

_ONE_CACHE: Final = "plugin_cache_dir = {path}\nplugin_cache_may_break_dependency_lock_file = true\n"
_MIRROR: Final = "provider_installation {{\n  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n"
_ADDRESSES: Final = ("lock_address", "unlock_address")


def terraform_settings(plugins: Path, mirror: Path | None) -> str:
    """Terraform's own configuration: one cache of providers for all workspaces; with a mirror they come from nowhere else."""
    cache = _ONE_CACHE.format(path=json.dumps(str(plugins)))
    return cache + (_MIRROR.format(path=json.dumps(str(mirror))) if mirror else "")


def backend_text(workspace: Workspace) -> str:
    """The `backend` block of a workspace, empty when its state stays beside its module.

    Raises: Fatal: there is more than one, or one that is not known (A247).
    """
    if not workspace.backend:
        return ""
    (kind, written), *more = workspace.backend.items()
    make = _KINDS.get(kind)
    if more or make is None:
        what = f"{workspace.step} keeps its state in {', '.join(workspace.backend)}"
        raise Fatal(f"{what}.", code="A247", fix=f"Name one of {', '.join(_KINDS)} under `backend`.")
    return _block(kind, make(dict(written), workspace))


def schema_backend(workspace: Workspace) -> str:
    """A schema of its own in the Postgres that PG_CONN_STR names."""
    return _block("pg", {"schema_name": schema_of(workspace)})


def schema_of(workspace: Workspace) -> str:
    """A schema's name of at most 63 letters, readable and unique."""
    name = f"{workspace.drill}/{workspace.step}"
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower())[:40].strip("_")
    return f"tf_{plain}_{hashlib.sha256(name.encode()).hexdigest()[:10]}"


def _s3(written: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    """`prefix` is where the states of all drills lie; encrypted, and locked by a file beside each."""
    prefix = str(written.pop("prefix", "drill")).strip("/")
    return {"encrypt": True, "use_lockfile": True, **written, "key": f"{prefix}/{workspace.drill}/{workspace.step}.tfstate"}


def _http(written: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    """Every address is where the states of all drills lie; locked with LOCK and UNLOCK at the state's own, where no other is named."""
    address = written.pop("address", "")
    places = {"address": address, **{name: written.pop(name, address) for name in _ADDRESSES}}
    return {**written, **{name: f"{str(place).rstrip('/')}/{workspace.drill}/{workspace.step}" for name, place in places.items()}}


def _pg(written: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    return {**written, "schema_name": schema_of(workspace)}


_KINDS: Final = {"s3": _s3, "http": _http, "pg": _pg}


def _block(kind: str, settings: Mapping[str, Any]) -> str:
    rows = "".join(f"    {name} = {json.dumps(value).replace('${', '$${').replace('%{', '%%{')}\n" for name, value in settings.items())
    return f'terraform {{\n  backend "{kind}" {{\n{rows}  }}\n}}\n'
