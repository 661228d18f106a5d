"""A plan travels as JSON, and its digest is of what a person approved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drill.model.effects import Resume
from drill.model.plan import (
    PLAN_VERSION,
    Canary,
    Contact,
    Gate,
    Limits,
    Mode,
    Objectives,
    Plan,
    PlannedPhase,
    PlannedStep,
    Probe,
    Site,
    Text,
)
from drill.model.plan_channels import Messages, SmsSettings
from tests.model.story_plan import sandbox_plan

_NAMES = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=6)
_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_SECONDS = st.integers(0, 10**7).map(lambda milliseconds: milliseconds / 1000)
_TEXTS = st.builds(Text, en=_WORDS, zh=_WORDS)
_PARAMS = st.dictionaries(_NAMES, st.recursive(_WORDS | st.integers() | st.booleans() | st.none(), st.lists, max_leaves=4), max_size=3)
_STEPS = st.builds(
    PlannedStep,
    id=_NAMES,
    phase=_NAMES,
    kind=_NAMES,
    title=_TEXTS,
    params=_PARAMS,
    after=st.tuples(_NAMES),
    timeout_s=_SECONDS,
    retries=st.integers(0, 9),
    on_failure=st.sampled_from(["abort", "ask"]),
    skip=st.booleans(),
    resume=st.sampled_from(Resume),
    no_return=st.booleans(),
)
_PHASES = st.builds(
    PlannedPhase,
    id=_NAMES,
    title=_TEXTS,
    after=st.tuples(_NAMES),
    budget_s=st.none() | _SECONDS,
    steps=st.lists(_STEPS, max_size=2).map(tuple),
    gate=st.none() | _NAMES,
    notify=st.tuples(_NAMES),
)
_GATES = st.builds(
    Gate,
    id=_NAMES,
    phases=st.tuples(_NAMES),
    at=st.sampled_from(["before", "after"]),
    ask=st.tuples(_NAMES),
    then=st.tuples(_NAMES),
    within_s=_SECONDS,
    quorum=st.integers(1, 3),
    silence=st.sampled_from(["hold", "abort", "proceed"]),
    by=st.sampled_from(["person", "receipt", "system"]),
    blocking=st.booleans(),
    destructive=st.booleans(),
    four_eyes=st.booleans(),
)
_CONTACTS = st.builds(Contact, id=_NAMES, title=_WORDS, sms=st.tuples(_WORDS), language=st.sampled_from(["en", "zh"]))
_PLANS = st.builds(
    Plan,
    scenario=_NAMES,
    title=_TEXTS,
    mode=st.sampled_from(Mode),
    objectives=st.builds(Objectives, rto_s=_SECONDS, rpo_s=_SECONDS, rto_binds=st.sampled_from(["user", "accepted"])),
    sites=st.lists(st.builds(Site, id=_NAMES, provider=_NAMES, region=_NAMES, options=_PARAMS), max_size=2).map(tuple),
    steady_state=st.tuples(_NAMES),
    probes=st.lists(st.builds(Probe, id=_NAMES, http=st.none() | _WORDS, every_s=_SECONDS, user_view=st.booleans()), max_size=2).map(tuple),
    canary=st.none() | st.builds(Canary, postgres=_WORDS, every_s=_SECONDS),
    contacts=st.lists(st.builds(Contact, id=_NAMES, title=_WORDS, sms=st.tuples(_WORDS), language=st.sampled_from(["en", "zh"]))).map(
        tuple
    ),
    messages=st.builds(Messages, sms=st.none() | st.builds(SmsSettings, provider=_NAMES, sign=_WORDS)),
    limits=st.builds(Limits, max_changes=st.integers(0, 99), allow=st.tuples(_WORDS), dead_man_s=_SECONDS),
    phases=st.lists(_PHASES, max_size=2).map(tuple),
    failback=st.lists(_PHASES, max_size=1).map(tuple),
    gates=st.lists(_GATES, max_size=2).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(_PLANS)
def test_a_plan_reads_back_from_its_json_with_the_same_digest(plan: Plan) -> None:
    read = Plan.model_validate(json.loads(json.dumps(plan.model_dump(mode="json"))))

    assert read == plan
    assert read.digest() == plan.digest()


@settings(max_examples=25, deadline=None)
@given(_PLANS, _PLANS)
def test_two_plans_share_a_digest_only_when_they_are_the_same(one: Plan, other: Plan) -> None:
    assert (one.digest() == other.digest()) is (one == other)


def test_a_plan_with_a_field_we_do_not_know_is_refused_rather_than_half_read() -> None:
    body = sandbox_plan().model_dump(mode="json")

    with pytest.raises(ValidationError, match="newer"):
        Plan.model_validate({**body, "newer": 1})


def test_a_plan_cannot_change_once_it_is_made() -> None:
    plan: Any = sandbox_plan()

    with pytest.raises(ValidationError, match="frozen"):
        plan.scenario = "other"


def test_a_plan_carries_its_version() -> None:
    assert sandbox_plan().model_dump(mode="json")["version"] == PLAN_VERSION


def test_things_are_found_by_their_ids_and_a_missing_one_is_a_key_error() -> None:
    plan = sandbox_plan()

    assert plan.step("data.promote").no_return
    assert plan.phase("release").id == "release"
    assert plan.gate("recover").phases == ("rebuild", "data")
    assert (plan.contact("lead").id, plan.site("standby").region, plan.probe("checkout").user_view) == ("lead", "b", True)
    with pytest.raises(KeyError, match="moon"):
        plan.step("moon")


def test_steps_come_in_plan_order_with_those_of_the_failback_last() -> None:
    plan = sandbox_plan()

    phases = [step.phase for step in plan.steps()]

    assert phases[0] == "outage"
    assert phases.index("data_home") > phases.index("traffic")
    assert [phase.id for phase in plan.all_phases()][-3:] == ["data_home", "traffic_home", "release"]
