"""The exit code says how a drill ended, and the last line says why."""

from __future__ import annotations

import pytest

from drill.model.events import Draft, Kind
from drill.model.plan import Mode, Objectives
from drill.model.report import Outcome, Rpo, Rto
from drill.model.summarize import summarize
from drill.model.telling import label, said
from drill.model.verdict import exit_code_for, finished_code, verdict
from tests.model.story import Story, redrafted, seal_all

WHY = label("", "")


def rto(met: bool | None) -> Rto:  # noqa: FBT001 - the one thing that differs
    return Rto(target_s=8.0, actual_s=None, low_s=None, high_s=None, met=met, why=WHY)


def rpo(met: bool | None) -> Rpo:  # noqa: FBT001 - the one thing that differs
    return Rpo(target_s=8.0, actual_s=None, lost_rows=None, acknowledged_rows=0, met=met, why=WHY)


@pytest.mark.parametrize(
    ("rto_met", "rpo_met", "code"), [(True, True, 0), (False, True, 1), (True, None, 1), (None, True, 1), (True, False, 1)]
)
def test_a_finished_drill_is_zero_only_when_both_objectives_are_met(rto_met: bool | None, rpo_met: bool | None, code: int) -> None:  # noqa: FBT001 - parametrised
    assert exit_code_for("finished", rto=rto(rto_met), rpo=rpo(rpo_met)) == code


@pytest.mark.parametrize(("outcome", "code"), [("declined", 4), ("aborted", 4), ("failed", 4), ("held", 5), ("running", 5)])
def test_other_ends_have_their_own_code_whatever_was_measured(outcome: Outcome, code: int) -> None:
    assert exit_code_for(outcome, rto=rto(True), rpo=rpo(True)) == code


@pytest.mark.parametrize("outcome", ["finished", "aborted"])
def test_whatever_is_left_needs_a_person(outcome: Outcome) -> None:
    assert exit_code_for(outcome, rto=rto(True), rpo=rpo(True), left=["the DNS record"]) == 5


def test_a_dry_run_succeeds_without_a_measurement() -> None:
    assert exit_code_for("finished", rto=rto(None), rpo=rpo(None), unjudged=True) == 0


def test_the_exit_code_of_a_finished_drill_rules() -> None:
    drafts = redrafted(Story(every_s=0.2).facts())
    last = drafts[-1]
    data = {**last.data, "exit_code": 5, "left": ["a volume"]}
    drafts[-1] = Draft(last.kind, last.by, last.key, data, last.at, last.mono_s, last.epoch)

    report = summarize(seal_all("d", drafts), version="1")

    assert verdict(report).exit_code == 5
    assert "Left behind: a volume." in {row.what for row in report.findings}


def test_the_last_line_names_the_objective_that_was_missed_and_the_one_that_is_unmeasured() -> None:
    line = verdict(summarize(Story(every_s=0.2, rto_s=2.0, found=False).facts(), version="1")).last_line

    assert "RTO missed by" in line.en
    assert "RPO unmeasured" in line.en
    assert "RTO 超出" in line.zh


def test_a_held_drill_asks_for_a_decision() -> None:
    found = verdict(summarize(Story(every_s=0.2, ending="held", within_s=4.0).facts(), version="1"))

    assert (found.outcome, found.exit_code) == ("held", 5)
    assert "failback or proceed" in found.last_line.en


def test_a_drill_that_goes_on_after_a_hold_is_running_again() -> None:
    drafts = redrafted(Story(every_s=0.2, ending="held", within_s=4.0).facts())
    last = drafts[-1]
    choice = {"verb": "proceed", "subject": ""}
    drafts.append(Draft(Kind.OPERATOR_DECIDED, "person:lead", "decided/1", choice, last.at, last.mono_s + 1, last.epoch))

    assert verdict(summarize(seal_all("d", drafts), version="1")).outcome == "running"


def test_a_refused_drill_says_which_check_failed() -> None:
    drafts = redrafted(Story(ending="declined").facts())[:4]
    last = drafts[-1]
    check = {"check": "steady state", "ok": False, "detail": "checkout answers 503"}
    end = {"outcome": "refused", "exit_code": 3, "left": []}
    drafts.append(Draft(Kind.PREFLIGHT_CHECKED, "engine", "preflight/9", check, last.at, last.mono_s, last.epoch))
    drafts.append(Draft(Kind.DRILL_FINISHED, "engine", "finished", end, last.at, last.mono_s, last.epoch))

    found = verdict(summarize(seal_all("d", drafts), version="1"))

    assert found.exit_code == 3
    assert "checkout answers 503" in found.last_line.en


def test_a_dry_run_ends_with_what_it_is() -> None:
    found = verdict(summarize(Story(every_s=0.2, mode=Mode.DRY_RUN).facts(), version="1"))

    assert found.exit_code == 0
    assert "Nothing was measured" in found.last_line.en


@pytest.mark.parametrize(
    ("ms", "text"), [(40, "0.04 s"), (7400, "7.4 s"), (59_949, "59.9 s"), (59_950, "1:00"), (83_000, "1:23"), (3_723_000, "1:02:03")]
)
def test_lengths_are_said_as_people_read_them(ms: int, text: str) -> None:
    assert said(ms) == text


def test_a_drill_that_loses_nothing_ends_well_without_a_figure() -> None:
    objectives = Objectives(rto_s=1, rpo_s=1, rto_binds="none")
    told = summarize(Story(every_s=0.2).facts(), version="1")
    report = told.model_copy(update={"rto": rto(None), "rpo": rpo(None)})

    assert finished_code(report, objectives, []) == 0
    assert finished_code(report, objectives, ["the DNS record"]) == 5
    assert finished_code(report, objectives.model_copy(update={"rto_binds": "user"}), []) == 1
    assert "RTO and RPO are not judged" in verdict(report.model_copy(update={"exit_code": 0})).last_line.en
