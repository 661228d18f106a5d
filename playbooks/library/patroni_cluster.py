"""Promotes, demotes or exchanges PostgreSQL clusters kept by Patroni."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.managed import Refused, answer
from ansible.module_utils.patroni import Cluster, Limits, demote, exchange, promote

DOCUMENTATION = r"""
module: patroni_cluster
short_description: Make a Patroni cluster one that is written to, or one that follows another
options:
  name: {required: true, type: str}
  urls: {description: APIs of its members., required: true, type: list, elements: str}
  password_file: {description: "A file with user:password for the API.", type: str}
  peer_name: {type: str}
  peer_urls: {type: list, elements: str}
  peer_password_file: {type: str}
  state: {choices: [primary, fenced, following, exchanged], required: true, type: str}
  leader: {description: "What it follows when it is demoted: host, port, primary_slot_name.", type: dict}
  last_lsn: {type: str}
  max_lag_bytes: {type: int}
  accept_data_loss: {type: bool}
  timeout_s: {type: float}
  poll_s: {type: float}
"""

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "urls": {"type": "list", "elements": "str", "required": True},
    "password_file": {"type": "str", "default": "", "no_log": False},
    "peer_name": {"type": "str", "default": ""},
    "peer_urls": {"type": "list", "elements": "str", "default": []},
    "peer_password_file": {"type": "str", "default": "", "no_log": False},
    "state": {"type": "str", "choices": ["primary", "fenced", "following", "exchanged"], "required": True},
    "leader": {"type": "dict", "default": {}},
    "last_lsn": {"type": "str", "default": ""},
    "max_lag_bytes": {"type": "int", "default": 1_048_576},
    "accept_data_loss": {"type": "bool", "default": False},
    "timeout_s": {"type": "float", "default": 60.0},
    "poll_s": {"type": "float", "default": 0.5},
}


def _work(given: dict[str, Any], *, check: bool) -> dict[str, Any]:
    here = Cluster(given["name"], given["urls"], given["password_file"])
    there = Cluster(given["peer_name"], given["peer_urls"], given["peer_password_file"]) if given["peer_urls"] else None
    limits = Limits(
        last_lsn=given["last_lsn"],
        max_lag_bytes=given["max_lag_bytes"],
        accept_data_loss=given["accept_data_loss"],
        timeout_s=given["timeout_s"],
        poll_s=given["poll_s"],
    )
    if given["state"] == "primary":
        return promote(here, there, limits, check=check)
    if given["state"] == "exchanged":
        if there is None:
            raise Refused("DB_SETTINGS", "peer_urls is empty: name the APIs of the cluster that gives its role")
        return exchange(here, there, given["leader"], limits, check=check)
    return demote(here, given["leader"], limits, check=check, streaming=given["state"] == "following")


def main() -> None:
    """What Ansible runs."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)
    answer(module, lambda: _work(module.params, check=module.check_mode))


if __name__ == "__main__":
    main()
