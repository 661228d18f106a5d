"""A rehearsal asks every step what it would change, in plan order, against a world that takes no write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.adapters.terraform import TerraformCli
from drill.engine.compile import compile_plan
from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import DrillError, Fatal
from drill.model.plan import Mode, Plan
from drill.model.ports import RecordSet, TerraformPlan, Workspace, World
from drill.model.propagation import Agreement
from drill.model.rehearsal import KNOWN_AFTER_APPLY, NotRehearsed, WriteRefused
from drill.settings import Settings
from drill.steps.base import Step
from drill.wiring.rehearsals import RehearsedWorld, effects_of, rehearsal_world
from drill.wiring.rehearsed_ports import RehearsedTerraform
from drill.wiring.scenarios import open_scenario
from tests.scenarios import KINDS, Idle, NoParams, SiteParams, scenario

_PROJECT = Path(__file__).parents[2]
_SANDBOX = _PROJECT / "scenarios" / "sandbox-region-outage.yaml"


class _Touches(Idle):
    params = SiteParams
    title = ("touch", "touch")

    def preview(self, params: SiteParams, world: World) -> list[Effect]:
        return [Effect(verb=Verb.UPDATE, target="/".join((params.site, *params.values)))]

    def foresee(self, params: SiteParams, world: World) -> Outputs:
        return {"name": f"{params.site}.test"}


class _Breaks(_Touches):
    def preview(self, params: SiteParams, world: World) -> list[Effect]:
        raise Fatal("there is no such thing.", code="A299")


class _Trips(_Touches):
    def preview(self, params: SiteParams, world: World) -> list[Effect]:
        raise RuntimeError("a slip")


class _Writes(_Touches):
    def preview(self, params: SiteParams, world: World) -> list[Effect]:
        world.fence.fence(params.site)
        return []


class _Asks(Idle):
    params = NoParams
    title = ("ask", "ask")

    def preview(self, params: NoParams, world: World) -> list[Effect]:
        world.probes.ask("checkout")
        return []


_ALL: Mapping[str, Step[Any]] = {
    **KINDS,
    "touch": _Touches(),
    "broken": _Breaks(),
    "trips": _Trips(),
    "writes": _Writes(),
    "asks": _Asks(),
}


def _plan(steps: Mapping[str, Any], **changes: Any) -> Plan:
    return compile_plan(scenario(phases={"p": {"steps": steps}}, **changes), _ALL, Mode.SANDBOX)


def _settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "home", tmp_path / "reports", _PROJECT, "sqlite://", None)


def _world(tmp_path: Path, plan: Plan) -> RehearsedWorld:
    return rehearsal_world(_settings(tmp_path), plan)


def test_steps_see_the_sites_and_what_earlier_steps_foresee(tmp_path: Path) -> None:
    steps = {
        "first": {"touch": {"site": "primary"}},
        "second": {"touch": {"site": "{{ steps.first.outputs.name }}", "values": "{{ sites.standby.addresses }}"}, "after": ["first"]},
    }
    plan = _plan(steps)

    previews = effects_of(plan, _world(tmp_path, plan), _ALL)

    assert [row.target for rows in previews.effects.values() for row in rows] == ["primary", "primary.test/127.0.2.1/127.0.2.2"]
    assert previews.notes == []


def test_an_output_that_nobody_foresees_is_known_after_apply_and_not_held_against_the_limits(tmp_path: Path) -> None:
    steps = {
        "first": {"touch": {"site": "primary"}},
        "second": {"touch": {"site": "x-{{ steps.first.outputs.other }}"}, "after": ["first"]},
    }
    plan = _plan(steps)

    previews = effects_of(plan, _world(tmp_path, plan), _ALL)

    assert [row.target for row in previews.effects["p.second"]] == [KNOWN_AFTER_APPLY]
    assert previews.bounded["p.second"] == []
    assert previews.notes == ["'p.second' has a target that is known only after apply: its limits are checked in the drill."]


def test_a_step_whose_value_must_be_more_than_text_is_skipped_while_it_is_unknown(tmp_path: Path) -> None:
    steps = {
        "first": {"touch": {"site": "primary"}},
        "second": {"touch": {"site": "primary", "ttl": "{{ steps.first.outputs.other }}"}, "after": ["first"]},
    }
    plan = _plan(steps)

    previews = effects_of(plan, _world(tmp_path, plan), _ALL)

    assert previews.skipped["p.second"].what == "its 'ttl' is known after apply."


def test_a_value_that_does_not_fit_is_refused_with_its_place(tmp_path: Path) -> None:
    plan = _plan({"odd": {"touch": {"site": "primary", "ttl": "{{ sites.primary.addresses }}"}}})

    previews = effects_of(plan, _world(tmp_path, plan), _ALL)

    assert previews.refused["p.odd"].code == "A201"
    assert "its 'ttl' does not fit" in previews.refused["p.odd"].what


def test_a_preview_that_writes_fails_that_asks_is_skipped_and_that_trips_is_a_bug(tmp_path: Path) -> None:
    steps = {name: {name: {"site": "primary"}} for name in ("writes", "broken", "trips")}
    plan = _plan({**steps, "asks": {"asks": {}}, "left_out": {"touch": {"site": "primary"}, "skip": True}})

    previews = effects_of(plan, _world(tmp_path, plan), _ALL)

    assert {step: error.code for step, error in previews.refused.items()} == {"p.writes": "A270", "p.broken": "A299", "p.trips": "A900"}
    assert set(previews.skipped) == {"p.asks", "p.left_out"}
    assert previews.effects == {}


@given(st.lists(st.sampled_from(["touch", "broken", "trips", "writes", "lose"]), min_size=1, max_size=8), st.sets(st.integers(0, 7)))
def test_every_step_is_previewed_skipped_or_refused_and_never_two_of_them(kinds: list[str], skips: set[int]) -> None:
    steps = {f"s{number}": {kind: {"site": "primary"}, "skip": number in skips} for number, kind in enumerate(kinds)}
    plan = _plan(steps)

    previews = effects_of(plan, rehearsal_world(_settings(Path("/nonexistent")), plan), _ALL)

    told = [*previews.effects, *previews.skipped, *previews.refused]
    assert sorted(told) == sorted(step.id for step in plan.steps())


def test_the_failback_is_previewed_against_the_world_the_drill_would_leave(tmp_path: Path) -> None:
    opened = open_scenario(_SANDBOX)

    effects = effects_of(opened.plan, _world(tmp_path, opened.plan), opened.kinds).effects

    assert [row.target for row in effects["data_home.revive"]] == ["primary/outage"]
    switched, home = effects["traffic.switch"][0].detail, effects["traffic_home.switch"][0].detail
    assert "127.0.1.1, 127.0.1.2 -> 127.0.2.1, 127.0.2.2" in switched
    assert "127.0.2.1, 127.0.2.2 -> 127.0.1.1, 127.0.1.2" in home


def test_a_playbook_that_is_not_there_is_refused_whichever_step_names_it(tmp_path: Path) -> None:
    place = "failback.phases.data_home.steps.rejoin.ansible.play.playbook=gone.yml"
    opened = open_scenario(_SANDBOX, sets=(place,))

    refused = effects_of(opened.plan, _world(tmp_path, opened.plan), opened.kinds).refused

    assert {step: error.code for step, error in refused.items()} == {"data_home.rejoin": "A230"}


def test_a_mixed_plan_skips_what_this_machine_lacks_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drill.wiring.rehearsed_grounds.lacking", lambda provider: "aws" if provider in {"aws", "route53"} else "")
    cloud = "sites.standby={provider: aws, region: eu-west-1, addresses: [192.0.2.9], shop_port: 80, control: []}"
    opened = open_scenario(_SANDBOX, sets=(cloud, "sites.primary.shop_port=80", "zones={drill.test: {provider: route53}}"))

    previews = effects_of(opened.plan, _world(tmp_path, opened.plan), opened.kinds)

    codes = {step: error.code for step, error in previews.skipped.items()}
    assert codes["outage.blackhole"] == "F041"  # the sandbox is the other half of this plan, and it is not up
    assert (codes["rebuild.capacity"], codes["traffic.switch"]) == ("F044", "F044")
    assert previews.refused == {}


class _CountingTerraform:
    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []

    def preview(self, module: str, variables: Mapping[str, Any]) -> TerraformPlan:
        self.asked.append(variables)
        return TerraformPlan((), "")


_RECORD = RecordSet("shop.drill.test", "A", 1, ("127.0.2.1",))
_WORKSPACE = Workspace("d", "p.s", "terraform/sites/sandbox", {})


def _play(world: RehearsedWorld) -> object:
    more: dict[str, Any] = {"inventory": {}, "variables": {}, "timeout_s": 1.0, "stopping": lambda: False, "on_task": lambda _: None}
    return world.ansible.play("promote_postgres.yml", check=False, **more)


def _watch(world: RehearsedWorld) -> object:
    agreement = Agreement(need=1, every_s=0.1, within_s=1.0)
    more: dict[str, Any] = {"agreement": agreement, "stopping": lambda: False, "on_change": lambda _: None}
    return world.propagation.watch([("127.0.0.1", 53)], _RECORD, _RECORD, **more)


@pytest.mark.parametrize(
    ("method", "refusal"),
    [
        (lambda world: world.outage.isolate("primary"), WriteRefused),
        (lambda world: world.outage.restore("primary", {}), WriteRefused),
        (lambda world: world.fence.fence("primary"), WriteRefused),
        (lambda world: world.fence.release("primary"), WriteRefused),
        (lambda world: world.dns.swap(_RECORD, _RECORD), WriteRefused),
        (lambda world: world.terraform.plan(_WORKSPACE), WriteRefused),
        (lambda world: world.terraform.apply(_WORKSPACE, stopping=lambda: False, on_event=lambda _: None), WriteRefused),
        (_play, Fatal),
        (lambda world: world.terraform.resources(_WORKSPACE), NotRehearsed),
        (lambda world: world.probes.ask("checkout"), NotRehearsed),
        (_watch, NotRehearsed),
    ],
)
def test_a_rehearsed_world_refuses_to_write_and_to_ask_what_is_not_there(
    tmp_path: Path, method: Callable[[RehearsedWorld], object], refusal: type[DrillError]
) -> None:
    world = _world(tmp_path, open_scenario(_SANDBOX).plan)

    with pytest.raises(refusal):
        method(world)

    assert list(tmp_path.iterdir()) == []


def test_terraform_is_not_asked_with_variables_it_cannot_have_yet(tmp_path: Path) -> None:
    world = _world(tmp_path, open_scenario(_SANDBOX).plan)

    with pytest.raises(NotRehearsed, match="known only after apply"):
        world.terraform.preview("terraform/sites/sandbox", {"addresses": KNOWN_AFTER_APPLY})


def test_terraform_previews_a_module_once_for_the_same_variables() -> None:
    terraform = _CountingTerraform()
    rehearsed = RehearsedTerraform(cast("TerraformCli", terraform))

    for number in (1, 1, 2):
        rehearsed.preview("m", {"n": number})

    assert terraform.asked == [{"n": 1}, {"n": 2}]
