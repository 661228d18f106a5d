"""Which looks the doctor takes at a plan's clouds, databases and names, and that it takes none without credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from drill.engine.doctor import Examination, examine
from drill.model.plan import Plan
from drill.model.ports import DatabaseAccess, StandbyState
from drill.settings import Settings
from drill.wiring.doctor_clouds import cloud_looks, data_looks
from drill.wiring.scenarios import open_scenario
from tests.fakes import FakeDns, FakeGround, FakeSecrets, fake_world
from tests.fakes_own import FakeDatabases, fake_own

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has nothing to show."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "ALIBABA_CLOUD_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def planned(name: str, *sets: str) -> Plan:
    return open_scenario(ROOT / "scenarios" / f"{name}.yaml", sets=sets).plan


def looks(plan: Plan, tmp_path: Path) -> list[Examination]:
    here = Settings(tmp_path, tmp_path, ROOT, f"sqlite:///{tmp_path / 'drill.sqlite'}", None)
    return cloud_looks(here, plan, FakeSecrets({}))


def test_without_credentials_each_cloud_is_one_error_with_its_remedy_and_nothing_is_asked(tmp_path: Path) -> None:
    found = examine(looks(planned("aliyun-to-aws-region-outage"), tmp_path))

    assert [(row.name, row.level, row.code) for row in found] == [
        ("credentials aliyun", "error", "F044"),
        ("credentials aws", "error", "F044"),
    ]
    assert all(row.fix for row in found)


def test_with_credentials_everything_that_a_plan_needs_of_a_cloud_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    image = "phases.rebuild.steps.capacity.terraform.apply.variables={image: ami-1, instance_type: m5.large, size: 4}"

    names = [each.name for each in looks(planned("aws-singapore-to-tokyo", image), tmp_path)]

    built = ("stock", "quota", "image")
    assert names == [
        *(f"{look} aws" for look in ("credentials", "clock", "rights", "regions")),
        *(f"{look} rebuild.capacity" for look in built),
    ]


def test_what_an_expression_will_say_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    later = "'{{ sites.standby.region }}'"
    written = f"phases.rebuild.steps.capacity.terraform.apply.variables={{image: {later}, instance_type: {later}}}"

    names = [each.name for each in looks(planned("aws-singapore-to-tokyo", written), tmp_path)]

    assert not [name for name in names if name.startswith(("stock", "quota", "image"))]


def test_a_plan_without_clouds_is_looked_at_in_none(tmp_path: Path) -> None:
    assert looks(planned("own-hosts-outage"), tmp_path) == []


class _Described(FakeGround):
    """A ground whose databases are known."""

    def database(self, site: str) -> DatabaseAccess:
        return DatabaseAccess("127.0.0.1", 1, "drill", site, Path("passfile"))


def test_the_standby_that_is_promoted_and_the_zone_whose_name_moves_are_looked_at() -> None:
    databases = FakeDatabases(StandbyState(True, True, 0.5))
    world = fake_world(ground=_Described({}), dns=FakeDns({}), own=fake_own(databases=databases))

    lag, delegation = data_looks(planned("aws-singapore-to-tokyo"), world)

    assert [row.level for row in examine([lag])] == ["ok"]
    assert delegation.name == "delegation example.com"
    named = planned("aws-singapore-to-tokyo", "zones.example.com={provider: route53, servers: ['192.0.2.53:53']}")
    assert [each.name for each in data_looks(named, world)] == ["replica lag standby"]


_HOME = {"rejoin": "rejoin", "roles": "switchover"}


def test_a_mysql_standby_that_is_promoted_is_looked_at_too() -> None:
    plan = planned(
        "own-hosts-outage",
        *(f"sites.{site}.database.engine=mysql" for site in ("primary", "standby")),
        "phases.data.steps.promote.database.promote.playbook=promote_mysql.yml",
        *(f"failback.phases.data_home.steps.{step}.ansible.play.playbook={play}_mysql.yml" for step, play in _HOME.items()),
        "canary={mysql: secret:CANARY}",
    )
    world = fake_world(ground=_Described({}), own=fake_own(databases=FakeDatabases(StandbyState(True, False, None, why="no way there"))))

    (row,) = examine([look for look in data_looks(plan, world) if look.name == "replica lag standby"])

    assert (row.level, row.code, "no way there" in row.detail) == ("error", "F058", True)
