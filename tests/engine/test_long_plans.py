"""A plan of 10,000 steps is read, checked, previewed and named in a time that grows with its length, not with its square."""

from __future__ import annotations

import time
from pathlib import Path

from drill.engine.expressions import render
from drill.settings import Settings
from drill.wiring.rehearsals import effects_of, rehearsal_world
from drill.wiring.scenarios import open_scenario
from tests.e2e.place import PROJECT

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
    """About 5 s on two busy cores; with one walk over the plan per step it were minutes."""
    began_s = time.monotonic()

    opened = open_scenario(_long(tmp_path / "long.yaml"))
    settings = Settings(tmp_path, tmp_path, PROJECT, f"sqlite:///{tmp_path / 'drill.sqlite'}", None)
    previews = effects_of(opened.plan, rehearsal_world(settings, opened.plan), opened.kinds)

    assert len(opened.plan.steps()) == STEPS
    assert previews.notes == []
    assert time.monotonic() - began_s < 60


def test_an_expression_among_ten_thousand_outputs_is_worked_out_at_once() -> None:
    steps = {f"p{number // _PER_PHASE}.s{number}": {"n": number} for number in range(STEPS)}
    began_s = time.monotonic()

    found = render({"value": "{{ steps.s9876.outputs.n }}"}, steps=steps, sites={})

    assert found == {"value": 9876}
    assert time.monotonic() - began_s < 2
