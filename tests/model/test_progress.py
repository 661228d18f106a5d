"""Progress: what is next, folded from facts, the same however they arrive."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Plan
from drill.model.progress import DECISIVE, MEASUREMENTS, Progress
from tests.model.story import Story, seal_all
from tests.model.story_pen import Ending
from tests.model.story_plan import sandbox_plan

_STORIES: tuple[Story, ...] = (
    Story(),
    Story(killed=True, retried=True),
    Story(recover_wait_s=20.0),
    Story(ending="aborted"),
    Story(ending="declined"),
    Story(ending="held"),
)


@cache
def _facts(number: int) -> tuple[Fact, ...]:
    return tuple(_STORIES[number].facts())


def _chain(*rows: tuple[Kind, dict[str, Any]]) -> list[Fact]:
    at = _facts(0)[0].at
    drafts = [Draft(kind, "engine", f"k/{number}", data, at, float(number), "e") for number, (kind, data) in enumerate(rows)]
    return seal_all("d", drafts)


def _step(kind: Kind, step: str = "a.x", attempt: int = 1, **data: Any) -> tuple[Kind, dict[str, Any]]:
    where: dict[str, Any] = {"phase": "a", "step": step, "attempt": attempt}
    extra: dict[Kind, dict[str, Any]] = {
        Kind.STEP_STARTED: {"kind": "noop", "no_return": False},
        Kind.STEP_SUCCEEDED: {"outputs": {}},
        Kind.STEP_FAILED: {"code": "A100", "error": "no", "fix": "do", "retryable": True, "in_doubt": False},
    }
    return kind, {**where, **extra.get(kind, {}), **data}


def _asked(gate: str = "a", *contacts: str) -> tuple[Kind, dict[str, Any]]:
    deadline = "2027-03-01T03:00:00.000000Z"
    data = {"gate": gate, "phases": [gate], "contacts": list(contacts or ("lead",)), "deadline": deadline, "within_s": 60.0}
    return Kind.ACKNOWLEDGEMENT_REQUESTED, data


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(_STORIES) - 1), st.lists(st.integers(1, 400), max_size=40))
def test_progress_is_the_same_whatever_the_batch_sizes(number: int, sizes: list[int]) -> None:
    facts = _facts(number)
    progress, at = Progress(), 0
    for size in sizes:
        progress.apply(facts[at : at + size])
        at += size

    progress.apply(facts[at:])

    assert progress == Progress().apply(facts)


@pytest.mark.parametrize("number", range(len(_STORIES)))
def test_measurements_change_nothing_about_what_is_next(number: int) -> None:
    facts = _facts(number)

    decisive = Progress().apply(fact for fact in facts if fact.kind in DECISIVE)

    whole = Progress().apply(facts)
    decisive.seq = whole.seq
    assert decisive == whole


def test_every_kind_is_either_decisive_or_a_measurement() -> None:
    assert frozenset(Kind) == DECISIVE | MEASUREMENTS
    assert not DECISIVE & MEASUREMENTS


@pytest.mark.parametrize(
    ("ending", "state", "exit_code"),
    [("finished", "finished", 0), ("aborted", "aborted", 4), ("declined", "declined", 4), ("held", "held", None)],
)
def test_the_state_of_a_drill_is_one_word(ending: Ending, state: str, exit_code: int | None) -> None:
    progress = Progress().apply(Story(ending=ending).facts())

    assert (progress.state, progress.exit_code) == (state, exit_code)


def test_a_drill_is_planned_then_running() -> None:
    facts = _facts(0)
    started = next(fact.seq for fact in facts if fact.kind is Kind.DRILL_STARTED)

    assert Progress().apply(facts[: started - 1]).state == "planned"
    assert Progress().apply(facts[:started]).state == "running"


def test_the_plan_is_read_back_whole() -> None:
    assert Progress().apply(_facts(0)).plan == sandbox_plan()
    assert isinstance(Progress().apply(_facts(0)).plan, Plan)


def test_attempts_count_what_started_and_failures_what_failed() -> None:
    rows = [
        _step(Kind.STEP_STARTED),
        _step(Kind.STEP_INTERRUPTED),
        _step(Kind.STEP_STARTED, attempt=2),
        _step(Kind.STEP_FAILED, attempt=2),
        _step(Kind.STEP_STARTED, attempt=3),
    ]

    row = Progress().apply(_chain(*rows)).step("a.x")

    assert (row.state, row.attempts, row.failed_attempts, row.running) == ("running", 3, 1, 3)
    assert (row.code, row.error, row.fix) == ("A100", "no", "do")


def test_a_step_nobody_heard_of_is_pending_and_a_gate_closed() -> None:
    assert Progress().step("a.x").state == "pending"
    assert Progress().gate("a").state == "closed"


def test_the_point_of_no_return_is_the_start_of_such_a_step_even_when_it_fails() -> None:
    facts = _chain(_step(Kind.STEP_STARTED, no_return=True), _step(Kind.STEP_FAILED))

    assert Progress().apply(facts[:1]).no_return
    assert Progress().apply(facts).no_return


def test_a_try_that_certainly_changed_nothing_is_before_the_point_of_no_return() -> None:
    first = (_step(Kind.STEP_STARTED, no_return=True), _step(Kind.STEP_FAILED, untouched=True))
    second = (_step(Kind.STEP_STARTED, attempt=2, no_return=True), _step(Kind.STEP_FAILED, attempt=2))

    assert not Progress().apply(_chain(*first)).no_return
    assert Progress().apply(_chain(*first, *second)).no_return
    assert Progress().apply(_chain(*second, *first)).no_return


@given(st.lists(st.sampled_from([None, False, True]), max_size=6))
def test_the_point_of_no_return_is_behind_unless_every_try_changed_nothing(tries: list[bool | None]) -> None:
    """Of each try: it was interrupted (None), or failed, surely before its act (True) or not (False)."""
    rows = []
    for number, sure in enumerate(tries, 1):
        rows.append(_step(Kind.STEP_STARTED, attempt=number, no_return=True))
        extra: dict[str, Any] = {} if sure is None else {"untouched": sure}
        rows.append(_step(Kind.STEP_INTERRUPTED if sure is None else Kind.STEP_FAILED, attempt=number, **extra))

    progress = Progress().apply(_chain(*rows))

    assert progress.no_return is progress.doubtful is not all(tries)


def test_undos_come_newest_first_until_they_are_done() -> None:
    rows = [(Kind.UNDO_REGISTERED, {"phase": "a", "step": f"a.{name}", "undo": {"of": name}}) for name in "xyz"]
    done = (Kind.UNDO_DONE, {"phase": "a", "step": "a.y"})
    failed = (Kind.UNDO_FAILED, {"phase": "a", "step": "a.z", "code": "A1", "error": "e", "fix": "f"})

    progress = Progress().apply(_chain(*rows, done, failed))

    assert progress.undos() == [("a.z", {"of": "z"}), ("a.x", {"of": "x"})]


def test_an_escalation_asks_one_more_person_and_moves_no_deadline() -> None:
    before = Progress().apply(_chain(_asked())).gate("a").deadline

    gate = Progress().apply(_chain(_asked(), (Kind.ESCALATED, {"gate": "a", "to": "oncall"}))).gate("a")

    assert (gate.asked, gate.round, gate.deadline) == (("lead", "oncall"), 1, before)


def test_a_person_confirms_once_and_a_no_confirms_nothing() -> None:
    def reply(contact: str, verb: str) -> tuple[Kind, dict[str, Any]]:
        return Kind.REPLY_RECEIVED, {"gate": "a", "contact": contact, "channel": "sms", "verb": verb}

    gate = Progress().apply(_chain(_asked(), reply("lead", "confirm"), reply("lead", "confirm"), reply("oncall", "reject"))).gate("a")

    assert gate.confirmed == ("lead",)


def test_wrong_codes_are_counted_by_gate_and_person() -> None:
    def wrong(reason: str) -> tuple[Kind, dict[str, Any]]:
        data = {"gate": None, "contact": "lead", "channel": "sms", "reason": reason, "charged": ["a", "b"]}
        return Kind.REPLY_REJECTED, data

    progress = Progress().apply(_chain(_asked(), wrong("wrong-code"), wrong("wrong-code"), wrong("late")))

    assert progress.gate("a").rejected == progress.gate("b").rejected == {"lead": 2}


def test_the_first_reason_to_stop_is_the_reason_and_a_hold_once_wanted_stays_wanted() -> None:
    def abort(reason: str, **data: Any) -> tuple[Kind, dict[str, Any]]:
        return Kind.ABORT_REQUESTED, {"reason": reason, "channel": "cli", **data}

    progress = Progress().apply(_chain(abort("first"), abort("second", hold=True), abort("third")))

    assert (progress.abort, progress.hold_wanted) == ("first", True)


_HELD = (Kind.DRILL_HELD, {"reason": "silence", "left": ["a.x"]})


def _decided(verb: str) -> tuple[Kind, dict[str, Any]]:
    return Kind.OPERATOR_DECIDED, {"verb": verb, "subject": "d"}


@pytest.mark.parametrize("verb", ["failback", "proceed"])
def test_a_decision_lifts_a_hold_and_its_reason(verb: str) -> None:
    abort = (Kind.ABORT_REQUESTED, {"reason": "silence", "channel": "silence", "hold": True})

    progress = Progress().apply(_chain(abort, _HELD, _decided(verb)))

    assert (progress.held, progress.abort, progress.hold_wanted, progress.decision) == (False, "", False, verb)


def test_two_people_who_decide_the_same_hold_lift_one_hold() -> None:
    progress = Progress().apply(_chain(_HELD, _decided("proceed"), _decided("failback"), _HELD))

    assert (progress.held, progress.holds, progress.decisions, progress.decision) == (True, 2, 1, "proceed")


@pytest.mark.parametrize("verb", ["retry", "skip"])
def test_other_decisions_leave_a_hold_as_it_is(verb: str) -> None:
    assert Progress().apply(_chain(_HELD, _decided(verb))).held


_QUESTIONS = (
    _asked("yes"),
    (Kind.ACKNOWLEDGED, {"gate": "yes", "contacts": ["lead"], "channel": "sms"}),
    _asked("no"),
    (Kind.DECLINED, {"gate": "no", "contact": "lead", "channel": "sms"}),
    _asked("open"),
    _HELD,
)


def test_a_person_who_proceeds_has_answered_every_question_but_nobody_elses_yes() -> None:
    progress = Progress().apply(_chain(*_QUESTIONS, _decided("proceed")))

    assert {gate: (row.state, row.answered_by) for gate, row in progress.gates.items()} == {
        "yes": ("acknowledged", ("lead",)),
        "no": ("acknowledged", ("operator",)),
        "open": ("acknowledged", ("operator",)),
    }


def test_a_person_who_turns_home_has_said_yes_to_nothing_on_the_way_out() -> None:
    progress = Progress().apply(_chain(*_QUESTIONS, _decided("failback")))

    assert (progress.gate("no").state, progress.gate("open").state) == ("declined", "open")


def test_a_question_on_the_way_home_is_answered_by_either_decision() -> None:
    progress = Progress().apply(_chain((Kind.FAILBACK_STARTED, {}), *_QUESTIONS, _decided("failback")))

    assert progress.gate("open").state == "acknowledged"


def test_an_end_says_what_is_left() -> None:
    progress = Progress().apply(_chain(_HELD, (Kind.DRILL_FINISHED, {"outcome": "aborted", "exit_code": 5, "left": ["dns"]})))

    assert (progress.state, progress.exit_code, progress.left) == ("aborted", 5, ("dns",))
