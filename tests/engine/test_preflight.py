"""Preflight: everything that stands in the way is said at once, written down, and nothing is touched."""

from __future__ import annotations

from typing import Any

import pytest

from drill.engine.preflight import Check, Preflight, healthy
from drill.model.effects import Effect, Stale, Verb
from drill.model.events import Kind
from drill.model.plan import Limits
from tests.engine.drilling import NUMBERS, Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeProbes, FakeSecrets


def stage(*, answers: tuple[str, ...] = ("primary",), limits: Limits | None = None, **fields: Any) -> Stage:
    phases = (phase_of("a", step_of("a.x", **fields)),)
    home = (phase_of("home", step_of("home.y", value="{{ steps.x.outputs.address }}")),)
    return Stage(plan_of(*phases, failback=home, steady_state=("checkout",), limits=limits), probes=FakeProbes(*answers))


def look(drill: Stage, numbers: dict[str, str] | None = None) -> dict[str, Check]:
    secrets = FakeSecrets(NUMBERS if numbers is None else numbers)
    return {check.name: check for check in Preflight(drill.runner, secrets=secrets).run()}


def test_firm_ground_passes_every_check_and_runs_no_step() -> None:
    drill = stage()

    checks = look(drill)

    assert [name for name, check in checks.items() if not check.ok] == []
    assert list(checks) == ["contact lead", "contact oncall", "contact manager", "steady state checkout", "step a.x", "limits"]
    assert drill.step.runs == []


def test_everything_that_is_wrong_is_said_at_once_with_what_to_do() -> None:
    drill = stage(answers=("HTTP 503",))
    drill.step.trouble = ["the replica is 5 MB behind", "no key"]

    checks = look(drill, numbers={"LEAD_PHONE": "13900000001"})

    failed = {name: check for name, check in checks.items() if not check.ok}
    assert list(failed) == ["contact lead", "contact oncall", "contact manager", "steady state checkout", "step a.x"]
    assert failed["step a.x"].detail == "the replica is 5 MB behind; no key"
    assert "Repair the service first" in failed["steady state checkout"].fix
    assert "DRILL_SECRET_LEAD_PHONE_2" in failed["contact lead"].fix


def test_every_check_is_written_down() -> None:
    drill = stage(answers=("HTTP 503",))

    checks = look(drill)

    written = {fact.data["check"]: fact.data["ok"] for fact in drill.facts(Kind.PREFLIGHT_CHECKED)}
    assert written == {name: check.ok for name, check in checks.items()}


def test_the_numbers_of_people_are_counted_and_not_shown() -> None:
    drill = stage()

    checks = look(drill)

    assert checks["contact lead"].detail == "2 number(s)"
    assert not [fact for fact in drill.facts() if "139" in str(fact.data)]


def test_a_change_outside_the_limits_is_refused() -> None:
    drill = stage(limits=Limits(max_changes=10, allow=("standby/*",)))
    drill.step.effects = [Effect(verb=Verb.STOP, target="primary/database")]

    check = look(drill)["limits"]

    assert not check.ok
    assert "primary/database" in check.detail


def test_more_changes_than_allowed_are_refused() -> None:
    drill = stage(limits=Limits(max_changes=2, allow=("*",)))
    drill.step.effects = [Effect(verb=Verb.CREATE, target="standby/app", count=3)]

    check = look(drill)["limits"]

    assert not check.ok
    assert "3 changes, more than limits.max_changes = 2" in check.detail


@pytest.mark.parametrize("written", ["steps.capacity", "steps['b.capacity']", "steps.b.capacity"])
def test_a_step_that_waits_for_outputs_is_not_looked_at_before_they_are_there(written: str) -> None:
    drill = stage(value=f"{{{{ {written}.outputs.addresses }}}}")

    assert "step a.x" not in look(drill)


def test_a_step_is_looked_at_with_what_earlier_steps_are_foreseen_to_put_out() -> None:
    capacity, switch = step_of("a.capacity"), step_of("b.switch", value="{{ steps.capacity.outputs.addresses }}")
    drill = Stage(plan_of(phase_of("a", capacity), phase_of("b", switch, after=("a",)), steady_state=("checkout",)))
    drill.step.foreseen = {"addresses": ["127.0.2.1"]}
    drill.step.trouble = ["the name is kept for an hour"]

    check = look(drill)["step b.switch"]

    assert check.detail == "the name is kept for an hour"
    assert drill.step.given == []


def test_a_name_that_users_keep_longer_than_the_traffic_phase_lasts_stops_the_drill() -> None:
    drill = stage()
    drill.step.kept = Stale("shop.example.com", 86400)

    check = look(drill)["step a.x"]

    assert not check.ok
    assert "shop.example.com has a TTL of 1d" in check.detail
    assert "dns.lower_ttl" in check.detail


def test_a_step_whose_parameters_cannot_be_filled_in_is_a_failed_check() -> None:
    check = look(stage(value="{{ sites.primary.colour }}"))["step a.x"]

    assert not check.ok
    assert "colour" in check.detail


def test_health_needs_good_answers_in_a_row_within_its_time() -> None:
    shaky = FakeProbes(*["primary", "HTTP 503"] * 200)
    drill = Stage(plan_of(phase_of("a", step_of("a.x"))), probes=shaky)

    assert not healthy("checkout", drill.world, good_in_a_row=2, patience_s=5.0)
    assert drill.clock.mono_s() < 1005.5


def test_a_service_that_recovers_within_the_time_is_healthy() -> None:
    drill = Stage(plan_of(phase_of("a", step_of("a.x"))), probes=FakeProbes("HTTP 503", "HTTP 503", "primary"))

    assert healthy("checkout", drill.world, good_in_a_row=5, patience_s=5.0)


def test_a_gate_with_four_eyes_is_refused_when_nobody_knows_which_contact_started_the_drill() -> None:
    gate = gate_of("a", four_eyes=True, ask=("lead",))
    plan = plan_of(phase_of("a", step_of("a.x"), gate="a"), gates=(gate,))
    unknown, other, own = Stage(plan), Stage(plan), Stage(plan)
    for drill, starter in ((unknown, None), (other, "oncall"), (own, "lead")):
        body = plan.model_dump(mode="json")
        drill.recorder.say(Kind.DRILL_PLANNED, "planned", plan=body, plan_digest="", started_by="root", starter=starter)

    assert "root is no contact" in look(unknown)["four eyes a"].detail
    assert look(other)["four eyes a"].ok
    assert "needs 1 answer(s) of others than lead" in look(own)["four eyes a"].detail
