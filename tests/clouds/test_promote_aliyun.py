"""ApsaraDB RDS and PolarDB go over and come home: the playbooks and their modules through the real SDK, against a signed emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.sandbox.alidns_http import AlidnsServer
from drill.sandbox.aliyun_databases import Instance, Member, PolarDbApi, RdsApi
from tests.clouds.modules import module_util
from tests.clouds.playing import TAGS, play

REGION = "cn-shanghai"
LISTS = {"default": "10.0.0.0/8", "office": "192.0.2.1,192.0.2.2"}


class Clouds:
    """Both APIs on one signed server."""

    def __init__(self) -> None:
        self.primary = Instance("rm-primary", lists=dict(LISTS), tags=dict(TAGS))
        self.replica = Instance("rm-replica", source="rm-primary", tags=dict(TAGS))
        self.polardb = PolarDbApi("gdn-1", {"pc-a": Member("primary", tags=dict(TAGS)), "pc-b": Member("standby", "1", dict(TAGS))})
        self.server = AlidnsServer([RdsApi(self.primary, self.replica), self.polardb], {"LTAIEXAMPLE": "secret"})

    @property
    def writes(self) -> list[str]:
        """What was carried out that changes something."""
        return [action for action in self.server.log if not action.startswith(("Describe", "List"))]


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clouds]:
    clouds = Clouds()
    clouds.server.start()
    for product in ("RDS", "POLARDB"):
        monkeypatch.setenv(f"ALIBABA_ENDPOINT_{product}", f"http://{clouds.server.endpoint}")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIEXAMPLE")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
    yield clouds
    clouds.server.end()


def promote(database: Any, **limits: Any) -> dict[str, Any]:
    managed = module_util("managed")
    check = limits.pop("check", False)
    chosen = managed.Limits(**{"tags": TAGS, "poll_s": 0.01, "timeout_s": 20.0, **limits})
    report: dict[str, Any] = managed.promote(database, "database", chosen, check=check)
    return report


def settle(done: Callable[[], bool]) -> None:
    assert any(done() for _ in range(10))


def member(name: str, *, planned: bool) -> Any:
    return module_util("managed_aliyun").PolarDbMember(REGION, name, network="gdn-1", planned=planned)


def replica(lag_s: float | None = 1.0, source: str = "rm-primary") -> Any:
    return module_util("managed_aliyun").RdsDisasterRecovery(REGION, "rm-replica", source_region="", source=source, lag_s=lag_s)


@pytest.mark.sweep
def test_an_instance_is_fenced_promoted_and_given_back_by_playbooks(clouds: Clouds, tmp_path: Path) -> None:
    there = {"db_region": REGION, "db_instance": "rm-replica", "db_source": "rm-primary", "db_lag_s": "1.5"}
    here = {"db_region": REGION, "db_instance": "rm-primary"}

    fenced = play(tmp_path, "fence_aliyun_rds.yml", here)
    closed = dict(clouds.primary.lists)
    promoted = play(tmp_path, "promote_aliyun_rds.yml", there)
    released = play(tmp_path, "release_aliyun_rds.yml", here)

    assert [(run.failure, run.changed) for run in (fenced, promoted, released)] == [("", 1)] * 3
    assert closed == {"default": "127.0.0.1", "office": "127.0.0.1"}
    assert (clouds.primary.lists, clouds.primary.tags) == (LISTS, TAGS), "given back as they were"
    report = promoted.outputs["db_promote"]
    assert (report["engine"], report["lag_s"], report["undo"], report["after"]["role"]) == ("aliyun_rds", 1.5, "rebuild", "primary")


def test_a_check_writes_nothing_and_a_second_run_finds_nothing_to_do(clouds: Clouds) -> None:
    fence = module_util("managed_aliyun").RdsFence(REGION, "rm-primary")
    looked = [fence.fence(TAGS, check=True, wait=settle), promote(replica(), check=True)]
    untouched = list(clouds.writes)

    fenced = [fence.fence(TAGS, check=False, wait=settle) for _ in range(2)]
    promoted = [promote(replica()) for _ in range(2)]
    released = [fence.release(TAGS, check=False, wait=settle) for _ in range(2)]

    assert ([each["check_mode"] for each in looked], untouched) == ([True, True], [])
    assert [run["changed"] for run in (*fenced, *promoted, *released)] == [True, False] * 3
    assert promoted[1]["already_promoted"]


def test_a_polardb_network_goes_over_by_force_and_comes_home_by_a_switch(clouds: Clouds, tmp_path: Path) -> None:
    there = {"db_region": REGION, "db_instance": "pc-b", "db_network": "gdn-1"}

    over = play(tmp_path, "failover_polardb.yml", there)
    again, back = (promote(member(name, planned=True)) for name in ("pc-b", "pc-a"))

    assert (over.failure, over.changed, again["changed"], back["changed"]) == ("", 1, False, True)
    assert (over.outputs["db_promote"]["lag_s"], over.outputs["db_promote"]["undo"]) == (1.0, "failback")
    assert (clouds.polardb.forced, clouds.polardb.members["pc-a"].role) == ([True, False], "primary")


@pytest.mark.parametrize(
    ("change", "limits", "code"),
    [
        ({"tags": {}}, {}, "DB_NOT_OPTED_IN"),
        ({}, {"tags": {}}, "DB_SETTINGS"),
        ({"lag_s": None}, {}, "DB_LAG_UNKNOWN"),
        ({"lag_s": 9.0}, {}, "DB_LAG_TOO_HIGH lag_s=9 limit=5"),
        ({"source": ""}, {}, "DB_TWO_PRIMARIES nobody can see"),
        ({"source": "rm-primary"}, {}, "DB_TWO_PRIMARIES the old primary may"),
    ],
)
def test_a_promotion_that_would_harm_is_refused_and_nothing_is_written(
    clouds: Clouds, change: dict[str, Any], limits: dict[str, Any], code: str
) -> None:
    clouds.replica.tags = change.get("tags", clouds.replica.tags)
    database = replica(change.get("lag_s", 1.0), change.get("source", "rm-gone"))

    with pytest.raises(module_util("managed").Refused, match=code):
        promote(database, **limits)

    assert clouds.writes == []


@pytest.mark.usefixtures("clouds")
@pytest.mark.parametrize("accepted", [{"accept_data_loss": True}, {"max_lag_s": 10.0}])
def test_a_loss_that_a_person_accepts_is_promoted(accepted: dict[str, Any]) -> None:
    assert promote(replica(9.0, "rm-gone"), **accepted)["after"]["role"] == "primary"


@pytest.mark.usefixtures("clouds")
def test_a_source_that_is_gone_counts_as_fenced_and_one_that_nobody_sees_needs_a_reason() -> None:
    assert promote(replica(source="rm-gone"), check=True)["lag_known"]
    assert promote(replica(source=""), accept_unseen_source="the region is dark; the duty lead")["changed"]


@pytest.mark.parametrize("fault", ["lost", "unavailable"])
def test_a_missing_answer_is_read_back_and_never_asked_for_twice(clouds: Clouds, fault: Any) -> None:
    clouds.server.order("DeleteReplicationLink", fault)

    if fault == "unavailable":  # not carried out: it is still a replica
        with pytest.raises(module_util("managed").InDoubt):
            promote(replica(source="rm-gone"))
    report = promote(replica(source="rm-gone"))

    assert report["after"]["role"] == "primary"
    assert clouds.writes == ["DeleteReplicationLink"]


@pytest.mark.parametrize(
    ("fault", "key", "code"),
    [
        ("throttled", "secret", "DB_UNREACHABLE"),
        ("garbage", "secret", "DB_UNREACHABLE"),
        ("lost", "secret", "DB_UNREACHABLE"),
        (None, "wrong", "DB_NOT_ALLOWED"),
    ],
)
def test_no_error_of_the_sdk_escapes(clouds: Clouds, monkeypatch: pytest.MonkeyPatch, fault: Any, key: str, code: str) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key)
    if fault:
        clouds.server.order("DescribeDBInstanceAttribute", fault)

    with pytest.raises(module_util("managed").Refused, match=code):
        promote(replica())


@pytest.mark.usefixtures("clouds")
def test_a_dead_endpoint_is_unreachable_not_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_ENDPOINT_RDS", "http://127.0.0.1:9")

    with pytest.raises(module_util("managed").Refused, match="DB_UNREACHABLE"):
        replica()._instance.api.act("RestartDBInstance", DBInstanceId="rm-primary")


def test_lists_that_could_not_be_given_back_are_not_taken(clouds: Clouds) -> None:
    clouds.primary.lists["office"] = ",".join(f"192.0.2.{at}" for at in range(40))
    fence = module_util("managed_aliyun").RdsFence(REGION, "rm-primary")

    with pytest.raises(module_util("managed").Refused, match="cannot be kept"):
        fence.fence(TAGS, check=False, wait=lambda _done: None)

    assert clouds.writes == []


def test_a_fence_interrupted_between_its_lists_keeps_what_they_were(clouds: Clouds) -> None:
    fence = module_util("managed_aliyun").RdsFence(REGION, "rm-primary")
    clouds.server.order("ModifySecurityIps", "throttled")
    with pytest.raises(module_util("managed").Refused):
        fence.fence(TAGS, check=False, wait=lambda _done: None)
    clouds.primary.lists["default"] = "127.0.0.1"

    fence.fence(TAGS, check=False, wait=lambda done: done())
    clouds.primary.status = "Running"
    fence.release(TAGS, check=False, wait=lambda done: done())

    assert clouds.primary.lists == LISTS
