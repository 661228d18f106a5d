"""Promises about messages: the start told, the switch received, the questions answered; the carrier's part shown apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from drill.model.events import Draft, Fact, Kind, stamp
from drill.model.report import PromiseRow, Report
from drill.model.summarize import summarize
from tests.model.story import Story, redrafted, seal_all

DRILL = Story().drill


def report(facts: list[Fact]) -> Report:
    return summarize(facts, version="1.0.0")


def promises(drafts: list[Draft]) -> dict[str, PromiseRow]:
    return {row.id: row for row in report(seal_all(DRILL, drafts)).promises}


def told(**knobs: Any) -> list[Draft]:
    return redrafted(Story(**knobs).facts())


def without(drafts: list[Draft], *kinds: Kind, about: str = "") -> list[Draft]:
    return [row for row in drafts if row.kind not in kinds or about not in str(row.data.get("gate"))]


def delayed(row: Draft, by_s: float) -> Draft:
    """An answer whose carrier says it was sent so long before it was here."""
    return replace(row, data={**row.data, "provider_sent_at": stamp(row.at - timedelta(seconds=by_s))})


def test_a_drill_that_went_well_kept_every_promise() -> None:
    rows = promises(told())

    assert {name: row.met for name, row in rows.items()} == {"start": True, "switch": True, "answer": True}
    assert (rows["start"].target_s, rows["switch"].target_s, rows["answer"].target_s) == (30.0, 60.0, 300.0)
    assert 0 < (rows["start"].actual_s or 0) < 1
    assert rows["answer"].actual_s is not None


def test_a_start_no_provider_took_is_unmeasured_until_its_time_is_up_and_then_missed() -> None:
    silent = without(told(), Kind.MESSAGE_SENT, Kind.MESSAGE_DELIVERED)
    started = next(row.at for row in silent if row.kind is Kind.DRILL_STARTED)
    early = [row for row in silent if row.at < started + timedelta(seconds=25)]
    late = [*early, replace(early[-1], kind=Kind.FINDING_RAISED, key="finding/x", data={"code": "X", "what": "x", "fix": ""}, at=started)]
    late[-1] = replace(late[-1], at=started + timedelta(seconds=31), mono_s=silent[0].mono_s + 35)

    assert promises(early)["start"].met is None
    assert promises(late)["start"].met is False
    assert "No provider" in promises(late)["start"].why.en


def test_a_switch_without_a_receipt_is_no_promise_kept() -> None:
    rows = promises(without(told(), Kind.MESSAGE_DELIVERED))

    assert rows["switch"].met is not True
    assert rows["switch"].actual_s is None
    assert "No receipt" in rows["switch"].why.en


def test_a_receipt_of_another_phase_says_nothing_about_the_switch() -> None:
    drafts = without(told(), Kind.MESSAGE_SENT, about="traffic")

    assert promises(drafts)["switch"].actual_s is None


def test_a_question_nobody_answered_breaks_the_promise() -> None:
    rows = promises(told(ending="held"))

    assert (rows["answer"].met, rows["answer"].actual_s) == (False, None)
    assert "Nobody answered traffic" in rows["answer"].why.en


def test_what_the_carrier_took_is_shown_apart_from_what_the_person_took() -> None:
    drafts = [delayed(row, 0.75) if row.kind is Kind.REPLY_RECEIVED else row for row in told()]

    found = report(seal_all(DRILL, drafts))

    assert {row.carrier_delay_s for row in found.replies} == {0.75}
    assert next(row.carrier_s for row in found.promises if row.id == "answer") == 0.75


def test_a_carrier_whose_clock_is_ahead_took_no_time() -> None:
    drafts = [delayed(row, -2.0) if row.kind is Kind.REPLY_RECEIVED else row for row in told()]

    assert {row.carrier_delay_s for row in report(seal_all(DRILL, drafts)).replies} == {0.0}


def test_an_answer_given_in_time_and_delivered_late_is_listed_as_such() -> None:
    drafts = told()
    answer = next(row for row in drafts if row.kind is Kind.REPLY_RECEIVED)
    data = {"gate": "go", "contact": "lead", "channel": "sms", "reason": "late", "verb": "confirm", "given_in_time": True}
    late = replace(answer, kind=Kind.REPLY_REJECTED, key="reply/late", data=data)

    row = report(seal_all(DRILL, [*drafts, replace(late, at=drafts[-1].at, mono_s=drafts[-1].mono_s)])).replies[-1]

    assert (row.counted, row.reason, row.given_in_time) == (False, "late", True)


def test_a_drill_that_never_started_promised_nothing() -> None:
    facts = Story().facts()
    before = [fact for fact in facts if fact.seq < next(row.seq for row in facts if row.kind is Kind.DRILL_STARTED)]

    assert report(before).promises == ()
