"""Fences a managed database, so that nobody can write to it, and gives it back as it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.managed import InDoubt, Refused, answer

DOCUMENTATION = r"""
module: managed_fence
short_description: Let nobody write to a managed database, or give it back
description:
  - RDS gets security groups that let nothing in, ApsaraDB RDS allow-lists with nobody on them.
  - Then it is restarted, which ends open connections.
  - What it had before is kept on tags of its own, written first; `released` reads them.
options:
  engine: {choices: [rds, aliyun_rds], required: true, type: str}
  region: {required: true, type: str}
  name: {required: true, type: str}
  tags: {description: Opt-in tags it must carry., required: true, type: dict}
  quarantine: {description: Security groups that let nothing in (rds)., type: list, elements: str}
  state: {choices: [fenced, released], default: fenced, type: str}
  timeout_s: {type: float}
  poll_s: {type: float}
"""

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "engine": {"type": "str", "required": True, "choices": ["rds", "aliyun_rds"]},
    "region": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "tags": {"type": "dict", "required": True},
    "quarantine": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["fenced", "released"], "default": "fenced"},
    "timeout_s": {"type": "float", "default": 600.0},
    "poll_s": {"type": "float", "default": 5.0},
}


def _waiting(timeout_s: float, poll_s: float) -> Callable[[Callable[[], bool]], None]:
    def wait(done: Callable[[], bool]) -> None:
        until_s = time.monotonic() + timeout_s
        while True:
            try:
                if done():
                    return
            except Refused as refused:
                if refused.code != "DB_UNREACHABLE":
                    raise InDoubt(str(refused)) from refused
            if time.monotonic() > until_s:
                raise InDoubt(f"it did not settle within {timeout_s:g} s")
            time.sleep(poll_s)

    return wait


def _work(given: dict[str, Any], *, check: bool) -> dict[str, Any]:
    fence: Any
    if given["engine"] == "rds":
        from ansible.module_utils.managed_aws import RdsFence as Aws

        fence = Aws(given["region"], given["name"], given["quarantine"])
    else:
        from ansible.module_utils.managed_aliyun import RdsFence as Aliyun

        fence = Aliyun(given["region"], given["name"])
    tags = {str(key): str(value) for key, value in given["tags"].items()}
    act = fence.fence if given["state"] == "fenced" else fence.release
    done: dict[str, Any] = act(tags, check=check, wait=_waiting(given["timeout_s"], given["poll_s"]))
    return {"engine": given["engine"], **done}


def main() -> None:
    """What Ansible runs."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)
    answer(module, lambda: _work(module.params, check=module.check_mode))


if __name__ == "__main__":
    main()
