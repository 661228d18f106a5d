"""Policy documents as doctor hands them out: reviewed, bounded, and in parts that a cloud takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.adapters.policy_rights import AWS_VERSION, LONGEST, Right, document, parts, written
from drill.model.errors import UsageError
from drill.wiring.doctor_policies import Cloud, policy
from tests.clouds.test_policies import ACROSS, ALIYUN, AWS, ROOT, settings

GOLDEN = Path(__file__).parent / "policies"


@pytest.mark.parametrize(("name", "of"), [(AWS, "aws"), (ACROSS, "aws"), (ACROSS, "aliyun"), (ALIYUN, "aliyun")])
def test_the_policy_of_a_shipped_scenario_is_the_reviewed_one(tmp_path: Path, name: str, of: Cloud) -> None:
    granted = policy(settings(tmp_path), ROOT / "scenarios" / f"{name}.yaml", [], of)

    assert list(granted.documents) == json.loads((GOLDEN / f"{name}.{of}.json").read_text(encoding="utf-8"))
    assert all(len(written(each)) <= LONGEST for each in granted.documents)
    assert granted.notes == ()


def bounded(granted: Mapping[str, Any]) -> None:
    """Assert that every statement names its calls, and that those which change something are narrowed."""
    for row in granted["Statement"]:
        assert row["Effect"] == "Allow"
        assert not any("*" in action for action in row["Action"])
        verbs = {action.partition(":")[2] for action in row["Action"]}
        bound = row["Resource"] != "*" or "Condition" in row
        assert bound or all(verb.startswith(("Describe", "Get", "List", "Query", "Send")) for verb in verbs), row
    assert "FullAccess" not in json.dumps(granted)


@pytest.mark.parametrize("of", ["aws", "aliyun"])
def test_no_policy_of_any_shipped_scenario_grants_a_whole_service_or_changes_without_bounds(tmp_path: Path, of: Cloud) -> None:
    looked = 0
    for path in sorted((ROOT / "scenarios").glob("*.yaml")):
        with suppress(UsageError):
            for granted in policy(settings(tmp_path), path, [], of).documents:
                looked += 1
                bounded(granted)
    assert looked > 0


def test_a_policy_for_a_cloud_that_the_plan_does_not_touch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="asks nothing of aws") as refusal:
        policy(settings(tmp_path), ROOT / "scenarios" / "sandbox-region-outage.yaml", [], "aws")

    assert refusal.value.code == "U050"


@given(
    st.lists(st.builds(Right, st.sampled_from(["A", "B"]), st.tuples(st.sampled_from(["s:X", "s:Y"])), st.tuples(st.sampled_from("*r"))))
)
def test_a_document_allows_exactly_its_rights_and_names_each_statement_once(rights: list[Right]) -> None:
    made = document(rights, "2012-10-17")

    pairs = {(right.actions[0], right.resources[0]) for right in rights}
    granted = {(action, each) for row in made["Statement"] for action in row["Action"] for each in row["Resource"]}
    assert granted == pairs
    names = [row["Sid"] for row in made["Statement"]]
    assert len(set(names)) == len(names)


lists = st.lists(st.text("abcXYZ:*/-", min_size=1, max_size=60), min_size=1, max_size=40).map(tuple)


@given(
    st.lists(st.builds(Right, st.sampled_from(["A", "B", "C"]), lists, lists), min_size=1, max_size=30), st.sampled_from(["1", AWS_VERSION])
)
def test_however_long_a_policy_is_its_parts_are_short_enough_and_allow_the_same_together(rights: list[Right], version: str) -> None:
    whole = document(rights, version)

    made = parts(whole)

    assert all(len(written(each)) <= LONGEST for each in made)
    assert triples(made) == triples([whole])
    for each in made:
        names = [row["Sid"] for row in each["Statement"] if "Sid" in row]
        assert len(set(names)) == len(names)


def triples(documents: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Everything that documents allow: action, resources, condition."""
    rows = [row for each in documents for row in each["Statement"]]
    return {(action, str(row["Resource"]), str(row.get("Condition"))) for row in rows for action in row["Action"]}


def test_a_policy_that_fits_stays_one() -> None:
    whole = document([Right("A", ("ec2:StopInstances",))], AWS_VERSION)

    assert parts(whole) == [whole]
