"""A plan's changes are asked of its steps, and what cannot be asked yet is absent or said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from drill.engine.compile import compile_plan
from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal
from drill.model.plan import Mode
from drill.model.ports import World
from drill.steps.base import Step
from drill.wiring.previews import preview_effects
from tests.scenarios import KINDS, SiteParams, scenario

_WORLD = cast("World", SimpleNamespace(ground=SimpleNamespace(attributes=lambda site: {"name": f"{site}.test", "bad": [1]})))


class _Touches(Step[SiteParams]):
    params = SiteParams
    title = ("touch", "touch")

    def preview(self, params: SiteParams, world: World) -> list[Effect]:
        return [Effect(verb=Verb.UPDATE, target=params.site)]


class _Breaks(_Touches):
    def preview(self, params: SiteParams, world: World) -> list[Effect]:
        raise Fatal("there is no such thing.", code="A299")


def test_steps_are_previewed_with_what_is_known_of_the_sites_and_the_rest_is_absent_or_said() -> None:
    kinds = {**KINDS, "touch": _Touches(), "broken": _Breaks()}
    steps = {
        "now": {"touch": {"site": "{{ sites.primary.name }}"}},
        "later": {"touch": {"site": "primary", "values": "{{ steps.now.outputs.x }}"}, "after": ["now"]},
        "left_out": {"touch": {"site": "primary"}, "skip": True},
        "fails": {"broken": {"site": "primary"}},
        "odd": {"touch": {"site": "{{ sites.primary.bad }}"}},
    }
    home = {"phases": {"home": {"steps": {"back": {"touch": {"site": "primary"}}}}}}
    plan = compile_plan(scenario(phases={"p": {"steps": steps}}, failback=home), kinds, Mode.SANDBOX)

    effects, troubles = preview_effects(plan, kinds, _WORLD)

    assert {step: [row.target for row in rows] for step, rows in effects.items()} == {"p.now": ["primary.test"]}
    assert [row.split(" cannot")[0] for row in troubles] == ["'p.fails'", "'p.odd'"]
