"""A shipped live scenario from end to end over emulated clouds, with real SDKs, Terraform, Ansible, PostgreSQL and DNS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drill.sandbox.layout import REGIONS
from tests.clouds.two_clouds import NAME, SHOP, TwoClouds

pytestmark = [pytest.mark.real, pytest.mark.sweep]
SCENARIO = f"scenarios/{NAME}.yaml"


@pytest.fixture(scope="module")
def report(clouds: TwoClouds) -> dict[str, Any]:
    """The report of the one drill that every test here looks at."""
    done = clouds.drill("run", SCENARIO, "--live", "--confirm", NAME, "--id", "both", *clouds.overrides())
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads((clouds.home / "reports" / "both" / "report.json").read_text(encoding="utf-8"))
    return found


def facts(clouds: TwoClouds, kind: str) -> list[dict[str, Any]]:
    lines = (clouds.home / "reports" / "both" / "facts.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["kind"] == kind]


def test_it_refuses_to_touch_anything_without_being_told_so(clouds: TwoClouds) -> None:
    refused = clouds.drill("run", SCENARIO, *clouds.overrides())

    assert refused.returncode == 3
    assert "--live --confirm" in refused.stderr + refused.stdout


def test_a_dry_run_asks_both_clouds_and_writes_to_neither(clouds: TwoClouds) -> None:
    before = clouds.aliyun.api.state(), sorted(path.name for path in clouds.home.iterdir())

    seen = clouds.drill("run", "--dry-run", "--strict", SCENARIO, *clouds.overrides())

    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert "DescribeInstances" in clouds.aliyun.log
    assert any("/rrset" in name for name in clouds.recorders[1].asked)
    assert clouds.writes == []
    assert (clouds.aliyun.api.state(), sorted(path.name for path in clouds.home.iterdir())) == before


def test_it_ends_with_its_objectives_met_and_a_record_that_verifies(clouds: TwoClouds, report: dict[str, Any]) -> None:
    assert (report["outcome"], report["exit_code"], report["mode"]) == ("finished", 0, "live")
    assert report["outage_s"] < report["detected_s"] < report["no_return_s"] < report["verdict_s"]
    assert [row["severity"] for row in report["findings"] if row["code"] == "D531"] == ["warning"]  # emulated, and it says so
    verified = clouds.drill("verify", str(clouds.home / "reports" / "both"))

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert {"ModifyInstanceAttribute", "RunInstances"} <= set(clouds.writes)
    assert clouds.troubles == []


@pytest.mark.usefixtures("report")
def test_the_users_were_served_from_both_clouds_in_turn(clouds: TwoClouds) -> None:
    seen = [
        sample["site"] for row in facts(clouds, "ProbeSampled") for sample in row["data"].get("samples", [row["data"]]) if sample.get("ok")
    ]

    turns = [site for number, site in enumerate(seen) if number == 0 or seen[number - 1] != site]
    assert turns[0] == turns[-1] == "primary"
    assert "standby" in turns


@pytest.mark.usefixtures("report")
def test_nothing_of_the_standby_runs_on_and_the_name_is_where_it_was(clouds: TwoClouds) -> None:
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=False)
    server = clouds.sandbox.details["dns"]
    resolver.nameservers, resolver.port = [server["address"]], int(server["port"])

    assert clouds.aws.running() == {}
    assert clouds.aliyun.api.state() == clouds.aliyun.began
    assert sorted(row.to_text() for row in resolver.resolve(SHOP, "A")) == list(REGIONS["a"])


def test_a_tabletop_drill_asks_people_and_ends_well_without_a_figure(clouds: TwoClouds) -> None:
    kind = ("--set", "messages.sms.kind=exempt")
    done = clouds.drill("run", "scenarios/tabletop.yaml", "--live", "--confirm", "tabletop", "--id", "talk", *kind)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "RTO and RPO are not judged" in done.stdout
