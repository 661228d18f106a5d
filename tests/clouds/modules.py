"""Loads the modules and module utilities of the playbooks, so that tests call them without Ansible around them."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def module_util(name: str) -> Any:
    """A file of playbooks/module_utils, under the name by which the modules import it."""
    if name.startswith(("managed_", "patroni")):
        for needed in ("drill_credentials", "managed"):
            module_util(needed)
    return _load(f"ansible.module_utils.{name}", PLAYBOOKS / "module_utils" / f"{name}.py")


def _load(name: str, path: Path) -> types.ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
