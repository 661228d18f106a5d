"""A plan that could do harm is refused with every rule it breaks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from drill.engine.compile import compile_plan
from drill.engine.safety import Violation, budget_warnings, losing_phases, unmeasured_warnings, unsafe_effects, violations
from drill.model.critical import critical_path
from drill.model.effects import Effect, Verb
from drill.model.plan import Mode, Plan
from tests.scenarios import KINDS, scenario

_NOW = datetime(2027, 2, 10, tzinfo=UTC)


def _plan(mode: Mode = Mode.SANDBOX, **changes: Any) -> Plan:
    return compile_plan(scenario(**changes), KINDS, mode)


def _broken(plan: Plan, **more: Any) -> list[Violation]:
    return violations(plan, KINDS, now=_NOW, **more)


def _data(*, fence: dict[str, Any] | None, after: list[str]) -> dict[str, Any]:
    steps = {"promote": {"promote": {"site": "standby"}, "after": after}}
    return {"data": {"steps": {"fence": fence, **steps} if fence else steps}}


def test_a_sound_plan_breaks_no_rule() -> None:
    assert _broken(_plan()) == []


@pytest.mark.parametrize(
    "phases",
    [
        _data(fence=None, after=[]),
        _data(fence={"fence": {"site": "primary"}}, after=[]),
        _data(fence={"fence": {"site": "primary"}, "skip": True}, after=["fence"]),
        _data(fence={"fence": {"site": "standby"}}, after=["fence"]),
        {"other": {"steps": {"fence": {"fence": {"site": "primary"}}}}, **_data(fence=None, after=[])},
    ],
    ids=["none", "not before", "skipped", "same site", "in parallel"],
)
def test_a_promote_without_a_fence_of_the_other_site_before_it_is_refused(phases: dict[str, Any]) -> None:
    (found,) = _broken(_plan(phases=phases))

    assert (found.code, found.step) == ("P001", "data.promote")


def test_a_fence_in_a_phase_before_is_a_fence() -> None:
    phases: dict[str, Any] = {"first": {"steps": {"f": {"fence": {"site": "primary"}}}}, **_data(fence=None, after=[])}
    phases["data"]["after"] = ["first"]

    assert _broken(_plan(phases=phases)) == []


def test_a_fence_of_the_drill_does_not_cover_a_promote_of_the_failback() -> None:
    back = {"phases": {"home": {"steps": {"promote": {"promote": {"site": "primary"}}}}}}

    assert [row.step for row in _broken(_plan(failback=back))] == ["home.promote"]


def test_marks_of_effects_count_as_those_a_kind_declares() -> None:
    phases: dict[str, Any] = {"data": {"steps": {"a": {"idle": {}}}}}
    promote = Effect(verb=Verb.UPDATE, target="standby/db", marks=frozenset({"promote"}))

    assert [row.code for row in _broken(_plan(phases=phases), effects={"data.a": [promote]})] == ["P001"]


def test_a_name_that_lives_longer_than_the_objective_is_refused() -> None:
    phases = {"outage": {"steps": {"lose": {"lose": {"site": "primary", "ttl": "61s"}}}}}

    assert [row.code for row in _broken(_plan(phases=phases))] == ["P002"]


def test_a_freeze_refuses_a_drill_but_not_a_dry_run() -> None:
    limits = {"max_changes": 1, "allow": [], "freeze": ["2027-02-05..2027-02-22 Asia/Shanghai"]}

    assert [row.code for row in _broken(_plan(Mode.LIVE, limits=limits))] == ["P003"]
    assert _broken(_plan(Mode.DRY_RUN, limits=limits)) == []


def _effect(target: str, verb: Verb = Verb.UPDATE, count: int = 1, **tags: str) -> Effect:
    return Effect(verb=verb, target=target, count=count, tags=tags)


@pytest.mark.parametrize(
    ("pattern", "effect", "covered"),
    [
        ("standby/*", _effect("standby/app-1"), True),
        ("standby/*", _effect("primary/app-1"), False),
        ("shop.example.com", _effect("shop.example.com"), True),
        ("shop.example.com", _effect("Shop.example.com"), False),
        ("primary/tag:drill=allowed", _effect("primary/i-1", drill="allowed"), True),
        ("primary/tag:drill=allowed", _effect("primary/i-1", drill="no"), False),
        ("primary/tag:drill=allowed", _effect("primary/i-1"), False),
        ("primary/tag:drill=allowed", _effect("standby/i-1", drill="allowed"), False),
    ],
)
def test_only_what_the_limits_allow_may_be_changed(pattern: str, effect: Effect, covered: bool) -> None:  # noqa: FBT001 - a table of cases
    plan = _plan(limits={"max_changes": 10, "allow": [pattern]})

    assert [row.code for row in unsafe_effects(plan, {"data.fence": [effect]})] == ([] if covered else ["P004"])


def test_reading_is_no_change() -> None:
    plan = _plan(limits={"max_changes": 0, "allow": []})

    assert unsafe_effects(plan, {"data.fence": [_effect("anything", Verb.READ, 9)]}) == []


def test_changes_are_counted_over_all_steps_by_what_they_stand_for() -> None:
    plan = _plan(limits={"max_changes": 5, "allow": ["*"]})

    assert unsafe_effects(plan, {"a": [_effect("x", count=3)], "b": [_effect("y", count=2)]}) == []
    assert [row.code for row in unsafe_effects(plan, {"a": [_effect("x", count=3)], "b": [_effect("y", count=3)]})] == ["P005"]


def test_every_broken_rule_is_reported_at_once() -> None:
    plan = _plan(phases=_data(fence=None, after=[]), limits={"max_changes": 0, "allow": [], "freeze": ["2027-02-10 UTC"]})

    assert [row.code for row in _broken(plan, effects={"data.promote": [_effect("x")]})] == ["P001", "P003", "P004", "P005"]


def _warnings(budget: str, binds: str = "user") -> list[str]:
    phases = {
        "outage": {"budget": budget, "steps": {"lose": {"lose": {"site": "primary"}}}},
        "after": {"after": ["outage"], "steps": {"idle": {"idle": {}}}},
    }
    made = _plan(phases=phases)
    plan = made.model_copy(update={"objectives": made.objectives.model_copy(update={"rto_binds": binds})})
    return budget_warnings(plan, critical_path(plan, losing=losing_phases(plan, KINDS)))


def test_budgets_that_do_not_fit_the_objective_are_warned_about_with_and_without_gates() -> None:
    assert _warnings("61s")[0] == "the budgets of outage -> after add up to 1m1s, more than the RTO of 1m."
    assert _warnings("31s")[0] == "the budgets fit the RTO of 1m, but with every gate answered at its limit they add up to 1m1s."
    assert _warnings("30s") == ["'after' has no budget: it counts as no time here."]
    assert _warnings("61s", "none") == _warnings("30s")


def test_a_loss_that_nothing_measures_is_warned_of() -> None:
    plan = _plan()
    bare = plan.model_copy(update={"canary": None, "probes": ()})

    warned = unmeasured_warnings(bare, ["outage"])

    assert [word in row for word, row in zip(("RTO", "RPO"), warned, strict=True)] == [True, True]
    assert unmeasured_warnings(bare, []) == []
    assert "RPO" in " ".join(unmeasured_warnings(plan.model_copy(update={"canary": None}), ["outage"]))
