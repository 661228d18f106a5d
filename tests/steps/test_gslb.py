"""Levers pulled and awaited: written down first, proved, taken back exactly, and pulled by the drill only after the limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from drill.adapters.levers import NamedLevers
from drill.model.errors import Fatal, Retryable
from drill.model.events import Fact, Kind
from drill.model.ports import World
from drill.steps.base import registry
from drill.steps.gslb_await import GslbAwait, GslbAwaitParams
from drill.steps.gslb_restore import GslbRestore, GslbRestoreParams
from drill.steps.gslb_switch import GslbSwitch, GslbSwitchParams
from tests.fakes import FakeAttempt, FakeClock, FakeGround, FakePropagation, fake_world
from tests.lever_fakes import FakeLever

NAME = "shop.drill.test"


class Ground:
    def __init__(self, *, reach: str = "data-plane") -> None:
        self.lever = FakeLever(NAME, reach=reach)
        self.clock = FakeClock(tick_s=0.01)
        self.propagation = FakePropagation()
        sites = FakeGround({"primary": {"addresses": ["127.0.1.1"]}, "standby": {"addresses": ["127.0.2.1"]}})
        levers = NamedLevers({NAME: self.lever})
        self.world: World = fake_world(levers=levers, clock=self.clock, propagation=self.propagation, ground=sites)


def switch(**changes: Any) -> GslbSwitchParams:
    return GslbSwitchParams.model_validate({"name": NAME, "to": "standby", "from": "primary"} | changes)


def waiting(**changes: Any) -> GslbAwaitParams:
    return GslbAwaitParams.model_validate({"name": NAME, "to": "standby", "limit": "30s"} | changes)


@pytest.mark.parametrize(("kind", "cls"), [("gslb.switch", GslbSwitch), ("gslb.await", GslbAwait), ("gslb.restore", GslbRestore)])
def test_the_kinds_are_found_by_the_registry(kind: str, cls: type) -> None:
    assert isinstance(registry()[kind], cls)


def test_a_switch_forces_the_site_and_its_undo_gives_the_decision_back() -> None:
    ground, attempt = Ground(), FakeAttempt()

    outputs = GslbSwitch().run(switch(), ground.world, attempt)
    forced = ground.lever.mode
    for _ in range(2):
        GslbSwitch().undo(switch(), ground.world, FakeAttempt(), attempt.undo or {})

    assert (forced, ground.lever.mode) == ("standby", "auto")
    assert (outputs["before"], outputs["after"], outputs["reach"]) == ("primary", "standby", "data-plane")
    assert 0 < outputs["api_s"] <= outputs["effective_s"]


def test_the_undo_is_written_down_before_the_lever_is_touched() -> None:
    ground = Ground()

    class Watchful(FakeAttempt):
        def register_undo(self, undo: Any) -> None:
            assert ground.lever.mode == "auto"
            super().register_undo(undo)

    attempt = Watchful()
    GslbSwitch().run(switch(), ground.world, attempt)

    assert attempt.undo is not None


def test_a_try_after_a_crash_converges_on_the_first_snapshot() -> None:
    ground, attempt = Ground(), FakeAttempt()
    GslbSwitch().run(switch(), ground.world, attempt)

    outputs = GslbSwitch().run(switch(), ground.world, FakeAttempt(number=2, undo=attempt.undo))

    assert (outputs["before"], ground.lever.mode) == ("primary", "standby")


def test_an_undo_of_what_somebody_else_switched_stops() -> None:
    ground, attempt = Ground(), FakeAttempt()
    GslbSwitch().run(switch(), ground.world, attempt)
    ground.lever.mode = "elsewhere"

    with pytest.raises(Fatal) as caught:
        GslbSwitch().undo(switch(), ground.world, FakeAttempt(), attempt.undo or {})

    assert (caught.value.code, ground.lever.mode) == ("A227", "elsewhere")


def test_traffic_that_is_not_where_the_plan_says_is_left_alone() -> None:
    ground = Ground()
    ground.lever.mode = "third"

    (trouble,) = GslbSwitch().ready(switch(), ground.world)
    with pytest.raises(Fatal) as caught:
        GslbSwitch().run(switch(), ground.world, FakeAttempt())

    assert "is with 'third'" in trouble
    assert (caught.value.code, ground.lever.mode) == ("A226", "third")


def test_a_provider_that_does_not_follow_in_time_fails_the_try() -> None:
    ground = Ground()
    read = ground.lever.read
    ground.lever.read = lambda: replace(read(), site="primary")  # type: ignore[method-assign]

    with pytest.raises(Retryable) as caught:
        GslbSwitch().run(switch(within="5s"), ground.world, FakeAttempt())

    assert (caught.value.code, ground.lever.mode) == ("A125", "standby")


def test_the_preview_names_site_lever_and_reach_and_changes_nothing() -> None:
    ground = Ground(reach="control-plane")

    (effect,) = GslbSwitch().preview(switch(), ground.world)

    assert effect.detail == "primary -> standby (mode auto), by fake, control plane"
    assert effect.marks == {"dns", "control-plane"}
    assert (effect.target, ground.lever.mode) == (NAME, "auto")


def test_a_name_without_a_lever_is_told_before_the_drill() -> None:
    with pytest.raises(Fatal) as caught:
        GslbSwitch().preview(switch(name="other.drill.test"), Ground().world)

    assert (caught.value.code, NAME in caught.value.fix) == ("A226", True)


@pytest.mark.parametrize("step", [GslbSwitch().preview, GslbAwait().preview])
def test_a_site_the_lever_does_not_know_is_told_before_the_drill(step: Any) -> None:
    params = switch(to="nowhere") if step.__self__.kind == "gslb.switch" else waiting(to="nowhere")

    with pytest.raises(Fatal) as caught:
        step(params, Ground().world)

    assert caught.value.code == "A226"


def test_resolvers_have_to_answer_with_the_sites_addresses() -> None:
    ground = Ground()

    outputs = GslbSwitch().run(switch(resolvers=["127.0.0.2", "127.0.0.3:5353"]), ground.world, FakeAttempt())

    after, before, agreement = ground.propagation.watched[0]
    assert (after.values, before.values) == (("127.0.2.1",), ("127.0.1.1",))
    assert agreement.caches == (("127.0.0.2", 53), ("127.0.0.3", 5353))
    assert outputs["effective_s"] < outputs["settled_s"]


def test_a_resolver_that_does_not_follow_fails_the_try_and_is_named() -> None:
    ground = Ground()
    ground.propagation.lagging.append("127.0.0.2:53")

    with pytest.raises(Retryable, match=r"127\.0\.0\.2:53 old") as caught:
        GslbSwitch().run(switch(resolvers=["127.0.0.2"]), ground.world, FakeAttempt())

    assert caught.value.code == "A121"


def test_health_checks_that_switch_by_themselves_are_left_to_it() -> None:
    ground, attempt = Ground(), FakeAttempt()
    ground.lever.switches_itself_at = 5

    outputs = GslbAwait().run(waiting(), ground.world, attempt)

    assert (outputs["by"], outputs["after"], ground.lever.mode, attempt.undo) == ("provider", "standby", "auto", None)
    assert 3 <= outputs["took_s"] < 10


def test_after_the_limit_the_drill_acts_and_can_be_taken_back() -> None:
    ground, attempt = Ground(), FakeAttempt()

    outputs = GslbAwait().run(waiting(), ground.world, attempt)
    forced = ground.lever.mode
    GslbAwait().undo(waiting(), ground.world, FakeAttempt(), attempt.undo or {})

    assert (outputs["by"], forced, ground.lever.mode) == ("drill", "standby", "auto")
    assert outputs["took_s"] >= 30
    assert "the drill acts" in [what for what, _ in attempt.said]


def test_a_drill_that_must_not_act_fails_after_the_limit_and_touches_nothing() -> None:
    ground, attempt = Ground(), FakeAttempt()

    with pytest.raises(Retryable) as caught:
        GslbAwait().run(waiting(act=False), ground.world, attempt)

    assert (caught.value.code, ground.lever.mode, attempt.undo) == ("A126", "auto", None)
    assert GslbAwait().preview(waiting(act=False), ground.world) == []


def test_a_try_after_a_crash_in_the_act_goes_on_at_once() -> None:
    ground, attempt = Ground(), FakeAttempt()
    GslbAwait().run(waiting(), ground.world, attempt)
    ground.lever.mode = "auto"

    outputs = GslbAwait().run(waiting(), ground.world, FakeAttempt(number=2, undo=attempt.undo))

    assert (outputs["by"], ground.lever.mode) == ("drill", "standby")
    assert outputs["took_s"] < 5


def test_a_stop_while_waiting_ends_it_and_touches_nothing() -> None:
    ground, attempt = Ground(), FakeAttempt()
    attempt.stop = True

    with pytest.raises(Retryable) as caught:
        GslbAwait().run(waiting(), ground.world, attempt)

    assert (caught.value.code, ground.lever.mode) == ("A164", "auto")


@pytest.mark.parametrize(("mode", "word"), [("primary", "is forced"), ("standby", "is forced")])
def test_waiting_for_checks_that_decide_nothing_is_told_before_the_drill(mode: str, word: str) -> None:
    ground = Ground()
    ground.lever.mode = mode

    (trouble,) = GslbAwait().ready(waiting(), ground.world)

    assert word in trouble


def test_traffic_that_has_moved_already_is_told_before_the_drill() -> None:
    ground = Ground()
    ground.lever.primary_well = False

    (trouble,) = GslbAwait().ready(waiting(), ground.world)

    assert "nothing to wait for" in trouble


def test_the_way_home_gives_the_decision_back_to_the_health_checks() -> None:
    ground, attempt, home = Ground(), FakeAttempt(step="traffic.switch"), FakeAttempt(step="home.restore")
    GslbSwitch().run(switch(), ground.world, attempt)
    params = GslbRestoreParams(of="traffic.switch", name=NAME)
    home.facts = [undo_fact("traffic.other", {}), undo_fact("traffic.switch", attempt.undo or {})]

    outputs = GslbRestore().run(params, ground.world, home)
    GslbSwitch().undo(switch(), ground.world, FakeAttempt(), attempt.undo or {})

    assert dict(outputs) == {"restored": True, "site": "primary", "forced": False}
    assert ground.lever.mode == "auto"


def test_a_lever_the_drill_never_forced_is_left_as_it_is() -> None:
    ground = Ground()

    outputs = GslbRestore().run(GslbRestoreParams(of="traffic.wait", name=NAME), ground.world, FakeAttempt())

    assert (outputs["restored"], ground.lever.mode) == (False, "auto")


def undo_fact(step: str, undo: Any) -> Fact:
    return Fact(
        drill="drill-1",
        seq=1,
        at=datetime(2027, 1, 1, tzinfo=UTC),
        mono_s=1.0,
        epoch="boot/1",
        by="engine",
        kind=Kind.UNDO_REGISTERED,
        key=f"{step}/undo",
        data={"step": step, "undo": undo},
        digest="",
    )


@pytest.mark.parametrize("wrong", [{"resolvers": ["dns.example.com"]}, {"within": "0s"}, {"via": "x"}])
def test_parameters_that_cannot_work_are_refused_before_anything_runs(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        switch(**wrong)
