"""The doctor: each examination gives its advice with a remedy, one that fails keeps no other from looking, and only errors refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.engine.doctor import (
    CLOCK_LIMIT_S,
    ROOM_NEEDED,
    ROOM_WANTED,
    Advice,
    CannotMove,
    ClockInStep,
    LiveGround,
    Looked,
    Room,
    SafetyRules,
    SecretsSet,
    Unlooked,
    examine,
    fit,
    once,
    what_stays,
)
from drill.engine.preflight import Preflight
from drill.engine.safety import Violation
from drill.model.errors import PreflightFailed
from tests.engine.drilling import NUMBERS, Stage, phase_of, plan_of, step_of
from tests.fakes import FakeProbes, FakeSecrets


def only(examination: Any) -> Advice:
    (advice,) = examine([examination])
    return advice


def refuse() -> str:
    raise PreflightFailed("there is no terraform.", code="A240", fix="Install it.")


def stumble() -> str:
    raise ZeroDivisionError("oops")


def test_a_look_that_fails_is_an_error_with_its_remedy_and_keeps_none_of_the_others_from_looking() -> None:
    refused, stumbled, found = examine([Looked("terraform", refuse), Looked("odd", stumble), Looked("ansible", lambda: "2.19")])

    assert (refused.level, refused.code, refused.fix) == ("error", "A240", "Install it.")
    assert (stumbled.level, stumbled.code) == ("error", "A900")
    assert found == Advice("ansible", "ok", "2.19")


@given(st.lists(st.sampled_from(["ok", "warning", "error"])))
def test_only_an_error_stands_in_the_way(levels: list[Any]) -> None:
    assert fit([Advice("x", level, "") for level in levels]) is ("error" not in levels)


@pytest.mark.parametrize(
    ("free", "level"),
    [(0, "error"), (ROOM_NEEDED - 1, "error"), (ROOM_NEEDED, "warning"), (ROOM_WANTED - 1, "warning"), (ROOM_WANTED, "ok")],
)
def test_a_disk_with_little_room_is_said_and_one_with_none_refuses(free: int, level: str) -> None:
    advice = only(Room("/data", lambda: free))

    assert (advice.name, advice.level, bool(advice.fix)) == ("disk space /data", level, level != "ok")


@pytest.mark.parametrize(("ahead_s", "level"), [(0.0, "ok"), (CLOCK_LIMIT_S, "ok"), (CLOCK_LIMIT_S + 0.1, "error"), (-60.0, "error")])
def test_a_clock_out_of_step_refuses(ahead_s: float, level: str) -> None:
    assert only(ClockInStep(lambda: ahead_s)).level == level


def test_every_secret_that_is_not_set_is_named_and_no_value_is_shown() -> None:
    plan = plan_of(phase_of("a", step_of("a.x")))

    missing = examine([SecretsSet(plan, FakeSecrets({"LEAD_PHONE": "13900000001"}))])
    complete = only(SecretsSet(plan, FakeSecrets(NUMBERS)))

    assert {advice.name for advice in missing} == {f"secret {name}" for name in NUMBERS if name != "LEAD_PHONE"}
    assert {advice.level for advice in missing} == {"error"}
    assert (complete.level, complete.detail) == ("ok", f"{len(NUMBERS)} of {len(NUMBERS)} are set")
    assert "13900000001" not in str([*missing, complete])


def test_a_broken_safety_rule_is_an_error_and_the_others_are_said_to_hold() -> None:
    rule = Violation("'data.promote' promotes with no fence before it.", code="P001", fix="Add a fence.", step="data.promote")

    advice = examine([SafetyRules([rule])])

    assert [(row.name, row.level, row.code) for row in advice] == [
        ("safety rules data.promote", "error", "P001"),
        ("dns ttl", "ok", ""),
        ("freeze", "ok", ""),
    ]


def test_the_live_ground_is_looked_at_as_a_drill_does_and_no_step_runs() -> None:
    drill = Stage(plan_of(phase_of("a", step_of("a.x")), steady_state=("checkout",)), probes=FakeProbes("HTTP 503"))
    drill.step.trouble = ["the replica is 5 MB behind"]

    advice = {row.name: row for row in examine([LiveGround(Preflight(drill.runner, secrets=FakeSecrets(NUMBERS)))])}

    assert (advice["steady state checkout"].level, advice["step a.x"].level, advice["limits"].level) == ("error", "error", "ok")
    assert advice["step a.x"].detail == "the replica is 5 MB behind"
    assert drill.step.runs == []


def test_a_ground_that_is_not_there_refuses_nothing() -> None:
    assert fit(examine([Unlooked("the sandbox is not up", "`drill sandbox up`")]))


def test_what_cannot_move_is_a_warning_with_a_remedy_for_each() -> None:
    alone = examine([CannotMove(what_stays(shared=False, home="/h"))])
    shared = examine([CannotMove(what_stays(shared=True, home="/h"))])

    assert {row.level for row in (*alone, *shared)} == {"warning"}
    assert all(row.fix for row in (*alone, *shared))
    told = " ".join(row.detail for row in alone)
    assert [word for word in ("journal", "Terraform", "kept output", "/h", "dead man") if word not in told] == []
    assert [row.detail for row in shared] == ["the dead man covers the death of the engine's process, not of this host"]
    assert examine([CannotMove([])])[0].level == "ok"


def test_what_stays_is_one_line_for_each_remedy_and_in_the_sandbox_one_line() -> None:
    alone = examine([CannotMove(what_stays(shared=False, home="/h"))])
    sandbox = examine([CannotMove(what_stays(shared=False, home="/h", sandbox=True))])

    assert len(alone) == len({row.fix for row in alone}) == 2
    assert [row.fix for row in sandbox] == [alone[0].fix]
    assert examine([CannotMove(what_stays(shared=True, home="/h", sandbox=True))])[0].level == "ok"


def test_a_cause_that_two_looks_find_is_one_error_and_no_warning_is_left_out() -> None:
    advice = [
        Advice("terraform", "error", "there is none.", "Install it.", "A240"),
        Advice("step a.b", "error", "there is none.", "Install it.", "A240"),
        Advice("disk", "warning", "there is none."),
        Advice("step a.c", "error", "no such playbook."),
    ]

    assert [each.name for each in once(advice)] == ["terraform", "disk", "step a.c"]
