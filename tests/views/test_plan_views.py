"""A plan reads as a tree with its effects, its critical path and its warnings."""

from __future__ import annotations

import json

from drill.model.critical import CriticalPath
from drill.model.effects import Effect, Verb
from drill.model.plan import Guard
from drill.views.plan_json import render_plan_json
from drill.views.plan_text import render_plan
from tests.model.story_plan import sandbox_plan

_CRITICAL = CriticalPath(
    path=("outage", "detect", "rebuild", "traffic"),
    with_gates_s=95.0,
    without_gates_s=24.0,
    slack={"data": 1.5, "rebuild": 0.0},
    unbudgeted=(),
)
_EFFECTS = {
    "rebuild.capacity": [Effect(verb=Verb.CREATE, target="standby/app-1", count=2, undo="automatic")],
    "data.fence": [],
}


def _text(width: int = 120) -> str:
    return render_plan(sandbox_plan(), effects=_EFFECTS, critical=_CRITICAL, warnings=["budgets with gates exceed the RTO"], width=width)


def test_steps_stand_under_their_phase_and_below_what_they_wait_for() -> None:
    lines = _text().splitlines()

    fence = next(line for line in lines if "data.fence" in line)
    promote = next(line for line in lines if "data.promote" in line)
    assert fence.startswith("    • data.fence")
    assert promote.startswith("      └ data.promote")
    assert "[point of no return]" in promote


def test_phases_say_what_they_wait_for_and_whether_they_are_critical() -> None:
    text = _text()

    assert "■ rebuild  after detect" in text
    assert "critical" in next(line for line in text.splitlines() if line.startswith("■ traffic"))
    assert "slack 1.5 s" in next(line for line in text.splitlines() if line.startswith("■ data "))


def test_effects_gates_budgets_and_warnings_are_told() -> None:
    text = _text()

    assert "+ create standby/app-1 ×2  (undo: automatic)" in text
    assert "changes nothing" in text
    assert "joint gate recover" in text
    assert "critical path: outage → detect → rebuild → traffic" in text
    assert "budgets without gates: 24 s fit the RTO of 1:00" in text
    assert "budgets with gates: 1:35 exceed the RTO of 1:00" in text
    assert "changes: 2 of at most" in text
    assert text.endswith("warning: budgets with gates exceed the RTO\n")


def test_budgets_are_held_against_nothing_where_nothing_is_judged() -> None:
    plan = sandbox_plan()
    unjudged = plan.model_copy(update={"objectives": plan.objectives.model_copy(update={"rto_binds": "none"})})

    text = render_plan(unjudged, effects={}, critical=_CRITICAL, warnings=[], width=120)

    assert "  budgets with gates: 1:35\n" in text
    assert "exceed" not in text


def test_a_plan_names_what_ends_the_drill_at_once() -> None:
    guards = (
        Guard(id="shop", asks="probe", probe="neighbour", misses=5),
        Guard(id="errors", asks="prometheus", url="http://p:9090", query="rate(errors[1m]) < 2", for_s=10.0),
        Guard(id="pager", asks="alertmanager", url="http://a:9093", alert="NeighbourDown"),
    )
    plan = sandbox_plan().model_copy(update={"guards": guards})

    lines = render_plan(plan, effects={}, critical=_CRITICAL, warnings=[], width=160).splitlines()

    assert [line for line in lines if line.startswith("guard ")] == [
        "guard shop: the drill ends when probe neighbour misses 5 in a row",
        "guard errors: the drill ends when `rate(errors[1m]) < 2` does not hold for 10 s (http://p:9090)",
        "guard pager: the drill ends when the alert NeighbourDown fires (http://a:9093)",
    ]


def test_no_line_is_wider_than_asked_and_none_carries_an_escape() -> None:
    text = _text(width=60)

    assert max(len(line) for line in text.splitlines()) <= 60
    assert "\x1b" not in text


def test_the_json_holds_the_whole_plan_and_its_digest() -> None:
    plan = sandbox_plan()

    body = json.loads(render_plan_json(plan, effects=_EFFECTS, critical=_CRITICAL, warnings=[]))

    assert body["plan_digest"] == plan.digest()
    assert body["plan"] == plan.model_dump(mode="json")
    assert body["effects"]["rebuild.capacity"][0]["count"] == 2
    assert body["critical_path"]["slack_s"] == {"data": 1.5, "rebuild": 0.0}
