"""What a report tells of messages: the three promises, the loop of each phase, answers that the carrier brought too late, and calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from drill.sandbox.phone import Phone
from tests.e2e.place import PROJECT, SCENARIO, Place

pytestmark = [pytest.mark.real, pytest.mark.sweep]

GATES = ("go", "outage")
TOO_LATE = "sent in time, delivered too late"


def test_an_answer_that_the_carrier_brings_after_the_deadline_is_listed_as_given_in_time(place: Place) -> None:
    assert place.drill("sandbox", "up").returncode == 0
    outage = ("within=6s", "silence=proceed", "then=[]")
    sets = (*(f"phases.outage.acknowledge.{what}" for what in outage), "objectives.rto=3m")
    engine = place.run("late", "--keep", sets=sets)
    engine.fact("Acknowledged", gate="go")
    phone = Phone(place.sandbox().layout.carrier)
    phone.order_fault("Reply", "delay", seconds=9.0)
    engine.fact("ReplyRejected", gate="outage", reason="late")

    assert engine.ended(within_s=120) == 0
    report = place.report("late")
    late = [row for row in report["replies"] if row["given_in_time"]]
    assert [(row["gate"], row["reason"], row["counted"]) for row in late] == [("outage", "late", False)]
    assert late[0]["carrier_delay_s"] >= 8.0
    page = (place.report_dir("late") / "index.html").read_text(encoding="utf-8")
    assert TOO_LATE in page or "按时发出，送达过晚" in page
    _promises(report, page)
    _loops(report, page)
    assert place.drill("sandbox", "down").returncode == 0


def _promises(report: dict[str, Any], page: str) -> None:
    """Start 30 s, switch 60 s, answer 5 min: measured, and shown with the carrier's share apart."""
    rows = {row["id"]: row for row in report["promises"]}
    assert {name: row["target_s"] for name, row in rows.items()} == {"start": 30.0, "switch": 60.0, "answer": 300.0}
    assert rows["start"]["met"] is rows["switch"]["met"] is True
    assert rows["start"]["actual_s"] < 30.0
    assert all(row["title"]["en"] in page or row["title"]["zh"] in page for row in rows.values())


def _loops(report: dict[str, Any], page: str) -> None:
    """Every phase says whether it was told, delivered and answered."""
    marks = {row["id"]: (row["told"], row["delivered"], row["answered"] if row["asks"] else None) for row in report["phases"]}
    assert marks["outage"] == (True, True, False)
    assert {marks[name] for name in ("go", "rebuild", "data", "traffic")} == {(True, True, True)}
    assert marks["detect"] == (True, True, None)
    assert "✓" in page


def _with_calls(place: Place) -> Path:
    """Lead and on-call are called, and texted only where no call is made."""
    body = yaml.safe_load((PROJECT / SCENARIO).read_text(encoding="utf-8"))
    purposes, languages = ("gate", "joint", "escalation"), ("en", "zh")
    asks = {purpose: {language: f"TTS_DRILL_{purpose}_{language}".upper() for language in languages} for purpose in purposes}
    thanks = {language: f"TTS_DRILL_THANKS_{language}".upper() for language in languages}
    body["messages"]["channels"] = {"call": {"voice": {"show": "secret:VOICE_SHOW", "templates": asks, "thanks": thanks}}}
    for person in ("lead", "oncall"):
        body["contacts"][person]["channels"] = ["call", "sms"]
    body["objectives"]["rto"] = "3m"
    path = place.base / "called.yaml"
    path.write_text(yaml.safe_dump(body, allow_unicode=True), encoding="utf-8")
    return path


def test_a_person_who_is_called_answers_with_a_key_and_with_a_code_by_text_before_anything_is_touched(place: Place) -> None:
    place.secrets["DRILL_SECRET_VOICE_SHOW"] = "057100000000"
    engine = place.start("run", str(_with_calls(place)), "--id", "called")

    go, outage = engine.fact("Acknowledged", gate="go"), engine.fact("Acknowledged", gate="outage")

    assert (go["data"]["contacts"], go["data"]["channel"]) == (["lead"], "sms")
    assert (outage["data"]["contacts"], outage["data"]["channel"]) == (["oncall"], "call")
    assert engine.ended(within_s=180) == 0
    report = place.report("called")
    ways = {gate: [(row["channel"], row["state"], row["code"]) for row in report["messages"] if row["gate"] == gate] for gate in GATES}
    assert ways == {"go": [("call", "rejected", "needs-code"), ("sms", "delivered", "OK")], "outage": [("call", "delivered", "OK")]}
    keyed = [fact["data"] for fact in place.facts("called") if fact["kind"] == "ReplyReceived" and fact["data"]["gate"] == "outage"]
    assert [(row["channel"], row["auto"]) for row in keyed] == [("call", True)]
    assert report["auto_answered"] is True
