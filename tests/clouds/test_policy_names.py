"""What a policy lets a drill do to names: the records that steps change, and the levers that they pull, no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drill.adapters.policy_aws import aws_policy
from drill.adapters.policy_rights import Needs
from drill.wiring.scenarios import open_scenario

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
RECORDS = "route53:ChangeResourceRecordSetsNormalizedRecordNames"


def rights(name: str, *sets: str) -> dict[str, list[dict[str, Any]]]:
    """The statements that allow each action."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in aws_policy(Needs(open_scenario(SCENARIOS / f"{name}.yaml", sets=sets).plan))["Statement"]:
        for action in row["Action"]:
            found.setdefault(action, []).append(row)
    return found


def test_only_names_whose_records_move_may_be_written() -> None:
    granted = rights("traffic-only")

    (row,) = granted["route53:ChangeResourceRecordSets"]
    assert row["Condition"]["ForAllValues:StringEquals"][RECORDS] == ["shop.example.com"]
    assert "route53-recovery-cluster:UpdateRoutingControlStates" in granted


def test_health_checks_that_are_only_watched_may_not_be_changed() -> None:
    watched = rights("availability-zone-loss")
    act = "phases.proof.steps.switch.gslb.await.act=true"

    assert "route53:GetHealthCheck" in watched
    assert not {"route53:UpdateHealthCheck", "route53:ChangeResourceRecordSets"} & watched.keys()
    assert "route53:UpdateHealthCheck" in rights("availability-zone-loss", act)


def test_a_playbook_that_takes_a_play_back_has_its_rights_too() -> None:
    fenced = {"playbook": "fence_rds.yml", "site": "primary", "undo_playbook": "release_rds.yml"}
    step = json.dumps({"ansible.play": fenced})
    plan = open_scenario(SCENARIOS / "aws-singapore-to-tokyo.yaml", sets=(f"phases.before.steps.own={step}",)).plan

    assert {"fence_rds.yml", "release_rds.yml"} <= Needs(plan).playbooks()
