"""Clusters kept by Patroni go over and come home, on a local server that speaks its documented REST API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.ansible import AnsibleRunner
from tests.clouds.modules import PLAYBOOKS, module_util
from tests.clouds.patroni_stub import USER, PatroniStub

LAST = "0/3000148"


class Regions:
    """Two clusters: `home` is written to at first, `away` follows it."""

    def __init__(self, folder: Path) -> None:
        self.home = PatroniStub("home.example.com")
        self.away = PatroniStub("away.example.com", follows=self.home)
        for stub in (self.home, self.away):
            stub.others = {"home.example.com": self.home, "away.example.com": self.away}
        self.password = folder / "password"
        self.password.write_text(USER + "\n")
        self.patroni = module_util("patroni")

    def cluster(self, stub: PatroniStub) -> Any:
        return self.patroni.Cluster(stub.name, ["http://127.0.0.1:9", stub.url], str(self.password))

    def limits(self, **more: Any) -> Any:
        return self.patroni.Limits(**{"last_lsn": LAST, "timeout_s": 20.0, "poll_s": 0.01, **more})

    def promote(self, *, check: bool = False, **more: Any) -> dict[str, Any]:
        report: dict[str, Any] = self.patroni.promote(self.cluster(self.away), self.cluster(self.home), self.limits(**more), check=check)
        return report

    def fence(self, *, check: bool = False) -> dict[str, Any]:
        there = {"host": "away.example.com", "port": 5432}
        report: dict[str, Any] = self.patroni.demote(self.cluster(self.home), there, self.limits(), check=check, streaming=False)
        return report

    def inventory(self, site: PatroniStub) -> dict[str, Any]:
        here = {"ansible_connection": "local", "patroni_password_file": str(self.password), "patroni_poll_s": 0.01}

        def host(stub: PatroniStub) -> dict[str, Any]:
            return {stub.name: {**here, "patroni_urls": [stub.url], "patroni_endpoint": {"host": stub.name, "port": 5432}}}

        other = self.home if site is self.away else self.away
        return {"all": {"children": {"pg_target": {"hosts": host(site)}, "pg_peer": {"hosts": host(other)}}}}


@pytest.fixture
def regions(tmp_path: Path) -> Iterator[Regions]:
    regions = Regions(tmp_path)
    yield regions
    regions.home.end()
    regions.away.end()


def test_a_cluster_is_fenced_promoted_and_brought_home_by_playbooks(regions: Regions, tmp_path: Path) -> None:
    rest: dict[str, Any] = {"check": False, "timeout_s": 90.0, "stopping": lambda: False, "on_task": lambda _: None}
    runner = AnsibleRunner(PLAYBOOKS, f"test-{tmp_path}")

    def play(playbook: str, site: PatroniStub) -> Any:
        return runner.play(playbook, inventory=regions.inventory(site), variables={"pg_primary_last_lsn": LAST}, **rest)

    fenced = play("fence_patroni.yml", regions.home)
    promoted = play("promote_patroni.yml", regions.away)
    away = (regions.away.writes, regions.home.writes)
    home = play("failback_patroni.yml", regions.home)

    assert [run.failure for run in (fenced, promoted, home)] == [""] * 3
    assert (away, regions.home.writes, regions.away.writes) == ((True, False), True, False)
    report = promoted.outputs["db_promote"]
    assert (report["engine"], report["lag_bytes"], report["lag_known"], report["after"]["timeline"]) == ("patroni", 0, True, 2)
    assert set(home.outputs) == {"db_rejoin", "db_switchover"}
    assert regions.home.config == {"ttl": 30, "loop_wait": 10}, "nothing of it is left in the configuration"


def test_a_check_changes_nothing_and_a_second_run_finds_nothing_to_do(regions: Regions) -> None:
    looked = [regions.fence(check=True), regions.promote(check=True)]
    untouched = regions.home.patched + regions.away.patched

    runs = [regions.fence(), regions.fence(), regions.promote(), regions.promote()]

    assert ([run["check_mode"] for run in looked], untouched) == ([True, True], [])
    assert [run["changed"] for run in runs] == [True, False, True, False]


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"last_lsn": ""}, "DB_LAG_UNKNOWN"),
        ({"last_lsn": "0/9000148", "max_lag_bytes": 100}, "DB_LAG_TOO_HIGH lag_bytes=100663296 limit=100"),
        ({}, "DB_TWO_PRIMARIES home.example.com is still written to"),
    ],
)
def test_a_promotion_that_would_harm_is_refused_and_changes_nothing(regions: Regions, limits: dict[str, Any], code: str) -> None:
    with pytest.raises(module_util("managed").Refused, match=code):
        regions.promote(**limits)

    assert regions.away.patched == []


def test_a_lost_primary_does_not_stop_the_promotion_and_an_accepted_loss_passes(regions: Regions) -> None:
    regions.home.end()

    assert regions.promote(last_lsn="", accept_data_loss=True)["after"]["writes"]


@pytest.mark.parametrize("dropped", ["lost", "gone"])
def test_a_missing_answer_is_read_back(regions: Regions, dropped: str) -> None:
    regions.fence()
    regions.away.drop_next_patch = dropped

    if dropped == "gone":
        with pytest.raises(module_util("managed").InDoubt):
            regions.promote()
    assert regions.promote()["after"]["writes"]
    assert regions.away.patched == [{"standby_cluster": None}]


def test_a_cluster_that_never_settles_is_in_doubt_not_promoted(regions: Regions) -> None:
    regions.fence()
    regions.away.stuck = True

    with pytest.raises(module_util("managed").InDoubt, match="is not written to after"):
        regions.promote(timeout_s=0.2)


def test_a_switchover_that_would_lose_writes_gives_the_role_back(regions: Regions) -> None:
    regions.away.position -= 100
    regions.away.stuck = True
    there = {"host": "away.example.com", "port": 5432}

    with pytest.raises(module_util("managed").Refused, match="DB_STANDBY_BEHIND"):
        regions.patroni.exchange(
            regions.cluster(regions.away), regions.cluster(regions.home), there, regions.limits(timeout_s=0.3), check=False
        )

    assert regions.home.patched[-1] == {"standby_cluster": None}
    assert regions.away.patched == []


def test_a_wrong_password_is_not_allowed_and_a_dead_cluster_is_unreachable(regions: Regions) -> None:
    refused = module_util("managed").Refused
    regions.password.write_text("patroni:wrong")
    with pytest.raises(refused, match="DB_NOT_ALLOWED"):
        regions.promote()
    regions.away.end()
    with pytest.raises(refused, match="DB_UNREACHABLE"):
        regions.promote()
