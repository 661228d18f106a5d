"""Who is who: numbers, codes and what each open question lets a person do."""

from __future__ import annotations

import pytest

from drill.engine.people import People
from drill.model.errors import PreflightFailed
from drill.model.plan import Plan
from drill.model.progress import Progress
from tests.engine.drilling import DRILL, KEY, NUMBERS, Stage, gate_of, phase_of, plan_of
from tests.engine.test_desk import open_gate
from tests.fakes import FakeSecrets

GATES = (
    gate_of("go", then=("manager",), destructive=True, at="before"),
    gate_of("a", ask=("oncall", "lead"), quorum=2, four_eyes=True),
)


def plan() -> Plan:
    return plan_of(phase_of("go", gate="go"), phase_of("a", gate="a"), gates=GATES)


def people(*, key: bytes = KEY, drill: str = DRILL, starter: str | None = None) -> People:
    return People(plan(), drill=drill, secrets=FakeSecrets(NUMBERS), key=key, starter=starter)


def codes(who: People) -> list[str]:
    return [who.code(gate, contact) for gate in GATES for contact in (*gate.ask, *gate.then)]


def test_codes_are_the_same_in_every_process_that_has_the_key() -> None:
    assert codes(people()) == codes(people())


def test_no_two_questions_of_a_drill_share_a_code() -> None:
    assert len(set(codes(people()))) == len(codes(people()))


def test_another_drill_or_another_key_has_other_codes() -> None:
    assert not set(codes(people())) & set(codes(people(drill="drill-2")))
    assert not set(codes(people())) & set(codes(people(key=KEY[::-1])))


def test_a_destructive_gate_has_a_longer_code() -> None:
    who = people()

    assert (len(who.code(GATES[0], "lead")), len(who.code(GATES[1], "lead"))) == (6, 4)


def test_addresses_come_best_first_and_a_channel_without_any_has_none() -> None:
    who = people()
    lead = who.plan.contact("lead")

    assert who.addresses(lead, "sms") == ["13900000001", "13900000002"]
    assert who.addresses(lead, "email") == []
    assert who.addresses(lead, "pigeon") == []


def test_a_number_that_is_not_set_is_said() -> None:
    who = People(plan(), drill=DRILL, secrets=FakeSecrets({}), key=KEY)

    with pytest.raises(PreflightFailed, match="LEAD_PHONE"):
        who.addresses(who.plan.contact("lead"), "sms")


def test_only_gates_that_were_asked_are_questions_and_they_know_their_rules() -> None:
    drill = Stage(plan())
    open_gate(drill, "a", "oncall")
    who = people(starter="oncall")

    (question,) = drill.recorder.look(who.questions)

    assert (question.id, question.asked, question.quorum, question.starter) == ("a", frozenset({"oncall"}), 2, "oncall")
    assert question.code_of("oncall") == who.code(GATES[1], "oncall")


def test_a_drill_that_asked_nobody_has_no_question() -> None:
    assert people().questions(Progress()) == []


def test_who_started_the_drill_cannot_be_the_other_pair_of_eyes() -> None:
    drill = Stage(plan())
    drill.people = people(starter="oncall")
    open_gate(drill, "a", "oncall", "lead")

    own = drill.says("oncall", f"1 {drill.code('a', 'oncall')}")
    other = drill.says("lead", f"1 {drill.code('a', 'lead')}")

    assert (own.reason, other.counted) == ("needs-other", True)
