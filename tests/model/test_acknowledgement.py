"""Which answers count: only the asked person's, with the gate's code, in time, and never twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.acknowledgement import WRONG_CODES_ALLOWED, Judgement, OpenGate, judge
from drill.model.replies import Reply, Verb, parse

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
REBUILD = OpenGate("rebuild", frozenset({"oncall", "lead"}), {"oncall": "4821", "lead": "5093"}, NOW + timedelta(seconds=60))
GO = OpenGate("go", frozenset({"oncall"}), {"oncall": "777001"}, NOW + timedelta(seconds=60), destructive=True)


def say(text: str, *gates: OpenGate, contact: str | None = "oncall", after_s: float = 0.0, sent_s: float | None = None) -> Judgement:
    sent_at = None if sent_s is None else NOW + timedelta(seconds=sent_s)
    return judge(parse(text), contact=contact, open_gates=gates, now=NOW + timedelta(seconds=after_s), sent_at=sent_at)


@pytest.mark.parametrize(
    ("text", "outcome"), [("1 4821", "confirm"), ("2 4821", "decline"), ("9 4821", "abort"), ("1", "confirm"), ("不", "decline")]
)
def test_the_asked_person_with_the_code_or_the_only_open_gate_counts(text: str, outcome: str) -> None:
    judgement = say(text, REBUILD)

    assert (judgement.outcome, judgement.gate, judgement.closes, judgement.counted) == (outcome, "rebuild", True, True)


def test_a_stranger_never_counts_even_with_the_code() -> None:
    assert say("1 4821", REBUILD, contact=None).reason == "stranger"
    assert say("9", REBUILD, contact=None).reason == "stranger"


def test_a_contact_who_was_not_asked_never_counts() -> None:
    assert say("1 4821", REBUILD, contact="manager").reason == "not-asked"
    assert say("9", REBUILD, contact="manager").reason == "not-asked"


def test_another_persons_code_is_a_wrong_code() -> None:
    assert say("1 5093", REBUILD).reason == "wrong-code"
    assert say("1 5093", REBUILD, contact="lead").outcome == "confirm"


def test_a_wrong_code_is_charged_to_every_open_gate_of_the_person() -> None:
    judgement = say("1 1111", REBUILD, GO)

    assert (judgement.reason, judgement.gate, judgement.charged) == ("wrong-code", None, ("rebuild", "go"))


def test_three_wrong_codes_lock_the_person_out_but_not_from_aborting_nor_anybody_else() -> None:
    locked = replace(REBUILD, wrong_codes={"oncall": WRONG_CODES_ALLOWED})

    assert say("1 4821", locked).reason == "locked"
    assert say("1", locked).reason == "locked"
    assert say("1 1111", locked).reason == "locked"
    assert say("9 4821", locked).outcome == "abort"
    assert say("1 5093", locked, contact="lead").outcome == "confirm"


def test_an_abort_with_a_mistyped_code_is_obeyed_and_names_the_gate_whose_code_it_has() -> None:
    other = replace(REBUILD, id="traffic", codes={"oncall": "6214"})

    assert (say("9 1111", REBUILD).outcome, say("9 1111", REBUILD).charged) == ("abort", ())
    assert say("9 4821", REBUILD, other).gate == "rebuild"
    assert say("9 6214", REBUILD, other).gate == "traffic"


def test_two_wrong_codes_do_not_lock_yet() -> None:
    assert say("1 4821", replace(REBUILD, wrong_codes={"oncall": WRONG_CODES_ALLOWED - 1})).outcome == "confirm"


def test_a_destructive_gate_needs_its_code_for_any_answer_but_an_abort() -> None:
    assert say("1", GO).reason == "needs-code"
    assert say("2", GO).reason == "needs-code"
    assert say("9", GO).outcome == "abort"
    assert say("1 777001", GO).outcome == "confirm"


def test_an_answer_without_code_is_ambiguous_when_two_gates_are_open() -> None:
    other = replace(REBUILD, id="traffic", codes={"oncall": "6214"})

    assert say("1", REBUILD, other).reason == "ambiguous"
    assert say("1 6214", REBUILD, other).gate == "traffic"
    assert say("9", REBUILD, other).outcome == "abort"


def test_a_closed_gate_does_not_make_the_open_one_ambiguous() -> None:
    closed = replace(GO, state="acknowledged", answers={"oncall": "confirm"})

    assert say("1", closed, REBUILD).gate == "rebuild"


def test_an_answer_after_the_deadline_is_late_by_our_clock_and_says_whether_it_was_given_in_time() -> None:
    assert say("1 4821", REBUILD, after_s=60).outcome == "confirm"
    late, given = say("1 4821", REBUILD, after_s=61, sent_s=61), say("1 4821", REBUILD, after_s=61, sent_s=59)

    assert (late.reason, late.given_in_time) == ("late", False)
    assert (given.reason, given.given_in_time) == ("late", True)


@pytest.mark.parametrize("state", ["acknowledged", "declined", "expired"])
def test_a_closed_gate_takes_no_more_votes(state: str) -> None:
    closed = replace(REBUILD, state=state, answers={"lead": "confirm"})  # type: ignore[arg-type]

    assert say("1 4821", closed).reason == "late"
    assert say("2", closed).reason == "late"
    assert say("1 5093", closed, contact="lead").reason == "duplicate"
    assert say("9", closed).outcome == "abort"


def test_the_same_answer_again_is_a_duplicate_and_a_change_to_no_counts_while_open() -> None:
    answered = replace(REBUILD, quorum=2, answers={"oncall": "confirm"})

    assert say("1 4821", answered).reason == "duplicate"
    assert say("2 4821", answered).outcome == "decline"


def test_a_quorum_counts_persons_not_answers() -> None:
    first = say("1 4821", replace(REBUILD, quorum=2))
    second = say("1 5093", replace(REBUILD, quorum=2, answers={"oncall": "confirm"}), contact="lead")

    assert (first.outcome, first.closes) == ("confirm", False)
    assert (second.outcome, second.closes) == ("confirm", True)


def test_with_four_eyes_the_starter_may_decline_but_not_confirm() -> None:
    gate = replace(REBUILD, four_eyes=True, starter="oncall")

    assert say("1 4821", gate).reason == "needs-other"
    assert say("2 4821", gate).outcome == "decline"
    assert say("1 5093", gate, contact="lead").outcome == "confirm"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello there", "unknown-text"),
        ("4821", "unknown-text"),
        ("?", "help"),
        ("状态", "status"),
        ("退订", "optout"),
        ("1 4821?", "unknown-text"),
    ],
)
def test_what_is_no_answer_is_told_apart(text: str, reason: str) -> None:
    assert say(text, REBUILD).reason == reason


def test_with_nothing_asked_there_is_nothing_to_answer() -> None:
    assert say("1 4821").reason == "nothing-open"
    assert say("9").reason == "nothing-open"


def test_a_gate_shows_no_code_and_takes_a_function_for_its_codes() -> None:
    gate = replace(REBUILD, codes=lambda contact: {"oncall": "4821"}.get(contact, "9999"))

    assert "4821" not in repr(REBUILD)
    assert say("1 4821", gate).outcome == "confirm"


CONTACTS = st.sampled_from(["oncall", "lead", "manager"])
CODES = st.sampled_from(["1234", "2345", "3456", "4567", "123456", "234567"])
VERBS: st.SearchStrategy[Verb] = st.sampled_from(["confirm", "reject", "abort", "help", "status", "optout", "unknown"])


@st.composite
def gates(draw: st.DrawFn, name: str) -> OpenGate:
    asked = draw(st.frozensets(CONTACTS, min_size=1))
    return OpenGate(
        name,
        asked,
        {contact: draw(CODES) for contact in sorted(asked)},
        NOW + timedelta(seconds=draw(st.integers(-5, 5))),
        destructive=draw(st.booleans()),
        state=draw(st.sampled_from(["open", "open", "acknowledged", "expired"])),
        quorum=draw(st.integers(1, 2)),
        answers=draw(st.dictionaries(CONTACTS, st.sampled_from(["confirm", "reject"]), max_size=1)),
        wrong_codes=draw(st.dictionaries(CONTACTS, st.integers(0, 4))),
        four_eyes=draw(st.booleans()),
        starter=draw(st.none() | CONTACTS),
    )


Case = tuple[tuple[OpenGate, ...], Reply, str | None]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Gates, a reply and a sender; the reply often carries a code that one of the gates gave out."""
    world = tuple(draw(gates(f"g{n}")) for n in range(draw(st.integers(0, 3))))
    contact = draw(st.none() | CONTACTS | CONTACTS | CONTACTS)
    known = [gate.code_of(contact) for gate in world if contact in gate.asked] if contact else []
    code = draw(st.sampled_from([*known, *known, "9999", None, None]) | CODES)
    return world, Reply(draw(VERBS), code), contact


@given(cases())
def test_nothing_advances_a_gate_but_its_asked_person_in_time_and_with_proof(case: Case) -> None:
    world, reply, contact = case
    judgement = judge(reply, contact=contact, open_gates=world, now=NOW)
    if judgement.outcome not in {"confirm", "decline"}:
        return

    [gate] = [each for each in world if each.id == judgement.gate]
    mine = [each for each in world if contact in each.asked and each.state == "open"]
    assert contact in gate.asked
    assert gate.state == "open"
    assert gate.deadline >= NOW
    assert gate.wrong_codes.get(contact or "", 0) < WRONG_CODES_ALLOWED
    assert reply.verb == {"confirm": "confirm", "decline": "reject"}[judgement.outcome]
    assert gate.answers.get(contact or "") != reply.verb
    assert not (judgement.outcome == "confirm" and gate.four_eyes and gate.starter == contact)
    assert (mine == [gate] and not gate.destructive) if reply.code is None else gate.code_of(contact or "") == reply.code


@given(cases())
def test_an_abort_needs_an_asked_person_and_no_code_since_stopping_is_the_safe_direction(case: Case) -> None:
    world, reply, contact = case
    mine = [gate for gate in world if contact in gate.asked]

    judgement = judge(reply, contact=contact, open_gates=world, now=NOW)

    assert (judgement.outcome == "abort") == (reply.verb == "abort" and bool(mine))


@given(cases())
def test_every_rejection_has_a_reason_and_every_counted_answer_a_gate(case: Case) -> None:
    world, reply, contact = case

    judgement = judge(reply, contact=contact, open_gates=world, now=NOW)

    assert (judgement.reason is None) == judgement.counted
    assert judgement.gate is not None or not judgement.counted
    assert not judgement.charged or judgement.reason == "wrong-code"


@given(cases())
def test_an_answer_judged_twice_counts_once(case: Case) -> None:
    world, reply, contact = case
    first = judge(reply, contact=contact, open_gates=world, now=NOW)
    if contact is None or first.outcome not in {"confirm", "decline"}:
        return

    after = [replace(gate, answers={**gate.answers, contact: reply.verb}) if gate.id == first.gate else gate for gate in world]

    assert judge(reply, contact=contact, open_gates=after, now=NOW).reason == "duplicate"


@given(gates("g"), CONTACTS, st.sampled_from(["confirm", "reject"]))
def test_a_valid_answer_with_its_code_is_never_missed(gate: OpenGate, contact: str, verb: Verb) -> None:
    ready = replace(
        gate, asked=gate.asked | {contact}, codes={contact: "8642"}, state="open", deadline=NOW, answers={}, wrong_codes={}, four_eyes=False
    )

    assert judge(Reply(verb, "8642"), contact=contact, open_gates=[ready], now=NOW).counted
