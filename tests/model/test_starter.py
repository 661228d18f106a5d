"""Four eyes: who starts a drill must be known as a contact, and somebody else must be able to answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.errors import PreflightFailed, UsageError
from drill.model.plan import Contact, Plan
from drill.model.starter import four_eyes_trouble, refuse_two_eyes, starter_named, starter_of
from tests.engine.drilling import gate_of, phase_of, plan_of

PEOPLE = ("lead", "oncall", "manager")


def plan(*ask: str, quorum: int = 1, four_eyes: bool = True, users: dict[str, str] | None = None) -> Plan:
    gate = gate_of("go", ask=ask or ("lead",), quorum=quorum, four_eyes=four_eyes, at="before")
    made = plan_of(phase_of("go", gate="go"), gates=(gate,))
    found = {"lead": "alice"} if users is None else users
    contacts = tuple(contact.model_copy(update={"user": found.get(contact.id, "")}) for contact in made.contacts)
    return made.model_copy(update={"contacts": contacts})


def test_the_account_says_which_contact_starts_the_drill() -> None:
    assert starter_named(plan(), user="alice", said=None) == "lead"
    assert starter_named(plan(), user="root", said=None) is None


def test_a_person_may_say_who_they_are_but_not_against_their_account() -> None:
    assert starter_named(plan(), user="root", said="oncall") == "oncall"
    with pytest.raises(UsageError, match="alice is lead's") as caught:
        starter_named(plan(), user="alice", said="oncall")
    assert caught.value.code == "U039"


def test_nobody_is_a_contact_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="no contact"):
        starter_named(plan(), user="root", said="bob")


def test_a_starter_who_is_no_contact_is_refused_where_four_eyes_are_asked_for() -> None:
    with pytest.raises(PreflightFailed, match="root is no contact") as caught:
        refuse_two_eyes(plan(), starter=None, started_by="root")
    assert caught.value.code == "F064"
    refuse_two_eyes(plan(four_eyes=False), starter=None, started_by="root")


def test_a_drill_that_a_schedule_starts_is_nobodys() -> None:
    refuse_two_eyes(plan(), starter=None, started_by="schedule nightly")


@given(st.lists(st.sampled_from(PEOPLE), min_size=1, unique=True), st.integers(1, 3), st.sampled_from(PEOPLE))
def test_a_gate_is_refused_exactly_when_too_few_others_are_asked(ask: list[str], quorum: int, starter: str) -> None:
    gate = plan(*ask, quorum=quorum).gates[0]

    trouble = four_eyes_trouble(gate, starter=starter, started_by="alice")

    assert bool(trouble) is (len(set(ask) - {starter}) < quorum)


def test_the_starter_of_a_drill_is_read_from_its_first_fact() -> None:
    assert starter_of(plan(), {"starter": "oncall", "started_by": "alice"}) == "oncall"
    assert starter_of(plan(), {"started_by": "alice"}) == "lead"
    assert starter_of(plan(), {"starter": None, "started_by": "schedule x"}) is None


def test_a_plan_whose_contacts_name_no_account_keeps_the_digest_it_had() -> None:
    assert "user" not in Contact(id="lead", title="Lead").model_dump(mode="json")
    written = plan().model_dump(mode="json")
    assert Plan.model_validate(written) == plan()
    assert plan().digest() != plan(users={}).digest()
