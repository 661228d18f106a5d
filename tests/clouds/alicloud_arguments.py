"""Rewrites alicloud_arguments.json: what Alibaba Cloud's provider takes, from a wheel of bindings generated from its schema.

pip download --no-deps pulumi-alicloud==4.0.0 && python -m tests.clouds.alicloud_arguments pulumi_alicloud-4.0.0-py3-none-any.whl
"""

from __future__ import annotations

import ast
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

KNOWN = Path(__file__).with_suffix(".json")
_FILES = {
    "alicloud_instance": "ecs/instance.py",
    "alicloud_ram_policy": "ram/policy.py",
    "alicloud_ram_role": "ram/role.py",
    "alicloud_ram_role_policy_attachment": "ram/role_policy_attachment.py",
    "alicloud_security_group": "ecs/security_group.py",
    "alicloud_security_group_rule": "ecs/security_group_rule.py",
    "alicloud_slb_backend_server": "slb/backend_server.py",
    "alicloud_slb_listener": "slb/listener.py",
    "alicloud_slb_load_balancer": "slb/application_load_balancer.py",
    "alicloud_vpc": "vpc/network.py",
    "alicloud_vswitch": "vpc/switch.py",
    "data.alicloud_zones": "get_zones.py",
}


def main() -> None:
    """Read the wheel that the command names."""
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        found = {kind: _read(wheel.read(f"pulumi_alicloud/{name}").decode()) for kind, name in _FILES.items()}
    KNOWN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _read(text: str) -> dict[str, list[str]]:
    """Arguments, those that must be given, and whatever can be read of the resource; of deprecated ones there is no word."""
    tree = ast.parse(text)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    takes = next((node for node in classes if node.name.endswith("Args") and not node.name.startswith("_")), None)
    state = next((node for node in classes if node.name.startswith("_")), None) or next(node for node in classes if "Result" in node.name)
    source: Any = (
        _init(takes) if takes else next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("get"))
    )
    arguments = source.args.kwonlyargs or source.args.args
    defaults = source.args.kw_defaults if source.args.kwonlyargs else source.args.defaults
    names = [argument.arg for argument in arguments if argument.arg not in {"__self__", "opts"}]
    needed = [argument.arg for argument, default in zip(arguments, defaults, strict=False) if default is None and argument.arg in names]
    init = _init(state)
    shown = [argument.arg for argument in (*init.args.kwonlyargs, *init.args.args) if argument.arg != "__self__"]
    return {"arguments": sorted(names), "required": sorted(needed), "shown": sorted({*shown, "id"})}


def _init(node: ast.ClassDef | None) -> ast.FunctionDef:
    assert node is not None
    return next(each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")


if __name__ == "__main__":
    main()
