"""Shared fate: whatever a drill needs in the region that it is about to lose is an error with a remedy; elsewhere it is not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.doctor_places import Place
from drill.engine.doctor import Advice, examine
from drill.engine.doctor_fate import SharedFate, Stand, lost_sites
from drill.model.errors import PreflightFailed, UsageError
from drill.settings import Settings
from drill.wiring.doctor_fates import refuse_shared_fate
from drill.wiring.doctor_stands import Stands, stands_said
from drill.wiring.scenarios import open_scenario
from tests.fakes import FakeSecrets

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
ACROSS = "aliyun-to-aws-region-outage"
WITHIN_AWS = "aws-singapore-to-tokyo"
HANGZHOU, SINGAPORE, TOKYO = Place("aliyun", "cn-hangzhou"), Place("aws", "ap-southeast-1"), Place("aws", "ap-northeast-1")


def settings(tmp_path: Path, url: str = "") -> Settings:
    return Settings(tmp_path, tmp_path / "reports", SCENARIOS.parent, url or f"sqlite:///{tmp_path / 'drill.sqlite'}", None)


def fates(
    tmp_path: Path,
    name: str,
    *sets: str,
    url: str = "",
    machine: Place | None = TOKYO,
    secrets: Mapping[str, str] | None = None,
) -> dict[str, Advice]:
    opened = open_scenario(SCENARIOS / f"{name}.yaml", sets=sets)
    lost = lost_sites(opened.plan, opened.kinds)
    stands = Stands(opened.plan, settings(tmp_path, url), FakeSecrets(dict(secrets or {})), tuple(lost), lambda: machine)
    return {row.name.removeprefix("shared fate "): row for row in examine([SharedFate(lost, stands.all)])}


def refused(found: Mapping[str, Advice]) -> set[str]:
    assert all(row.code == "F052" and row.fix for row in found.values() if row.level == "error")
    return {name for name, row in found.items() if row.level == "error"}


def test_a_worker_in_the_lost_region_is_an_error_and_takes_its_files_with_it(tmp_path: Path) -> None:
    there = fates(tmp_path, WITHIN_AWS, machine=SINGAPORE)
    elsewhere = fates(tmp_path, WITHIN_AWS, machine=TOKYO)

    assert refused(there) == {"worker", "journal", "state rebuild.capacity"}
    assert refused(elsewhere) == set()
    assert elsewhere["worker"].level == "ok"


def test_the_same_region_name_of_the_other_cloud_is_another_place(tmp_path: Path) -> None:
    assert "worker" not in refused(fates(tmp_path, WITHIN_AWS, machine=Place("aliyun", "ap-southeast-1")))


def test_a_worker_that_nobody_knows_the_place_of_is_a_warning_that_says_how_to_tell(tmp_path: Path) -> None:
    found = fates(tmp_path, WITHIN_AWS, machine=None)

    assert (found["worker"].level, "DRILL_STANDS" in found["worker"].fix) == ("warning", True)
    assert "journal" not in found


def test_what_is_said_by_hand_counts_more_than_what_the_machine_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_STANDS", "worker=own, state=aws/ap-southeast-1")

    found = fates(tmp_path, WITHIN_AWS, machine=SINGAPORE)

    assert refused(found) == {"state rebuild.capacity"}
    assert found["worker"].detail.endswith("on own ground")


@pytest.mark.parametrize("text", ["worker", "worker=aws", "engine=aws/eu-west-1", "worker=/eu-west-1"])
def test_places_said_wrongly_are_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(UsageError, match=r"DRILL_STANDS") as refusal:
        stands_said(text)

    assert refusal.value.code == "U049"


@pytest.mark.parametrize(
    ("host", "lost"),
    [("shop.abc.ap-southeast-1.rds.amazonaws.com", True), ("db.singapore.example.com", True), ("db.example.com", False)],
)
def test_a_journal_in_the_lost_region_or_in_the_lost_sites_own_database_is_an_error(tmp_path: Path, host: str, *, lost: bool) -> None:
    found = fates(tmp_path, WITHIN_AWS, url=f"postgresql+psycopg://drill:secret@{host}/drill")

    assert refused(found) == ({"journal", "state rebuild.capacity"} if lost else set())
    assert "secret" not in str(found)


def test_a_terraform_state_is_sought_where_its_backend_is(tmp_path: Path) -> None:
    def backend(text: str) -> set[str]:
        return refused(fates(tmp_path, WITHIN_AWS, f"phases.rebuild.steps.capacity.terraform.apply.backend={text}"))

    assert backend("{s3: {bucket: states, region: ap-southeast-1}}") == {"state rebuild.capacity"}
    assert backend("{s3: {bucket: states, region: eu-west-1}}") == set()
    assert "state rebuild.capacity" in backend('{http: {address: "https://states.s3.ap-southeast-1.amazonaws.com/x"}}')


@pytest.mark.parametrize(
    "address",
    [
        "postgres://states@db.singapore.example.com/terraform",
        "host=db.singapore.example.com dbname=terraform",
        "dbname=terraform host = 'states.abc.ap-southeast-1.rds.amazonaws.com'",
    ],
)
def test_a_terraform_state_in_a_database_is_sought_where_that_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    at = "phases.rebuild.steps.capacity.terraform.apply.backend="
    monkeypatch.setenv("PG_CONN_STR", address)

    assert refused(fates(tmp_path, WITHIN_AWS, at + "{pg: {}}")) == {"state rebuild.capacity"}
    assert refused(fates(tmp_path, WITHIN_AWS, at + "{http: {address: 'https://states.example.com'}}")) == set()


def test_images_and_keys_of_the_lost_region_are_errors(tmp_path: Path) -> None:
    key = '{"key": "arn:aws:kms:%s:123456789012:key/1", "image": "123456789012.dkr.ecr.ap-southeast-1.amazonaws.com/shop:3"}'
    at = "phases.rebuild.steps.capacity.terraform.apply.variables="

    assert refused(fates(tmp_path, WITHIN_AWS, at + key % "ap-southeast-1")) == {"rebuild.capacity key", "rebuild.capacity image"}
    assert refused(fates(tmp_path, WITHIN_AWS, at + key % "ap-northeast-1")) == {"rebuild.capacity image"}


def test_the_queue_of_answers_in_the_lost_region_is_an_error_unless_answers_are_pushed(tmp_path: Path) -> None:
    assert refused(fates(tmp_path, ACROSS, "messages.sms.inbound=queue")) == {"SMS queue"}
    assert refused(fates(tmp_path, ACROSS, "messages.sms.inbound=push")) == set()
    assert refused(fates(tmp_path, WITHIN_AWS, "messages.sms.inbound=queue")) == set()


def test_the_queue_of_answers_from_abroad_is_sought_behind_its_secret(tmp_path: Path) -> None:
    abroad = "messages.sms.abroad={provider: aws, region: ap-southeast-1, replies: 'secret:REPLIES'}"
    there = {"REPLIES": "https://sqs.ap-southeast-1.amazonaws.com/123456789012/replies"}
    found = fates(tmp_path, WITHIN_AWS, abroad, secrets=there)

    assert refused(found) == {"answers abroad"}
    assert "123456789012" not in str(found)
    assert "answers abroad" not in fates(tmp_path, WITHIN_AWS, abroad)


def test_an_api_of_names_in_the_lost_region_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = "zones.example.com={provider: alidns}"

    assert refused(fates(tmp_path, ACROSS, zone)) == {"names of example.com"}
    assert refused(fates(tmp_path, ACROSS, "zones.example.com={provider: gtm, region: cn-hangzhou}")) == {"names of example.com"}
    assert refused(fates(tmp_path, ACROSS, "zones.example.com={provider: alidns, region: cn-shanghai}")) == set()

    monkeypatch.setenv("ALIBABA_ENDPOINT_ALIDNS", "https://alidns.ap-southeast-1.aliyuncs.com")
    assert refused(fates(tmp_path, ACROSS, zone)) == set()


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_shipped_scenario_needs_what_it_takes_away(tmp_path: Path, path: Path) -> None:
    assert refused(fates(tmp_path, path.stem, machine=Place("aws", "eu-west-1"))) == set()


def test_the_control_plane_of_route_53_goes_with_its_one_region(tmp_path: Path) -> None:
    assert "names of example.com" in refused(fates(tmp_path, WITHIN_AWS, "sites.primary.region=us-east-1"))


def test_a_name_server_at_the_lost_site_is_an_error(tmp_path: Path) -> None:
    def zone(address: str) -> set[str]:
        return refused(fates(tmp_path, WITHIN_AWS, f"zones.example.com={{provider: rfc2136, servers: ['{address}:53']}}"))

    assert zone("192.0.2.30") == {"names of example.com"}
    assert zone("203.0.113.9") == set()


@pytest.mark.parametrize(
    "name", ["availability-zone-loss", "host-loss", "tabletop", "traffic-only", "database-only", "database-only-mysql"]
)
def test_a_plan_that_takes_less_than_a_region_away_shares_no_fate(tmp_path: Path, name: str) -> None:
    opened = open_scenario(SCENARIOS / f"{name}.yaml", sets=())

    assert lost_sites(opened.plan, opened.kinds) == []
    assert [row.level for row in fates(tmp_path, name).values()] == ["ok"]


@pytest.fixture
def real_clouds(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable leads to an emulator."""
    for name in list(os.environ):
        if name.startswith(("AWS_ENDPOINT_URL", "ALIBABA_ENDPOINT_")):
            monkeypatch.delenv(name)


def refused_from(tmp_path: Path, machine: Place | None) -> str:
    """What a drill that starts on a machine there is refused with."""
    plan = open_scenario(SCENARIOS / f"{WITHIN_AWS}.yaml", sets=()).plan
    try:
        refuse_shared_fate(settings(tmp_path), plan, lambda: machine)
    except PreflightFailed as error:
        return f"{error.code} {error.what}"
    return ""


@pytest.mark.usefixtures("real_clouds")
def test_a_live_drill_does_not_start_from_the_region_that_it_takes_away(tmp_path: Path) -> None:
    refusal = refused_from(tmp_path, SINGAPORE)

    assert refusal.startswith("F052 worker: this machine stands in aws ap-southeast-1")
    assert "; journal: " in refusal
    assert refused_from(tmp_path, TOKYO) == ""
    assert refused_from(tmp_path, None) == ""


@pytest.mark.usefixtures("real_clouds")
def test_a_journal_in_the_region_is_refused_wherever_the_worker_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_STANDS", "worker=own,journal=aws/ap-southeast-1")

    assert refused_from(tmp_path, None).startswith("F052 journal: ")


@pytest.mark.usefixtures("real_clouds")
def test_emulated_clouds_lose_no_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert refused_from(tmp_path, SINGAPORE) == ""


def test_nothing_is_looked_for_when_no_region_is_lost() -> None:
    def never() -> list[Stand]:
        raise AssertionError

    (only,) = examine([SharedFate((), never)])

    assert only.level == "ok"


def test_a_place_that_need_not_be_known_is_no_warning(tmp_path: Path) -> None:
    stand: dict[str, Any] = {"what": "x", "provider": "", "region": "", "where": "it", "fix": "Move it."}
    lost = open_scenario(SCENARIOS / f"{ACROSS}.yaml", sets=()).plan.sites[:1]
    quiet, asking = examine([SharedFate(lost, lambda: [Stand(**stand, tell=""), Stand(**stand)])])

    assert (quiet.level, asking.level) == ("ok", "warning")
    assert tmp_path.exists()
