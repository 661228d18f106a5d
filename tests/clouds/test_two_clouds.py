"""The shipped live scenarios from end to end over emulated clouds, with real SDKs, Terraform, its provider, Ansible, PostgreSQL and DNS."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from drill.sandbox.layout import REGIONS
from tests.clouds.two_clouds import ALIYUN_TO_AWS, AWS_TO_AWS, SHOP, TwoClouds

pytestmark = [pytest.mark.real, pytest.mark.sweep]
PAIRS = [ALIYUN_TO_AWS, AWS_TO_AWS]


@pytest.fixture(scope="module")
def report(clouds: TwoClouds) -> dict[str, Any]:
    """The report of the one drill that every test here looks at."""
    done = clouds.drill("run", clouds.pair.scenario, "--live", "--confirm", clouds.pair.name, "--id", "both", *clouds.overrides())
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads((clouds.home / "reports" / "both" / "report.json").read_text(encoding="utf-8"))
    return found


def facts(clouds: TwoClouds, kind: str) -> list[dict[str, Any]]:
    lines = (clouds.home / "reports" / "both" / "facts.jsonl").read_text(encoding="utf-8").splitlines()
    return [row["data"] for row in map(json.loads, lines) if row["kind"] == kind]


def outputs(clouds: TwoClouds, step: str) -> dict[str, Any]:
    [found] = [row["outputs"] for row in facts(clouds, "StepSucceeded") if row["step"] == step]
    made: dict[str, Any] = found
    return made


def answers(clouds: TwoClouds) -> Iterator[str]:
    """The address behind each good answer that the users got, in order."""
    for row in facts(clouds, "ProbeSampled"):
        yield from (sample["address"] for sample in row.get("samples", [row]) if sample.get("ok"))


def test_it_refuses_to_touch_anything_without_being_told_so(clouds: TwoClouds) -> None:
    refused = clouds.drill("run", clouds.pair.scenario, *clouds.overrides())

    assert refused.returncode == 3
    assert "--live --confirm" in refused.stderr + refused.stdout


def test_a_dry_run_asks_both_clouds_and_writes_to_neither(clouds: TwoClouds) -> None:
    before = clouds.primary.state(), sorted(path.name for path in clouds.home.iterdir())

    seen = clouds.drill("run", "--dry-run", "--strict", clouds.pair.scenario, *clouds.overrides())

    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert {"DescribeInstances", "DescribeAvailabilityZones"} <= {*clouds.asked}
    assert any("/rrset" in name for name in clouds.names.asked)
    assert clouds.writes == []
    assert (clouds.primary.state(), sorted(path.name for path in clouds.home.iterdir())) == before


def test_it_ends_with_its_objectives_met_and_a_record_that_verifies(clouds: TwoClouds, report: dict[str, Any]) -> None:
    assert (report["outcome"], report["exit_code"], report["mode"]) == ("finished", 0, "live")
    assert report["outage_s"] < report["detected_s"] < report["no_return_s"] < report["verdict_s"]
    assert [row["severity"] for row in report["findings"] if row["code"] == "D531"] == ["warning"]  # emulated, and it says so
    verified = clouds.drill("verify", str(clouds.home / "reports" / "both"))

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert clouds.primary.cuts_by | {"StopInstances", "StartInstances", "CreateLoadBalancer", "RunInstances"} <= set(clouds.writes)
    assert clouds.troubles == []


def test_the_users_were_served_by_the_primary_then_by_what_was_built_then_by_the_primary(clouds: TwoClouds, report: dict[str, Any]) -> None:
    home, away = frozenset(REGIONS["a"]), frozenset(outputs(clouds, "rebuild.capacity")["addresses"])

    turns = [side for side, _ in itertools.groupby(answers(clouds), lambda address: home if address in home else away & {address} and away)]

    assert turns == [home, away, home]
    [runs] = [row["runs"] for row in report["probes"] if row["id"] == "checkout"]
    assert [site for site, _ in itertools.groupby(run["site"] for run in runs if run["ok"])] == ["primary", "standby", "primary"]
    assert clouds.standby.served == away


def test_everything_that_was_built_was_destroyed_and_the_cloud_itself_says_so(clouds: TwoClouds, report: dict[str, Any]) -> None:
    built, gone = outputs(clouds, "rebuild.capacity"), outputs(clouds, "release.capacity")

    assert sorted(gone["destroyed"]) == built["created"]
    assert {"aws_lb.site", "aws_instance.app[0]", "aws_vpc.site"} <= {*built["created"]}
    assert (sum(row["count"] for row in report["built"]), {row["left"] for row in report["built"]}) == (built["count"], {0})
    assert clouds.standby.serving == frozenset()
    assert clouds.account.holdings(clouds.standby.region) == clouds.standby.began


@pytest.mark.usefixtures("report")
def test_the_primary_is_as_it_was_and_so_is_the_name(clouds: TwoClouds) -> None:
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=False)
    server = clouds.sandbox.details["dns"]
    resolver.nameservers, resolver.port = [server["address"]], int(server["port"])

    assert clouds.primary.state() == clouds.primary.began
    assert sorted(row.to_text() for row in resolver.resolve(SHOP, "A")) == list(REGIONS["a"])
    assert [clouds.sql(region, "select pg_is_in_recovery()") for region in "ab"] == [[(False,)], [(True,)]]
