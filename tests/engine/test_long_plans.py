"""A plan of 10,000 steps is read, checked, previewed and laid out in a time that grows with its length, not with its square.

Times are this process's own on the processor, whatever else runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from drill.engine.attempt import Result
from drill.engine.conduct import Conductor
from drill.engine.expressions import render
from drill.settings import Settings
from drill.wiring.rehearsals import effects_of, rehearsal_world
from drill.wiring.scenarios import open_scenario
from tests.e2e.place import PROJECT
from tests.engine.drilling import phase_of, plan_of, step_of
from tests.engine.test_conduct import ScriptedCrew

STEPS = 10_000
_PER_PHASE = 10
_HEAD = """\
scenario: long
title: {en: Long, zh: 长}
objectives: {rto: 60m, rpo: 10s}
sites:
  only: {provider: sandbox, region: a}
probes:
  shop: {http: "http://shop.drill.test"}
limits: {max_changes: 4, allow: ["only/*"]}
phases:
"""


def _long(path: Path) -> Path:
    lines = []
    for phase in range(STEPS // _PER_PHASE):
        after = f" after: [p{phase - 1}]," if phase else ""
        steps = ", ".join(f"s{number}: {{probe.until: {{probe: shop}}}}" for number in range(_PER_PHASE))
        lines.append(f"  p{phase}: {{title: {{en: P, zh: 段}}, budget: 1s, acknowledge: none,{after} steps: {{{steps}}}}}")
    path.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_scenario_of_ten_thousand_steps_is_checked_and_previewed_in_seconds(tmp_path: Path) -> None:
    """About 2 s; with one walk over the plan per step it were minutes."""
    began_s = time.process_time()

    opened = open_scenario(_long(tmp_path / "long.yaml"))
    settings = Settings(tmp_path, tmp_path, PROJECT, f"sqlite:///{tmp_path / 'drill.sqlite'}", None)
    previews = effects_of(opened.plan, rehearsal_world(settings, opened.plan), opened.kinds)

    assert len(opened.plan.steps()) == STEPS
    assert previews.notes == []
    assert time.process_time() - began_s < 15


def test_an_expression_among_ten_thousand_outputs_is_worked_out_at_once() -> None:
    steps = {f"p{number // _PER_PHASE}.s{number}": {"n": number} for number in range(STEPS)}
    began_s = time.process_time()

    found = render({"value": "{{ steps.s9876.outputs.n }}"}, steps=steps, sites={})

    assert found == {"value": 9876}
    assert time.process_time() - began_s < 2


class InPlace:
    """Nodes that run their bodies where they are (ports Slots and Node)."""

    def reserve(self, _name: str) -> InPlace:
        return self

    async def run(self, body: Callable[[], Result]) -> Result:
        return body()


def test_a_chain_of_ten_thousand_steps_in_one_phase_is_laid_out_at_once() -> None:
    names = [f"p.s{number}" for number in range(STEPS)]
    steps = [step_of(name, after=(earlier,)) for earlier, name in pairwise(names)]
    crew = ScriptedCrew()
    began_s = time.process_time()

    asyncio.run(Conductor(plan_of(phase_of("p", step_of(names[0]), *reversed(steps))), slots=InPlace(), crew=crew).conduct())

    assert [name for name in crew.log if name.startswith("p.s")] == names
    assert time.process_time() - began_s < 4
