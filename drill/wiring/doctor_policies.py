"""Puts together the least-privilege policy of a scenario for one cloud, and what a person must still see to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from drill.adapters import policy_aliyun_modules, policy_aws_modules
from drill.adapters.policy_aliyun import aliyun_policy
from drill.adapters.policy_aws import aws_policy
from drill.adapters.policy_rights import Needs, parts
from drill.adapters.terraform_types import types_of
from drill.model.errors import DrillError, UsageError
from drill.model.plan import Plan, PlannedStep
from drill.model.ports import Secrets
from drill.settings import Settings
from drill.wiring.scenarios import open_scenario
from drill.wiring.worlds import secrets_for

Cloud = Literal["aws", "aliyun"]
_MADE_BY: Final[Mapping[str, tuple[Callable[[Needs], dict[str, Any]], Callable[[frozenset[str]], list[str]]]]] = {
    "aws": (aws_policy, policy_aws_modules.unknown_types),
    "aliyun": (aliyun_policy, policy_aliyun_modules.unknown_types),
}
_OPAQUE: Final = ("command", "ansible.play", "database.promote", "http.call")
_OURS: Final = frozenset({*policy_aws_modules.PLAYBOOKS, *policy_aliyun_modules.PLAYBOOKS})
_AT_DATABASES: Final = ("_postgres.yml", "_mysql.yml")
"""Shipped playbooks that end so speak to databases only."""
_MOST: Final = 10
"""How many managed policies a role of AWS may have, unless its account was given more."""


@dataclass(frozen=True)
class Granted:
    """Policy documents as their cloud takes them, to be attached all, and notes on what they cannot hold."""

    documents: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()


def policy(settings: Settings, path: Path, sets: list[str], cloud: Cloud) -> Granted:
    """The policy of a scenario for one cloud, in as many documents as it needs.

    Raises: ScenarioInvalid: with every finding. PreflightFailed: a module cannot be read (F053). UsageError: nothing of it is there (U050).
    """
    plan = open_scenario(path, sets=sets).plan
    needs, notes = needs_of(settings, plan, secrets_for(settings, plan))
    make, unknown = _MADE_BY[cloud]
    document = make(needs)
    if not document["Statement"]:
        raise UsageError(f"{path} asks nothing of {cloud}.", code="U050", fix="Name a cloud that one of its sites, zones or messages uses.")
    types = frozenset[str]().union(*needs.resources.values())
    lacking = [f"no rights are known for resources of type {name}: add them by hand" for name in unknown(types)]
    documents = tuple(parts(document))
    if cloud == "aws" and len(documents) > _MOST:
        lacking.append(
            f"these are {len(documents)} policies, and a role may have {_MOST} unless its quota was raised: give it two roles' worth"
        )
    return Granted(documents, (*notes, *lacking))


def needs_of(settings: Settings, plan: Plan, secrets: Secrets) -> tuple[Needs, list[str]]:
    """What a plan needs rights for, with notes on what nobody can see. Raises: PreflightFailed: a module cannot be read (F053)."""
    resources, queues, notes = {}, {}, []
    for step in plan.steps():
        if step.kind == "terraform.apply":
            resources[step.id], elsewhere = types_of(settings.project / str(step.params["module"]))
            notes += [
                f"nobody here knows what {source} builds, which {step.id} uses: add its rights by hand" for source in sorted(elsewhere)
            ]
        if _opaque(plan, step):
            notes.append(f"what {step.id} asks of a cloud by itself is not seen: add it by hand")
    abroad = plan.messages.sms.abroad if plan.messages.sms else None
    for reference in filter(None, (abroad.replies, abroad.receipts) if abroad else ()):
        try:
            queues[reference] = secrets.get(reference)
        except DrillError:
            notes.append(f"{reference} is not set: the right to its queue is one to every queue of the region")
    return Needs(plan, resources, queues), notes


def _opaque(plan: Plan, step: PlannedStep) -> bool:
    """Whether a step may ask a cloud for what nobody can see here."""
    playbook, site = str(step.params.get("playbook", "")), str(step.params.get("site", ""))
    known = playbook in _OURS or playbook.endswith(_AT_DATABASES)
    return step.kind in _OPAQUE and not known and any(row.provider in _MADE_BY for row in plan.sites if not site or row.id == site)
