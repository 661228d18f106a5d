"""Promotes a managed database: RDS replica, Aurora global database, ApsaraDB RDS disaster-recovery instance, member of a PolarDB GDN."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.managed import Database, Limits, Refused, answer, promote

DOCUMENTATION = r"""
module: managed_promotion
short_description: Make a managed replica the primary
description:
  - Looks, refuses, asks the provider once, reads back and waits. Run again it finds nothing to do, or waits for what it asked for.
options:
  engine: {choices: [rds, aurora, aliyun_rds, polardb], required: true, type: str}
  region: {required: true, type: str}
  name: {description: Instance or cluster that becomes the primary., required: true, type: str}
  tags: {description: Opt-in tags it must carry., required: true, type: dict}
  network: {description: Global cluster or GDN., type: str}
  source: {description: The old primary., type: str}
  source_region: {type: str}
  quarantine: {description: Security groups that let nothing in., type: list, elements: str}
  planned: {description: Switch over, losing nothing., type: bool}
  lag_s: {description: "Seconds it is behind, where the provider does not say (aliyun_rds); empty is unknown.", type: str}
  max_lag_s: {type: float}
  accept_data_loss: {type: bool}
  accept_unseen_source: {description: Why an old primary that nobody can see counts as fenced., type: str}
  timeout_s: {type: float}
  poll_s: {type: float}
"""

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "engine": {"type": "str", "required": True, "choices": ["rds", "aurora", "aliyun_rds", "polardb"]},
    "region": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "tags": {"type": "dict", "required": True},
    "network": {"type": "str", "default": ""},
    "source": {"type": "str", "default": ""},
    "source_region": {"type": "str", "default": ""},
    "quarantine": {"type": "list", "elements": "str", "default": []},
    "planned": {"type": "bool", "default": False},
    "lag_s": {"type": "str", "default": ""},
    "max_lag_s": {"type": "float", "default": 5.0},
    "accept_data_loss": {"type": "bool", "default": False},
    "accept_unseen_source": {"type": "str", "default": ""},
    "timeout_s": {"type": "float", "default": 900.0},
    "poll_s": {"type": "float", "default": 5.0},
}


def database_of(given: dict[str, Any]) -> Database:
    """The database that the arguments name. Raises: Refused: one is missing."""
    if given["engine"] in {"aurora", "polardb"} and not given["network"]:
        raise Refused("DB_SETTINGS", f"{given['engine']} needs db_network, the global cluster or GDN")
    if given["engine"] in {"rds", "aurora"}:
        from ansible.module_utils.managed_aws import AuroraGlobal, RdsReplica

        if given["engine"] == "aurora":
            return AuroraGlobal(given["region"], given["name"], network=given["network"], planned=given["planned"])
        return RdsReplica(
            given["region"],
            given["name"],
            source_region=given["source_region"],
            source=given["source"],
            quarantine=given["quarantine"],
        )
    from ansible.module_utils.managed_aliyun import PolarDbMember, RdsDisasterRecovery

    if given["engine"] == "polardb":
        return PolarDbMember(given["region"], given["name"], network=given["network"], planned=given["planned"])
    return RdsDisasterRecovery(
        given["region"],
        given["name"],
        source_region=given["source_region"],
        source=given["source"],
        lag_s=float(given["lag_s"]) if given["lag_s"] else None,
    )


def main() -> None:
    """What Ansible runs."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)
    given = module.params
    limits = Limits(
        tags={str(key): str(value) for key, value in given["tags"].items()},
        max_lag_s=given["max_lag_s"],
        accept_data_loss=given["accept_data_loss"],
        accept_unseen_source=given["accept_unseen_source"],
        timeout_s=given["timeout_s"],
        poll_s=given["poll_s"],
    )
    answer(module, lambda: promote(database_of(given), given["name"], limits, check=module.check_mode))


if __name__ == "__main__":
    main()
