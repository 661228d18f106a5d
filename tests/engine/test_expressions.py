"""Expressions look things up, keep types, and do nothing else."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.engine.compile import compile_plan
from drill.engine.compile_checks import scenario_problems
from drill.engine.expressions import Reference, references, render, visible_steps
from drill.model.errors import Fatal
from drill.model.plan import Mode
from tests.scenarios import KINDS, scenario, sound

_STEPS: dict[str, dict[str, Any]] = {
    "rebuild.capacity": {"addresses": ["127.0.2.1", "127.0.2.2"], "values": {"code": "0012"}, "items": 3},
    "there.switch": {"n": 1},
    "back.switch": {"n": 2},
}
_SITES = {"primary": {"host": "127.0.1.1", "port": 80, "up": True}}


def _render(value: Any) -> Any:
    return render(value, steps=_STEPS, sites=_SITES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ steps.capacity.outputs.addresses }}", ["127.0.2.1", "127.0.2.2"]),
        (" {{ steps.rebuild.capacity.outputs.addresses[0] }}\n", "127.0.2.1"),
        ('{{ steps["rebuild.capacity"].outputs.values.code }}', "0012"),
        ("{{ steps.capacity.outputs.items }}", 3),
        ("{{ steps.back.switch.outputs.n + 1 }}", 3),
        ("{{ steps.capacity.outputs.addresses | length }}", 2),
        ("{{ sites.primary.up }}", True),
        ("http://{{ sites.primary.host }}:{{ sites.primary.port }}/", "http://127.0.1.1:80/"),
        ("{{ sites.primary.port }}{{ sites.primary.port }}", "8080"),
        ("plain", "plain"),
    ],
)
def test_an_expression_alone_keeps_its_type_and_one_within_text_becomes_text(text: str, value: Any) -> None:
    assert _render(text) == value


def test_values_are_filled_in_at_any_depth_and_the_rest_stays() -> None:
    assert _render({"a": [1, {"b": "{{ sites.primary.port }}"}], "c": None}) == {"a": [1, {"b": 80}], "c": None}


@pytest.mark.parametrize(
    "text",
    [
        "{{ steps.nowhere.outputs.n }}",
        "{{ steps.switch.outputs.n }}",
        "{{ steps.capacity.outputs.missing }}",
        "{{ sites.primary.missing.deeper }}",
        "port {{ sites.primary.missing }}",
        "{{ sites.primary.host.__class__ }}",
        "{{ steps.capacity.outputs.addresses.append }}",
        "{{ ''.join }}",
        "{{ steps.items() }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% for x in steps %}{{ x }}{% endfor %}",
        "{% set x = 1 %}",
        "{{ range(9) }}",
        "{{ steps | pprint }}",
        "{{ unheard }}",
        "{{ broken",
        "{{ " + "(" * 500 + " }}",
        "{{ 1 + 'a' }}",
        "{{ sites.primary.host }}" + "x" * 3000,
    ],
)
def test_what_is_missing_or_does_more_than_look_up_is_a_fatal_error_with_its_text(text: str) -> None:
    with pytest.raises(Fatal) as caught:
        _render(text)

    assert caught.value.code == "A260"


@given(st.text(alphabet="{}%.|()[]'\"steps outputs123+-*", max_size=60))
def test_no_text_whatever_raises_anything_but_a_fatal_error(text: str) -> None:
    with suppress(Fatal):
        _render(text)


def test_the_names_an_expression_looks_up_are_known_without_running_it() -> None:
    assert references("{{ steps.a['b.c'].outputs | default(sites.p.x) }}") == [
        Reference("steps", ("a", "b.c", "outputs")),
        Reference("sites", ("p", "x")),
    ]


def _phases(text: str, *, after: list[str]) -> dict[str, Any]:
    idle: dict[str, Any] = {"idle": {}}
    return {
        "one": {"steps": {"make": idle, "data": idle}},
        "two": {"steps": {"make": idle, "other": idle}},
        "use": {
            "after": after,
            "steps": {"first": idle, "it": {"fence": {"site": "primary", "values": [text]}, "after": ["first"]}, "last": idle},
        },
        "data": {"after": ["use"], "steps": {"late": idle}},
    }


@pytest.mark.parametrize(
    ("text", "after", "code"),
    [
        ("{{ steps.make.outputs.x }}", ["one"], None),
        ("{{ steps.first.outputs.x }}", [], None),
        ("{{ steps.two.make.outputs.x }}", ["one", "two"], None),
        ("{{ steps.make.outputs.x }}", ["one", "two"], "S029"),
        ("{{ steps.data.outputs.x }}", ["one"], "S029"),
        ("{{ steps.other.outputs.x }}", ["one"], "S028"),
        ("{{ steps.late.outputs.x }}", ["one"], "S028"),
        ("{{ steps.last.outputs.x }}", ["one"], "S028"),
        ("{{ steps.it.outputs.x }}", ["one"], "S028"),
        ("{{ steps.mak.outputs.x }}", ["one"], "S026"),
        ("{{ steps.make.state }}", ["one"], "S030"),
        ("{{ steps }}", ["one"], "S026"),
        ("{{ sites.nowhere.x }}", ["one"], "S024"),
        ("{{ oops", ["one"], "S030"),
    ],
)
def test_a_reference_is_checked_before_anything_runs(text: str, after: list[str], code: str | None) -> None:
    found = scenario_problems(sound(phases=_phases(text, after=after)), KINDS)

    assert [row.code for row in found] == ([code] if code else [])
    assert all(row.at == ("phases", "use", "steps", "it", "fence", "values", 0) for row in found)


def test_a_step_sees_what_it_waits_for_and_a_failback_step_the_whole_drill() -> None:
    back = {"phases": {"home": {"steps": {"a": {"idle": {}}, "b": {"idle": {}, "after": ["a"]}}}}}
    plan = compile_plan(scenario(failback=back), KINDS, Mode.SANDBOX)

    assert visible_steps(plan, "outage.lose") == ()
    assert visible_steps(plan, "data.promote") == ("outage.lose", "data.fence")
    assert visible_steps(plan, "home.b") == ("outage.lose", "data.fence", "data.promote", "home.a")
