"""One drill answered by hand: what the world looks like while the traffic gate is open, and after everything came home."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.place import Engine, Fact, Place, eventually, new_place
from tests.e2e.world import (
    answer,
    awake,
    built,
    canary_rows,
    checkout,
    phone_log,
    query,
    question,
    reasons,
    resolved,
    takes_writes,
    timeline,
)

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("open-gate")]

A, B = ["127.0.1.1", "127.0.1.2"], ["127.0.2.1", "127.0.2.2"]
DRILL = "by-hand"


@dataclass
class Story:
    """What was seen from outside, moment by moment."""

    place: Place
    before: dict[str, Any] = field(default_factory=dict)
    at_gate: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    code: int = -1
    report: dict[str, Any] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    place = new_place()
    try:
        engine = place.run(DRILL, "--manual", "--keep", sets=("defaults.acknowledge.within=5m", "objectives.rto=3m"))
        story = Story(place)
        _until_the_traffic_gate(story, engine)
        story.at_gate = _look_at_the_open_gate(place)
        _to_the_end(story, engine)
        yield story
    finally:
        place.clear()


def _until_the_traffic_gate(story: Story, engine: Engine) -> None:
    place = story.place
    engine.fact("AcknowledgementRequested", gate="go")
    sandbox = place.sandbox()
    story.before = {"names": resolved(sandbox), "timeline": timeline(sandbox, "a"), "touched": engine.told("StepStarted")}
    answer(place, engine, "go")
    engine.fact("AcknowledgementRequested", gate="outage")
    acked = place.drill("ack", DRILL, "outage", "--as", "oncall", typed=question(place, "outage")["code"])
    assert acked.returncode == 0, acked.stderr
    answer(place, engine, "recover")
    engine.fact("AcknowledgementRequested", gate="traffic")


def _look_at_the_open_gate(place: Place) -> dict[str, Any]:
    sandbox = place.sandbox()
    question(place, "traffic")
    return {
        "names": resolved(sandbox),
        "b_writes": takes_writes(sandbox, "b"),
        "b_timeline": timeline(sandbox, "b"),
        "woken": awake(place),
        "a_writes": takes_writes(sandbox, "a"),
        "a_checkouts": [checkout(sandbox, address) for address in A],
        "built": built(place, DRILL),
        "b_checkouts": [checkout(sandbox, address) for address in B],
        "reasons": reasons(sandbox),
        "verified": [row["signature_verified"] for row in phone_log(sandbox)],
        "unsigned": _unsigned_text(sandbox.details["carrier"]["endpoint"]),
        "status": json.loads(place.drill("status", DRILL, "--json").stdout),
    }


def _unsigned_text(endpoint: str) -> int:
    """The HTTP status of a text that nobody signed."""
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=3)
    connection.request("POST", "/?PhoneNumbers=13900000001", headers={"x-acs-action": "SendSms", "x-acs-version": "2017-05-25"})
    status = connection.getresponse().status
    connection.close()
    return status


def _to_the_end(story: Story, engine: Engine) -> None:
    place = story.place
    for gate in ("traffic", "data_home", "traffic_home"):
        answer(place, engine, gate)
    story.code = engine.ended()
    sandbox = place.sandbox()
    streaming = "select count(*) from pg_stat_replication where state = 'streaming' and application_name = 'region_b'"
    story.after = {
        "names": resolved(sandbox),
        "a_writes": takes_writes(sandbox, "a"),
        "a_rows": canary_rows(sandbox, "a", DRILL),
        "a_checkouts": [checkout(sandbox, address) for address in A],
        "streams": query(sandbox, "a", streaming)[0][0],
        "b_recovers": query(sandbox, "b", "select pg_is_in_recovery()")[0][0],
        "b_follows": eventually(lambda: canary_rows(sandbox, "b", DRILL) == canary_rows(sandbox, "a", DRILL)),
        "built": built(place, DRILL),
        "b_servers": sandbox.status()["regions"]["b"]["instances"],
        "reasons": reasons(sandbox),
    }
    story.report, story.facts = place.report(DRILL), place.facts(DRILL)
    story.after["down"] = place.drill("sandbox", "down").returncode
    story.after["remains"] = place.remains()


def test_nothing_is_touched_before_the_lead_says_go(story: Story) -> None:
    assert story.before["touched"] == []
    assert story.before["names"] == A


def test_region_b_takes_writes_on_a_new_timeline_while_the_gate_is_open(story: Story) -> None:
    assert story.at_gate["b_writes"]
    assert story.at_gate["b_timeline"] > story.before["timeline"]


def test_region_a_refuses_every_write_although_its_processes_were_woken(story: Story) -> None:
    assert story.at_gate["woken"] > 0
    assert not story.at_gate["a_writes"]
    assert 200 not in story.at_gate["a_checkouts"]


def test_the_name_leads_to_region_b_while_the_gate_is_open(story: Story) -> None:
    assert story.at_gate["names"] == B


def test_terraforms_state_lists_the_app_servers_and_they_sell(story: Story) -> None:
    assert story.at_gate["built"] == ["b1", "b2"]
    assert story.at_gate["b_checkouts"] == [200, 200]


def test_the_phone_got_one_signed_text_a_phase_and_one_for_two_at_the_joint_gate(story: Story) -> None:
    assert story.at_gate["reasons"] == [
        "gate/go:lead",
        "gate/outage:oncall",
        "status/detect:oncall",
        "gate/recover:oncall",
        "gate/traffic:oncall",
    ]
    assert all(story.at_gate["verified"])
    assert story.at_gate["unsigned"] >= 400


def test_status_shows_the_open_gate_and_what_is_done(story: Story) -> None:
    status = story.at_gate["status"]

    assert status["state"] == "running"
    assert status["point_of_no_return"] is True
    assert {row["id"]: row["state"] for row in status["gates"]}["traffic"] == "open"
    assert {row["id"] for row in status["steps"] if row["state"] == "succeeded"} == {
        "outage.blackhole",
        "detect.heartbeat",
        "rebuild.capacity",
        "data.fence",
        "data.promote",
        "traffic.switch",
        "traffic.proof",
    }


def test_after_the_failback_region_a_sells_and_region_b_streams(story: Story) -> None:
    assert story.code == 0
    assert story.after["a_writes"]
    assert story.after["a_checkouts"] == [200, 200]
    assert story.after["streams"] == 1
    assert story.after["b_recovers"] is True
    assert story.after["b_follows"]
    assert story.after["names"] == A


def test_every_acknowledged_row_is_in_region_a_after_the_failback(story: Story) -> None:
    acknowledged = {fact["data"]["row"] for fact in story.facts if fact["kind"] == "CanaryAcknowledged"}

    assert len(acknowledged) > 100
    assert acknowledged - story.after["a_rows"] == set()


def test_what_was_built_says_under_which_urls_it_answers(story: Story) -> None:
    [built] = [
        fact["data"]["outputs"] for fact in story.facts if fact["kind"] == "StepSucceeded" and fact["data"]["step"] == "rebuild.capacity"
    ]

    entrances = [f"{address}:{urlsplit(built['health_url']).port}" for address in built["addresses"]]
    assert built["endpoints"] == [f"http://{entrance}" for entrance in entrances]
    assert built["health_url"] == f"http://{entrances[0]}/health"
    assert urlsplit(built["health_url"]).port is not None


def test_what_terraform_created_it_destroyed(story: Story) -> None:
    done = {fact["data"]["step"]: fact["data"]["outputs"] for fact in story.facts if fact["kind"] == "StepSucceeded"}

    assert sorted(done["rebuild.capacity"]["created"]) == sorted(done["release.capacity"]["destroyed"])
    assert story.after["built"] == []
    assert story.after["b_servers"] == []


def test_the_report_says_met_and_shows_message_answer_and_clocks_of_each_phase(story: Story) -> None:
    report = story.report

    assert (report["outcome"], report["exit_code"], report["mode"], report["auto_answered"]) == ("finished", 0, "sandbox", False)
    assert report["rto"]["met"] is True
    assert report["rpo"]["met"] is True
    assert report["rpo"]["lost_rows"] == 0
    for phase in report["phases"]:
        assert phase["state"] == "succeeded"
        assert phase["told"], phase["id"]
        assert phase["actual_s"] >= phase["human_s"] >= 0
        assert bool(phase["acknowledged_by"]) == (phase["id"] not in {"detect", "release"})
    assert {gate["id"]: gate["channel"] for gate in report["gates"]}["outage"] == "cli"


def test_the_four_clocks_add_up_to_the_recovery_time_to_the_millisecond(story: Story) -> None:
    clocks = story.report["clocks"]

    assert round(sum(clocks.values()) * 1000) == round(story.report["rto"]["actual_s"] * 1000)
    assert clocks["human_s"] > 0


def test_the_record_verifies_and_the_page_says_sandbox(story: Story) -> None:
    verified = story.place.drill("verify", str(story.place.report_dir(DRILL)))
    page = (story.place.report_dir(DRILL) / "index.html").read_text(encoding="utf-8")

    assert verified.returncode == 0, verified.stderr
    assert "sandbox" in page
    assert "沙箱" in page
    assert "hero is-ok" in page


def test_each_text_was_sent_once(story: Story) -> None:
    assert len(story.after["reasons"]) == len(set(story.after["reasons"]))


def test_sandbox_down_leaves_nothing(story: Story) -> None:
    assert story.after["down"] == 0
    assert story.after["remains"] == []
