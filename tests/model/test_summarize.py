"""One fold, any moment: the report tells what the facts hold, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.model.errors import JournalBroken
from drill.model.events import Draft, Fact, Kind, check_chain
from drill.model.plan import Mode
from drill.model.report import PhaseRow, Report, TrendPoint
from drill.model.summarize import summarize
from tests.model.story import Story, redrafted, seal_all

STORIES: Mapping[str, Story] = {
    "met": Story(every_s=0.2),
    "killed": Story(every_s=0.2, killed=True),
    "rebooted": Story(every_s=0.2, killed=True, rebooted=True),
    "retried": Story(every_s=0.2, retried=True),
    "aborted": Story(every_s=0.2, ending="aborted"),
    "declined": Story(every_s=0.2, ending="declined"),
    "held": Story(every_s=0.2, ending="held", within_s=4.0),
    "lost": Story(every_s=0.2, lost_rows=2, rpo_s=0.1),
    "missed": Story(every_s=0.2, rto_s=2.0),
    "down": Story(every_s=0.2, recovers=False),
}
FACTS = {name: story.facts() for name, story in STORIES.items()}


def read(facts: list[Fact]) -> Report:
    return summarize(facts, version="1.0.0")


def phase(report: Report, name: str) -> PhaseRow:
    return next(row for row in report.phases if row.id == name)


@pytest.mark.parametrize("name", FACTS)
def test_every_story_is_a_valid_chain(name: str) -> None:
    assert check_chain(FACTS[name])[0] == len(FACTS[name])


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(FACTS)), st.floats(0, 1))
def test_every_prefix_can_be_read_and_claims_nothing_without_evidence(name: str, share: float) -> None:
    facts = FACTS[name][: max(1, round(share * len(FACTS[name])))]

    report = read(facts)

    kinds = {fact.kind for fact in facts}
    assert report.evidence.head_digest == facts[-1].digest
    assert report.rto.met is not True or {Kind.OUTAGE_INJECTED, Kind.PROBE_SAMPLED} <= kinds
    assert report.rpo.met is not True or {Kind.OUTAGE_INJECTED, Kind.CANARY_FOUND} <= kinds
    assert (report.exit_code is None) == (report.outcome == "running")


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(FACTS)), st.sets(st.integers(1, 3000), max_size=400), st.sets(st.sampled_from(list(Kind)), max_size=6))
def test_facts_with_holes_can_be_read(name: str, holes: set[int], kinds: set[Kind]) -> None:
    gone = kinds - {Kind.DRILL_PLANNED}
    left = [fact for place, fact in enumerate(FACTS[name]) if place not in holes and fact.kind not in gone]

    report = read(seal_all("d", redrafted(left)))

    full = read(FACTS[name])
    assert not (report.rto.met is True and full.rto.met is False)


@settings(max_examples=25, deadline=None)
@given(st.integers())
def test_the_order_of_samples_in_the_journal_does_not_matter(seed: int) -> None:
    drafts = redrafted(FACTS["met"])
    places = [place for place, draft in enumerate(drafts) if draft.kind is Kind.PROBE_SAMPLED]
    mixed = list(places)
    Random(seed).shuffle(mixed)
    shuffled = list(drafts)
    for to, source in zip(places, mixed, strict=True):
        shuffled[to] = drafts[source]

    report, plain = read(seal_all("d", shuffled)), read(FACTS["met"])

    assert (report.rto, report.clocks) == (plain.rto, plain.clocks)
    assert {row.id: row for row in report.probes} == {row.id: row for row in plain.probes}


ENGINE_KINDS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.STEP_STARTED: {"phase": "data_home", "step": "data_home.roles", "attempt": 7, "kind": "ansible.play", "no_return": False},
    Kind.STEP_SUCCEEDED: {"phase": "data_home", "step": "data_home.roles", "attempt": 7, "outputs": {}},
    Kind.ACKNOWLEDGEMENT_REQUESTED: {
        "gate": "home",
        "phases": ["data_home"],
        "contacts": ["lead"],
        "deadline": "2027-03-01T02:01:00Z",
        "within_s": 9.0,
    },
    Kind.FINDING_RAISED: {"code": "X001", "what": "something", "fix": ""},
    Kind.OUTAGE_DETECTED: {"probe": "heartbeat", "misses": 3},
    Kind.ABORT_REQUESTED: {"reason": "late", "channel": "web"},
    Kind.UNDO_DONE: {"phase": "outage", "step": "outage.blackhole"},
    Kind.DRILL_HELD: {"reason": "late", "left": []},
}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(ENGINE_KINDS)), st.floats(0.1, 9)), max_size=8))
def test_engine_facts_after_the_verdict_do_not_change_the_recovery(extra: list[tuple[Kind, float]]) -> None:
    facts = FACTS["met"]
    verdict = next(fact for fact in facts if fact.kind is Kind.FAILBACK_STARTED)
    drafts = redrafted(facts)
    for n, (kind, later_s) in enumerate(extra):
        mono_s = verdict.mono_s + 4.5 + later_s
        drafts.append(Draft(kind, "engine", f"extra/{n}", ENGINE_KINDS[kind], verdict.at, mono_s, verdict.epoch))

    report, plain = read(seal_all("d", drafts)), read(facts)

    assert (report.rto, report.clocks, report.recovery) == (plain.rto, plain.clocks, plain.recovery)


def test_facts_without_a_plan_are_refused() -> None:
    with pytest.raises(JournalBroken, match="no plan"):
        read([])


def test_a_dry_run_is_unmeasured_everywhere() -> None:
    report = read(Story(every_s=0.2, mode=Mode.DRY_RUN).facts())

    assert (report.rto.actual_s, report.rto.met, report.rpo.actual_s, report.rpo.met) == (None, None, None, None)
    assert {row.actual_s for row in report.phases} | {row.actual_s for row in report.steps} == {None}
    assert (report.outage_s, report.detected_s, report.recovery, report.probes, report.fixes) == (None, None, None, (), ())
    assert report.clocks.machine_s is None


def test_a_phase_is_its_work_and_its_wait() -> None:
    report = read(FACTS["met"])

    for row in report.phases:
        assert row.actual_s == pytest.approx(row.human_s + (row.work_s or 0))
    assert phase(report, "rebuild").human_s == phase(report, "data").human_s == 1.3
    assert phase(report, "outage").human_s == 0.0


def test_the_bottleneck_is_the_phase_of_the_critical_path_that_the_recovery_spent_most_time_in() -> None:
    report = read(Story(every_s=0.2).facts())

    assert [row.id for row in report.phases if row.bottleneck] == ["rebuild"]
    assert {row.id for row in report.steps if row.critical} >= {"rebuild.capacity", "traffic.switch", "traffic.proof"}
    assert "data.promote" not in {row.id for row in report.steps if row.critical}


def test_every_phase_says_who_was_told_and_who_answered() -> None:
    report = read(FACTS["met"])

    assert phase(report, "rebuild").acknowledged_by == ("oncall",)
    assert (phase(report, "data").told, phase(report, "data").delivered, phase(report, "data").answered) == (True, True, True)
    detect = phase(report, "detect")
    assert (detect.asks, detect.told, detect.answered) == (False, True, False)


def test_a_question_that_went_on_is_late_and_escalated() -> None:
    report = read(Story(every_s=0.2, recover_wait_s=5.0, within_s=4.0).facts())

    gate = next(row for row in report.gates if row.id == "recover")

    assert (gate.late, gate.escalated_to, gate.answered_by, gate.wait_s) == (True, ("lead",), ("lead",), 5.0)
    assert {"V103", "V104"} <= {row.code for row in report.findings}


def test_a_message_is_joined_with_its_receipt() -> None:
    report = read(FACTS["met"])

    assert {row.state for row in report.messages} == {"delivered"}
    assert all((row.delivered_s or 0) > row.sent_s for row in report.messages)
    assert all(row.counted for row in report.replies)


def test_a_killed_engine_leaves_an_interrupted_try() -> None:
    report = read(FACTS["killed"])

    step = next(row for row in report.steps if row.id == "rebuild.capacity")

    assert (step.state, step.attempts, [row.state for row in step.tries]) == ("succeeded", 2, ["interrupted", "succeeded"])
    assert (step.tries[0].end_s or 0) < step.tries[1].start_s
    assert {"V102", "V110"} <= {row.code for row in report.findings}


def test_an_engine_that_comes_for_a_decision_after_a_hold_did_not_die() -> None:
    drafts = redrafted(FACTS["held"])
    last = drafts[-1]
    started = {"pid": 9, "host": "laptop", "version": "1"}
    drafts.append(Draft(Kind.ENGINE_STARTED, "engine", "engine/9", started, last.at, last.mono_s, "b00t1-301-12"))

    codes = {row.code for row in read(seal_all("d", drafts)).findings}

    assert "V123" in codes
    assert "V110" not in codes


def test_a_step_waiting_for_its_retry_is_running() -> None:
    facts = FACTS["retried"]
    retry = next(place for place, fact in enumerate(facts) if fact.kind is Kind.STEP_RETRY_SCHEDULED)

    report = read(facts[: retry + 1])

    step = next(row for row in report.steps if row.id == "rebuild.capacity")
    assert (step.state, step.end_s) == ("running", None)


def test_undos_say_what_became_of_them() -> None:
    met = {row.step: row.state for row in read(FACTS["met"]).undos}
    aborted = {row.step: row.state for row in read(FACTS["aborted"]).undos}
    held = {row.step: row.state for row in read(FACTS["held"]).undos}

    assert set(met.values()) == {"not needed"}
    assert set(aborted.values()) == {"done"}
    assert set(held.values()) == {"open"}


def test_an_aborted_drill_that_left_something_is_not_called_undone() -> None:
    *drafts, end = redrafted(FACTS["aborted"])
    left = replace(end, data={**end.data, "exit_code": 5, "left": ["the undo of rebuild.capacity failed"]})

    whole, partly = read(FACTS["aborted"]).summary.en, read(seal_all("d", [*drafts, left])).summary.en

    assert "undone." in whole
    assert "not everything is undone" in partly


def test_the_point_of_no_return_is_the_start_of_the_promote() -> None:
    report = read(FACTS["met"])

    promote = next(row for row in report.steps if row.id == "data.promote")
    assert report.no_return_s == promote.start_s
    assert read(FACTS["aborted"]).no_return_s is None


def test_a_skipped_step_is_a_deviation() -> None:
    drafts = [draft for draft in redrafted(FACTS["met"]) if draft.data.get("step") != "traffic.proof"]
    where = {"phase": "traffic", "step": "traffic.proof", "reason": "a person chose skip"}
    drafts.append(Draft(Kind.STEP_SKIPPED, "engine", "skip", where, drafts[-1].at, drafts[-1].mono_s, drafts[-1].epoch))

    report = read(seal_all("d", drafts))

    assert next(row.state for row in report.steps if row.id == "traffic.proof") == "skipped"
    assert "V101" in {row.code for row in report.findings}


def test_samples_sent_late_are_a_finding() -> None:
    drafts = []
    for draft in redrafted(FACTS["met"]):
        late = draft.kind is Kind.PROBE_SAMPLED and draft.data["user_view"] and draft.data["k"] % 10 == 0
        data = {**draft.data, "due_s": draft.data["due_s"] - 0.3} if late else draft.data
        drafts.append(Draft(draft.kind, draft.by, draft.key, data, draft.at, draft.mono_s, draft.epoch))

    assert "V106" in {row.code for row in read(seal_all("d", drafts)).findings}


def test_a_changed_plan_is_an_error() -> None:
    drafts = redrafted(FACTS["met"])
    first = drafts[0]
    drafts[0] = Draft(first.kind, first.by, first.key, {**first.data, "plan_digest": "0" * 64}, first.at, first.mono_s, first.epoch)

    assert "V113" in {row.code for row in read(seal_all("d", drafts)).findings}


def test_auto_answers_are_told() -> None:
    assert read(FACTS["met"]).auto_answered is True


def test_past_drills_travel_with_the_report() -> None:
    point = TrendPoint(drill="d0", at="2027-02-01T00:00:00Z", rta_s=9.0, met=True)

    assert summarize(FACTS["met"], trend=[point], version="1").trend == (point,)


def test_lengths_are_whole_milliseconds() -> None:
    document = read(FACTS["met"]).document()

    numbers = [value for row in (*document["phases"], *document["steps"]) for key, value in row.items() if key.endswith("_s") and value]
    assert all(round(number * 1000) == pytest.approx(number * 1000, abs=1e-6) for number in numbers)


def test_probe_runs_follow_one_another_and_name_the_site() -> None:
    checkout = next(row for row in read(FACTS["met"]).probes if row.id == "checkout")

    assert [run.site for run in checkout.runs][:3] == ["primary", "", "standby"]
    assert all(earlier.end_s == later.start_s for earlier, later in pairwise(checkout.runs))
    assert sum(run.samples for run in checkout.runs) == checkout.samples
