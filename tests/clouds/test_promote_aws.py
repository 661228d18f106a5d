"""Amazon RDS and Aurora go over: the playbooks and their modules through boto3, against strict moto and an Aurora on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from drill.sandbox.aurora_http import AuroraNetwork, AuroraServer
from drill.sandbox.rds_strict import make_strict
from tests.clouds.modules import module_util
from tests.clouds.playing import TAGS, play

REGION, HOME = "ap-northeast-1", "ap-southeast-1"
pytestmark = pytest.mark.xdist_group("moto")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    make_strict()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def account(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moto_api_backend.reset()
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def client(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region)


def report_lag(metric: str, dimension: str, name: str, value: float) -> None:
    datum = {"MetricName": metric, "Dimensions": [{"Name": dimension, "Value": name}], "Value": value, "Timestamp": datetime.now(UTC)}
    client("cloudwatch", REGION).put_metric_data(Namespace="AWS/RDS", MetricData=[datum])


@pytest.fixture
def quarantine() -> str:
    """A security group of the primary's region that lets nothing in; the pair of an RDS primary and its replica is made beside it."""
    ec2 = client("ec2", HOME)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    groups = [ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("app", "nothing")]
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    made = client("rds", HOME).create_db_instance(
        DBInstanceIdentifier="db-primary",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="drill",
        MasterUserPassword="not-a-real-one",
        VpcSecurityGroupIds=groups[:1],
        Tags=tags,
    )
    source = made["DBInstance"]["DBInstanceArn"]
    client("rds", REGION).create_db_instance_read_replica(DBInstanceIdentifier="db-replica", SourceDBInstanceIdentifier=source, Tags=tags)
    return str(groups[1])


def settle(done: Callable[[], bool]) -> None:
    assert any(done() for _ in range(10))


def groups_of(name: str) -> list[str]:
    found = client("rds", HOME).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return [group["VpcSecurityGroupId"] for group in found["VpcSecurityGroups"]]


def replica(quarantine: str, source: str = "db-primary") -> Any:
    return module_util("managed_aws").RdsReplica(REGION, "db-replica", source_region=HOME, source=source, quarantine=[quarantine])


def promote(database: Any, *, check: bool = False, **limits: Any) -> dict[str, Any]:
    managed = module_util("managed")
    chosen = managed.Limits(**{"tags": TAGS, "poll_s": 0.01, "timeout_s": 20.0, **limits})
    report: dict[str, Any] = managed.promote(database, "database", chosen, check=check)
    return report


@pytest.mark.sweep
def test_a_replica_is_promoted_by_playbooks_after_its_source_was_fenced(quarantine: str, tmp_path: Path) -> None:
    report_lag("ReplicaLag", "DBInstanceIdentifier", "db-replica", 2.0)
    before = groups_of("db-primary")
    here = {"db_region": HOME, "db_instance": "db-primary", "db_quarantine_groups": [quarantine]}
    there = {"db_region": REGION, "db_instance": "db-replica", "db_source": "db-primary", "db_source_region": HOME}

    fenced = play(tmp_path, "fence_rds.yml", here)
    closed = groups_of("db-primary")
    promoted = play(tmp_path, "promote_rds.yml", {**there, "db_quarantine_groups": [quarantine]})
    released = play(tmp_path, "release_rds.yml", here)

    assert [(run.failure, run.changed) for run in (fenced, promoted, released)] == [("", 1)] * 3
    assert (closed, groups_of("db-primary")) == ([quarantine], before)
    report = promoted.outputs["db_promote"]
    assert (report["engine"], report["lag_s"], report["lag_known"], report["undo"]) == ("rds", 2.0, True, "rebuild")
    assert report["before"]["source"].endswith("db-primary")
    assert report["after"]["role"] == "primary"


def test_a_check_changes_nothing_and_a_second_run_finds_nothing_to_do(quarantine: str) -> None:
    report_lag("ReplicaLag", "DBInstanceIdentifier", "db-replica", 0.0)
    fence = module_util("managed_aws").RdsFence(HOME, "db-primary", [quarantine])
    before = groups_of("db-primary")

    looked = [fence.fence(TAGS, check=True, wait=settle), promote(replica(quarantine), check=True)]
    untouched = groups_of("db-primary")
    fenced = [fence.fence(TAGS, check=False, wait=settle) for _ in range(2)]
    promoted = [promote(replica(quarantine)) for _ in range(2)]
    released = [fence.release(TAGS, check=False, wait=settle) for _ in range(2)]

    assert ([each["check_mode"] for each in looked], untouched) == ([True, True], before)
    assert [run["changed"] for run in (*fenced, *promoted, *released)] == [True, False] * 3


@pytest.mark.parametrize(
    ("lag", "limits", "code"),
    [
        (0.0, {}, "DB_TWO_PRIMARIES the old primary may"),
        (None, {}, "DB_LAG_UNKNOWN"),
        (-1.0, {}, "DB_LAG_UNKNOWN"),
        (30.0, {}, "DB_LAG_TOO_HIGH lag_s=30 limit=5"),
        (0.0, {"tags": {"drill": "never"}}, "DB_NOT_OPTED_IN"),
    ],
)
def test_a_promotion_that_would_harm_is_refused(quarantine: str, lag: float | None, limits: dict[str, Any], code: str) -> None:
    if lag is not None:
        report_lag("ReplicaLag", "DBInstanceIdentifier", "db-replica", lag)

    with pytest.raises(module_util("managed").Refused, match=code):
        promote(replica(quarantine), **limits)

    found = client("rds", REGION).describe_db_instances(DBInstanceIdentifier="db-replica")["DBInstances"][0]
    assert found["ReadReplicaSourceDBInstanceIdentifier"]


def test_a_source_region_that_does_not_answer_needs_a_reason(quarantine: str) -> None:
    report_lag("ReplicaLag", "DBInstanceIdentifier", "db-replica", 0.0)
    database = replica(quarantine)
    database._source.api._client = boto3.client("rds", region_name=HOME, endpoint_url="http://127.0.0.1:9")

    with pytest.raises(module_util("managed").Refused, match="nobody can see"):
        promote(database)

    assert promote(database, accept_unseen_source="the region is dark; the duty lead")["changed"]


def test_an_instance_that_is_not_there_is_not_found(quarantine: str) -> None:
    database = module_util("managed_aws").RdsReplica(REGION, "db-nobody", source_region=HOME, source="", quarantine=[quarantine])

    with pytest.raises(module_util("managed").Refused, match="DB_NOT_FOUND"):
        promote(database)


@pytest.fixture
def aurora(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraServer]:
    server = AuroraServer(AuroraNetwork("shop", {"shop-a": HOME, "shop-b": REGION}, TAGS), {"AKIDEXAMPLE": "secret"})
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", server.endpoint)
    report_lag("AuroraGlobalDBReplicationLag", "DBClusterIdentifier", "shop-b", 800.0)
    yield server
    server.end()


def cluster(name: str = "shop-b", region: str = REGION, *, planned: bool = False) -> Any:
    return module_util("managed_aws").AuroraGlobal(region, name, network="shop", planned=planned)


def test_a_global_database_fails_over_and_is_switched_home(aurora: AuroraServer, tmp_path: Path) -> None:
    over = play(tmp_path, "failover_aurora.yml", {"db_region": REGION, "db_instance": "shop-b", "db_network": "shop"})
    again = promote(cluster())
    home = promote(cluster("shop-a", HOME, planned=True), accept_data_loss=True)

    assert (over.failure, over.changed, again["changed"], home["changed"]) == ("", 1, False, True)
    assert (over.outputs["db_promote"]["lag_s"], over.outputs["db_promote"]["undo"]) == (0.8, "failback")
    assert (aurora.network.moves, aurora.network.writer) == (["FailoverGlobalCluster", "SwitchoverGlobalCluster"], "shop-a")


@pytest.mark.parametrize("fault", ["lost", "gone", "unavailable"])
def test_a_missing_answer_is_read_back_and_never_asked_for_twice(aurora: AuroraServer, fault: Any) -> None:
    aurora.faults["FailoverGlobalCluster"] = fault

    if fault != "lost":  # not carried out: the old one still writes
        with pytest.raises(module_util("managed").InDoubt):
            promote(cluster())
    report = promote(cluster())

    assert (report["after"]["role"], aurora.network.moves) == ("primary", ["FailoverGlobalCluster"])


@pytest.mark.parametrize(
    ("fault", "secret", "code"),
    [("throttled", "secret", "DB_UNREACHABLE"), ("lost", "secret", "DB_UNREACHABLE"), (None, "wrong", "DB_NOT_ALLOWED")],
)
def test_no_error_of_the_sdk_escapes(aurora: AuroraServer, monkeypatch: pytest.MonkeyPatch, fault: Any, secret: str, code: str) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    if fault:
        aurora.faults["DescribeDBClusters"] = fault

    with pytest.raises(module_util("managed").Refused, match=code):
        promote(cluster())


def test_a_network_that_never_settles_is_in_doubt_not_promoted(aurora: AuroraServer) -> None:
    network = aurora.network
    managed = module_util("managed")

    def keep_busy(_pause_s: float) -> None:
        network._steps = 3

    with pytest.raises(managed.InDoubt, match="still changing"):
        managed.promote(cluster(), "shop-b", managed.Limits(tags=TAGS, timeout_s=0.2, poll_s=0.0), check=False, sleep=keep_busy)
