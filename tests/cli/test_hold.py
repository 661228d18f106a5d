"""`drill hold`, and what may be done with a drill on hold before and after its point of no return."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile

import pytest

from drill.model.events import Draft, Fact, Kind
from tests.cli.conftest import Drill, journal, tell
from tests.cli.test_resume import Elsewhere, running, say
from tests.model.story import Story, redrafted

NAME = "friday"


def _turns(fact: Fact) -> bool:
    return fact.kind is Kind.STEP_STARTED and bool(fact.data["no_return"])


def held_early() -> str:
    """A drill that was put on hold before its point of no return."""
    facts = list(takewhile(lambda fact: not _turns(fact), Story(every_s=0.5).facts()))
    journal().append(NAME, redrafted(facts))
    say(NAME, Kind.ABORT_REQUESTED, reason="wait", channel="cli", hold=True)
    say(NAME, Kind.DRILL_HELD, reason="wait", left=[])
    return NAME


def asked(name: str, kind: Kind) -> Callable[[], bool]:
    """Whether the journal holds a fact of this kind that the operator wrote."""
    return lambda: any(fact.by == "person:operator" for fact in journal().read(name, kinds=frozenset({kind})))


def test_a_hold_asks_the_engine_that_runs_to_stop_and_take_nothing_back(drill: Drill) -> None:
    name = running()

    with Elsewhere(name, asked(name, Kind.ABORT_REQUESTED), kind=Kind.DRILL_HELD, reason="wait", left=[]):
        said = drill("hold", name, "--reason", "wait for the network team")

    (fact,) = journal().read(name, kinds=frozenset({Kind.ABORT_REQUESTED}))
    assert said.code == 5
    assert (fact.by, fact.data) == ("person:operator", {"reason": "wait for the network team", "channel": "cli", "hold": True})


@pytest.mark.parametrize("early", [True, False])
def test_a_drill_on_hold_is_not_held_again(drill: Drill, *, early: bool) -> None:
    name = held_early() if early else tell(Story(every_s=0.5, ending="held"))

    said = drill("hold", name)

    back = "abort" if early else "failback"
    assert said.code == 2
    assert f"Choose: `drill {back} {name}` " in said.err
    assert f"`drill proceed {name}` goes on" in said.err


def test_before_the_point_of_no_return_an_abort_takes_a_drill_off_hold_and_back_in_one_transaction(drill: Drill) -> None:
    name = held_early()

    with Elsewhere(name, asked(name, Kind.ABORT_REQUESTED), kind=Kind.DRILL_FINISHED, outcome="aborted", exit_code=4, left=[]):
        said = drill("abort", name, "--reason", "not today")

    decided, wanted = (fact for fact in journal().read(name) if fact.by == "person:operator" and fact.key.startswith("operator/"))
    assert said.code == 4
    assert (decided.kind, decided.data["verb"]) == (Kind.OPERATOR_DECIDED, "abort")
    assert (wanted.kind, wanted.data["reason"], wanted.data["hold"]) == (Kind.ABORT_REQUESTED, "not today", False)
    assert wanted.seq == decided.seq + 1


def test_what_moved_no_data_has_nothing_to_bring_home(drill: Drill) -> None:
    name = held_early()

    said = drill("failback", name)

    assert said.code == 2
    assert f"[U023] {name} has moved no data" in said.err
    assert f"`drill abort {name}` takes back what was done" in said.err
    assert not journal().read(name, kinds=frozenset({Kind.OPERATOR_DECIDED}))


def test_the_status_of_a_drill_on_hold_says_which_way_leads_back(drill: Drill) -> None:
    assert f"`drill abort {held_early()}` takes it back" in drill("status", NAME).out


def in_doubt() -> str:
    """A drill on hold whose promote was begun, and of which nobody knows what became."""
    facts = list(takewhile(lambda fact: not _turns(fact), Story(every_s=0.5).facts()))
    journal().append(NAME, redrafted(facts))
    where = {"phase": "data", "step": "data.promote", "attempt": 1}
    started = {"kind": "database.promote", "no_return": True, **where}
    draft = Draft(Kind.STEP_STARTED, "engine", "data.promote/1/started", started, facts[-1].at, facts[-1].mono_s, facts[-1].epoch)
    journal().append(NAME, [draft])
    say(NAME, Kind.STEP_FAILED, code="A132", error="out of time", fix="", retryable=True, in_doubt=False, **where)
    say(NAME, Kind.ABORT_REQUESTED, reason="data.promote failed", channel="engine")
    say(NAME, Kind.DRILL_HELD, reason="data.promote failed", left=[])
    return NAME


def test_in_doubt_a_person_who_knows_may_say_that_nothing_was_promoted_and_the_drill_is_taken_back(drill: Drill) -> None:
    name = in_doubt()
    assert f"`drill abort {name} --not-promoted --reason WHY`" in drill("abort", name).err

    with Elsewhere(name, asked(name, Kind.OPERATOR_DECIDED), kind=Kind.DRILL_FINISHED, outcome="aborted", exit_code=4, left=[]):
        said = drill("abort", name, "--not-promoted", "--reason", "the disk was dead")

    decided = journal().read(name, kinds=frozenset({Kind.OPERATOR_DECIDED}))
    assert said.code == 4
    assert [(fact.data["verb"], fact.data["subject"]) for fact in decided] == [("not-promoted", "data.promote"), ("abort", name)]
    assert decided[0].data["reason"] == "the disk was dead"
    assert decided[0].by.startswith("person:")
    assert decided[0].by != "person:operator"


def test_that_nothing_was_promoted_is_not_said_without_a_reason(drill: Drill) -> None:
    said = drill("abort", in_doubt(), "--not-promoted")

    assert said.code == 2
    assert "U037" in said.err


def test_of_a_promote_that_succeeded_nobody_may_say_that_it_did_not(drill: Drill) -> None:
    name = tell(Story(every_s=0.5, ending="held"))

    said = drill("abort", name, "--not-promoted", "--reason", "I think so")

    assert (said.code, "U038" in said.err) == (2, True)
