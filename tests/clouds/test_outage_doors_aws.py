"""The doors of AWS: what cannot be cut is named, what is cut anyway is not, and a database that is being changed is waited for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto.rds.models import DBCluster, DBInstance

from drill.adapters.outage_parts import DATABASE_TAG
from drill.model.errors import Fatal, Retryable
from tests.clouds.outage_aws_site import Aws
from tests.clouds.outage_calls import CAP, OPT_IN
from tests.clouds.outage_grounds import cloud

SPARED = "which is left to a fence: it does not carry drill-cut: yes"


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")


@pytest.fixture
def by_group() -> Iterator[Aws]:
    with cloud("aws:security-group") as ground:
        assert isinstance(ground, Aws)
        yield ground


@pytest.fixture
def by_acl() -> Iterator[Aws]:
    with cloud("aws:network-acl") as ground:
        assert isinstance(ground, Aws)
        yield ground


def cut(ground: Aws) -> Mapping[str, Any]:
    outage = ground.outage()
    return outage.isolate("primary", outage.snapshot("primary"))


def groups_of(ground: Aws) -> dict[str, list[str]]:
    """Security groups of every door, by its name."""
    state = ground.state()
    return {row[0]: list(row[1]) for row in [*state["balancers"], *state["databases"]]}


def test_every_door_that_opted_in_and_no_other_gets_the_group_that_lets_nothing_through(by_group: Aws) -> None:
    cut(by_group)

    shut = {name for name, groups in groups_of(by_group).items() if groups != [by_group.group]}
    assert shut == {"shop", "shop-nlb", "orders", "orders-cluster"}
    [quarantine] = {tuple(groups) for name, groups in groups_of(by_group).items() if name in shut}
    rules = by_group.ec2.describe_security_groups(GroupIds=list(quarantine))["SecurityGroups"][0]
    assert (rules["IpPermissions"], rules["IpPermissionsEgress"]) == ([], [])


def test_a_load_balancer_without_security_groups_is_named_as_not_cut(by_group: Aws) -> None:
    by_group.balance("old-nlb", OPT_IN, Type="network")
    by_group.balance("strange-nlb", {}, Type="network")

    told = cut(by_group)["not_cut"]

    assert "the load balancer old-nlb: it has no security groups that could be swapped" in told
    assert not any("strange-nlb" in text for text in told)


def test_a_load_balancer_without_groups_that_lies_in_subnets_that_are_cut_off_needs_no_mention(by_acl: Aws) -> None:
    by_acl.balance("inside", OPT_IN, Type="network")
    by_acl.balance("across", OPT_IN, [by_acl.subnets[0], by_acl.spared], Type="network")

    told = cut(by_acl)["not_cut"]

    assert [text for text in told if "load balancer" in text] == [
        "the load balancer across: it has no security groups that could be swapped"
    ]


def test_databases_that_opted_in_and_are_left_to_a_fence_are_named(by_group: Aws) -> None:
    told = cut(by_group)["not_cut"]

    assert f"the database fenced, {SPARED}" in told
    assert f"the database cluster fenced-cluster, {SPARED}" in told
    assert not any("spared" in text for text in told)


def test_databases_in_subnets_that_are_cut_off_are_not_named_as_spared(by_acl: Aws) -> None:
    assert not any(SPARED in text for text in cut(by_acl)["not_cut"])


def test_an_instance_that_asks_for_a_cut_which_its_cluster_does_not_is_named(by_group: Aws) -> None:
    for cluster in ("orders-cluster", "fenced-cluster"):
        name = f"{cluster}-1"
        by_group.keep(
            name, {**OPT_IN, **DATABASE_TAG}, DBInstanceClass="db.r6g.large", Engine="aurora-postgresql", DBClusterIdentifier=cluster
        )

    found = cut(by_group)

    named = [text for text in found["not_cut"] if "-cluster-1" in text]
    expected = "the database fenced-cluster-1: its groups are those of its cluster fenced-cluster, which does not carry the tags"
    assert named == [expected]
    assert not any("-cluster-1" in text for text in found["cut"])


def test_the_data_api_of_a_cluster_is_named_since_no_group_judges_it(by_group: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DBCluster, "http_endpoint_enabled", property(lambda _cluster: True, lambda _cluster, _value: None), raising=False)

    told = cut(by_group)["not_cut"]

    assert [text for text in told if "Data API" in text] == [
        f"the Data API of the database cluster {name}" for name in ("orders-cluster", "fenced-cluster")
    ]


@pytest.mark.parametrize("sort", [DBInstance, DBCluster])
def test_a_database_that_is_being_changed_is_waited_for(by_group: Aws, monkeypatch: pytest.MonkeyPatch, sort: type[Any]) -> None:
    looks = iter(["modifying"] * 60)
    monkeypatch.setattr(sort, "status", property(lambda _database: next(looks, "available"), lambda _database, _value: None), raising=False)

    cut(by_group)

    assert next(looks, "settled") == "settled"


@pytest.mark.parametrize(
    ("operation", "code"), [("modify_db_instance", "InvalidDBInstanceState"), ("modify_db_cluster", "InvalidDBClusterStateFault")]
)
def test_a_database_that_cannot_be_changed_now_may_be_tried_again_and_comes_back(by_group: Aws, operation: str, code: str) -> None:
    before, snapshot = by_group.state(), by_group.outage().snapshot("primary")
    by_group.calls.refuse(operation, code)

    with pytest.raises(Retryable) as busy:
        by_group.outage().isolate("primary", snapshot)
    by_group.outage().isolate("primary", snapshot)
    by_group.outage().restore("primary", snapshot)

    assert busy.value.code == "A124"
    assert by_group.state() == before


def test_caches_buckets_and_queues_that_opted_in_are_named_and_keys_are_not(by_group: Aws) -> None:
    opened = {name: boto3.client(name, region_name=by_group.region) for name in ("sqs", "dynamodb", "secretsmanager")}
    for number in range(12):
        opened["sqs"].create_queue(QueueName=f"orders-{number:02}", tags=OPT_IN)
    opened["sqs"].create_queue(QueueName="spared")
    opened["dynamodb"].create_table(
        TableName="carts",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "drill", "Value": "allowed"}],
    )
    opened["secretsmanager"].create_secret(Name="token", SecretString="-", Tags=[{"Key": "drill", "Value": "allowed"}])

    told = cut(by_group)["not_cut"]

    queues = ", ".join(f"orders-{number:02}" for number in range(10))
    assert [text for text in told if "no outage touches" in text] == [
        "dynamodb, of which no outage touches anything: table/carts",
        f"sqs, of which no outage touches anything: {queues}, and 2 more",
    ]


def test_doors_count_against_the_cap(by_group: Aws) -> None:
    for number in range(CAP):
        by_group.balance(f"more-{number}", OPT_IN, SecurityGroups=[by_group.group])
    before = by_group.state()

    with pytest.raises(Fatal) as refused:
        cut(by_group)

    assert refused.value.code == "A215"
    assert by_group.state() == before


@pytest.mark.parametrize("door", ["shop-nlb", "orders", "orders-cluster"])
def test_a_door_that_lost_its_tag_since_it_was_written_down_stops_the_cut_before_any_is_touched(by_group: Aws, door: str) -> None:
    snapshot = by_group.outage().snapshot("primary")
    by_group.untag_door(door)
    before = by_group.state()

    with pytest.raises(Fatal) as refused:
        by_group.outage().isolate("primary", snapshot)

    assert refused.value.code == "A213"
    assert door in refused.value.what
    assert by_group.state() == before
