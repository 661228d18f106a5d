"""A scenario becomes its plan: in order, gates merged once, defaults applied; every wrong reference is reported at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.engine.compile import compile_plan
from drill.engine.compile_checks import scenario_problems
from drill.model.errors import ScenarioInvalid
from drill.model.plan import Gate, Mode, Plan
from drill.model.problem import Problem
from tests.scenarios import KINDS, scenario, sound


def _plan(**changes: Any) -> Plan:
    return compile_plan(scenario(**changes), KINDS, Mode.SANDBOX)


def _problems(**changes: Any) -> list[Problem]:
    return scenario_problems(sound(**changes), KINDS)


def _phase(**keys: Any) -> dict[str, Any]:
    return {"steps": {"idle": {"idle": {}}}, **keys}


@st.composite
def phase_graphs(draw: Any) -> dict[str, dict[str, Any]]:
    """Phases in levels: those of one level may share a joint gate, since none of them waits for another."""
    levels = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    phases: dict[str, dict[str, Any]] = {}
    above: list[str] = []
    for depth, width in enumerate(levels):
        ids = [f"p{depth}{index}" for index in range(width)]
        joint = draw(st.booleans())
        for name in ids:
            asks = {"joint": f"j{depth}"} if joint else draw(st.sampled_from(["none", {}, {"when": "before"}]))
            phases[name] = _phase(after=draw(st.lists(st.sampled_from(above), unique=True)) if above else [], acknowledge=asks)
        above += ids
    return {name: phases[name] for name in draw(st.permutations(list(phases)))}


@settings(deadline=None, max_examples=60)
@given(phases=phase_graphs())
def test_any_plan_is_in_order_and_each_joint_gate_is_merged_once(phases: dict[str, dict[str, Any]]) -> None:
    plan = _plan(phases=phases)

    ids = [phase.id for phase in plan.phases]
    assert sorted(ids) == sorted(phases)
    assert all(ids.index(before) < ids.index(phase.id) for phase in plan.phases for before in phase.after)
    members = [name for gate in plan.gates for name in gate.phases]
    assert len({gate.id for gate in plan.gates}) == len(plan.gates)
    assert sorted(members) == sorted(phase.id for phase in plan.phases if phase.gate)
    assert all(plan.phase(name).gate == gate.id for gate in plan.gates for name in gate.phases)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_steps_have_dotted_ids_and_wait_for_dotted_ids() -> None:
    plan = _plan()

    assert [(step.id, step.after) for step in plan.phase("data").steps] == [("data.fence", ()), ("data.promote", ("data.fence",))]
    assert plan.step("data.promote").no_return


def test_steps_are_ordered_by_what_they_wait_for_not_by_where_they_stand() -> None:
    steps = {"last": {"idle": {}, "after": ["first"]}, "first": {"idle": {}}}

    assert [step.id for step in _plan(phases={"p": {"steps": steps}}).steps()] == ["p.first", "p.last"]


def test_a_joint_gate_takes_what_its_members_write_and_the_defaults_for_the_rest() -> None:
    plan = _plan(phases={"a": _phase(acknowledge={"joint": "both", "within": "9s"}), "b": _phase(acknowledge={"joint": "both"})})

    assert plan.gates == (Gate(id="both", phases=("a", "b"), ask=("oncall",), then=("lead",), within_s=9, at="after"),)


def test_a_phase_that_asks_nobody_still_tells_those_who_are_asked_by_default() -> None:
    phase = _plan(phases={"quiet": _phase(acknowledge="none")}).phase("quiet")

    assert (phase.gate, phase.notify) == (None, ("oncall",))


def test_a_gate_is_destructive_before_an_outage_a_promote_or_whenever_it_stands_before() -> None:
    phases = {
        "go": {"acknowledge": {"when": "before"}},
        "calm": _phase(after=["go"]),
        "ready": _phase(after=["calm"]),
        "data": {"after": ["ready"], "steps": sound()["phases"]["data"]["steps"]},
    }

    assert {gate.id: gate.destructive for gate in _plan(phases=phases).gates} == {"go": True, "calm": False, "ready": True, "data": False}


def test_the_failback_comes_after_the_drill_in_its_own_order() -> None:
    back = {"phases": {"second": _phase(after=["first"]), "first": _phase()}}

    plan = _plan(failback=back)

    assert [phase.id for phase in plan.all_phases()] == ["outage", "data", "first", "second"]
    assert [gate.id for gate in plan.gates] == ["outage", "data", "first", "second"]


def test_times_and_titles_come_from_the_kind_where_the_scenario_is_silent() -> None:
    plan = _plan(phases={"long_way": {"steps": {"a": {"idle": {}}, "b": {"idle": {}, "timeout": "5s", "title": "B"}}}})

    first, second = plan.steps()
    assert (first.timeout_s, first.title.en, second.timeout_s, second.title.zh) == (600, "idle", 5, "B")
    assert plan.phases[0].title.en == "Long way"


def test_the_digest_of_a_plan_changes_with_anything_it_says() -> None:
    assert _plan().digest() == _plan().digest()
    assert _plan().digest() != _plan(objectives={"rto": "61s", "rpo": "10s"}).digest()


# ---------------------------------------------------------------- what is refused


def test_a_sound_scenario_has_no_problem() -> None:
    assert _problems() == []


def test_a_cycle_is_named_in_the_order_of_waiting() -> None:
    found = _problems(phases={"a": _phase(after=["c"]), "b": _phase(after=["a"]), "c": _phase(after=["b"])})

    assert [(row.code, row.what) for row in found] == [("S021", "each phase waits for the one before it, in a circle: a -> b -> c -> a.")]


def test_a_phase_that_waits_for_itself_and_a_cycle_of_steps_are_cycles() -> None:
    steps = {"x": {"idle": {}, "after": ["y"]}, "y": {"idle": {}, "after": ["x"]}}

    found = _problems(phases={"a": {"after": ["a"], "steps": steps}})

    assert sorted(row.what.split(": ")[1] for row in found) == ["a -> a.", "x -> y -> x."]


@pytest.mark.parametrize(
    ("changes", "at", "code", "word"),
    [
        ({"phases": {"a": _phase(after=["b"])}}, "phases.a.after.0", "S020", "'b'"),
        ({"phases": {"a": {"steps": {"x": {"idle": {}, "after": ["z"]}}}}}, "phases.a.steps.x.after.0", "S020", "'z'"),
        ({"failback": {"phases": {"b": _phase(after=["data"])}}}, "failback.phases.b.after.0", "S020", "other part"),
        ({"failback": {"phases": {"data": _phase()}}}, "failback.phases.data", "S022", "already"),
        ({"phases": {"a": _phase(acknowledge={"ask": ["nobody"]})}}, "phases.a.acknowledge.ask.0", "S023", "'nobody'"),
        ({"phases": {"a": _phase(acknowledge={"ask": ["lead"]})}}, "defaults.acknowledge.then.0", "S027", "'lead'"),
        ({"phases": {"a": _phase(acknowledge={"then": ["oncall"]})}}, "phases.a.acknowledge.then.0", "S027", "'oncall'"),
        ({"phases": {"a": _phase(acknowledge={"quorum": 3})}}, "phases.a.acknowledge.quorum", "S034", "3 answers"),
        ({"phases": {"a": _phase(acknowledge={"joint": "a"})}}, "phases.a.acknowledge.joint", "S022", "is a phase"),
        ({"phases": {"a": {"acknowledge": "none"}}}, "phases.a", "S031", "neither"),
        ({"sites": {n: {"provider": "sandbox", "region": "a"} for n in ("primary", "standby")}}, "sites.standby", "S041", "same place"),
        ({"steady_state": ["chekout"]}, "steady_state.0", "S025", "'chekout'"),
        ({"phases": {"a": {"steps": {"x": {"fence": {"site": "primry"}}}}}}, "phases.a.steps.x.fence.site", "S024", "'primry'"),
        ({"phases": {"a": {"steps": {"x": {"watch": {"probe": "x"}}}}}}, "phases.a.steps.x.watch.probe", "S025", "'x'"),
        ({"phases": {"a": {"steps": {"x": {"release": {"of": "a.y"}}}}}}, "phases.a.steps.x.release.of", "S026", "'a.y'"),
        ({"probes": {"p": {"http": "http://{{ sites.primry.host }}/"}}}, "probes.p.http", "S024", "'primry'"),
        ({"probes": {"p": {"http": "{{ steps.lose.outputs.x }}"}}}, "probes.p.http", "S030", "cannot use the outputs"),
    ],
)
def test_a_wrong_name_is_reported_where_it_stands(changes: dict[str, Any], at: str, code: str, word: str) -> None:
    found = _problems(**changes)

    assert [(".".join(map(str, row.at)), row.code) for row in found] == [(at, code)]
    assert word in found[0].what


def test_a_wrong_name_is_answered_with_the_nearest_right_one() -> None:
    (found,) = _problems(steady_state=["chekout"])

    assert found.fix == "Did you mean 'checkout'?"


def test_a_phase_that_asks_nobody_in_no_time_is_refused() -> None:
    found = _problems(defaults={}, phases={"a": _phase()})

    assert [row.what for row in found] == ["'a' asks nobody.", "the gate of 'a' has no limit."]


@pytest.mark.parametrize("key", ["within", "ask", "silence"])
def test_members_of_a_joint_gate_may_not_contradict_each_other(key: str) -> None:
    values: dict[str, list[Any]] = {"within": ["5s", "6s"], "ask": [["manager"], ["oncall"]], "silence": ["hold", "abort"]}
    phases = {name: _phase(acknowledge={"joint": "both", key: value}) for name, value in zip("ab", values[key], strict=True)}

    assert [(row.code, row.at) for row in _problems(phases=phases)] == [("S035", ("phases", "b", "acknowledge", key))]


def test_a_joint_gate_that_waits_for_its_own_answer_is_refused() -> None:
    phases = {"a": _phase(acknowledge={"joint": "both"}), "b": _phase(after=["a"], acknowledge={"joint": "both"})}

    (found,) = _problems(phases=phases)

    assert found.code == "S036"
    assert "gate 'both' -> b -> gate 'both'" in found.what or "b -> gate 'both' -> b" in found.what


def test_two_joint_gates_that_wait_for_each_other_are_refused() -> None:
    phases = {
        "a": _phase(acknowledge={"joint": "one"}),
        "b": _phase(after=["d"], acknowledge={"joint": "one"}),
        "c": _phase(after=["a"], acknowledge={"joint": "two"}),
        "d": _phase(acknowledge={"joint": "two"}),
    }

    assert [row.code for row in _problems(phases=phases)] == ["S036"]


def test_a_joint_gate_may_not_join_the_drill_with_the_failback() -> None:
    found = _problems(
        phases={"a": _phase(acknowledge={"joint": "both"})}, failback={"phases": {"b": _phase(acknowledge={"joint": "both"})}}
    )

    assert [row.code for row in found] == ["S035"]


def test_compiling_refuses_with_every_problem_at_once() -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        _plan(steady_state=["x"], phases={"a": {"after": ["b"], "steps": {"x": {"unheard": {}}}}})

    assert sorted(row.code for row in caught.value.findings) == ["S013", "S020", "S025"]


@settings(deadline=None, max_examples=80)
@given(
    data=st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["phases", "steps", "after", "failback", "acknowledge", "ask", "a", "b", "idle"]), inner, max_size=4
            )
        ),
        max_leaves=20,
    )
)
def test_wrong_shapes_never_break_the_checks(data: Any) -> None:
    found = scenario_problems({"phases": data, "failback": data, "defaults": data, "steady_state": data, "probes": data}, KINDS)

    assert all(problem.code.startswith("S") and problem.what for problem in found)


def test_prices_are_part_of_the_plan_and_a_plan_without_keeps_its_digest() -> None:
    said = _plan(prices={"currency": "CNY", "per_hour": {"alicloud_instance": 0.4}})

    assert said.prices is not None
    assert (said.prices.currency, said.prices.per_hour) == ("CNY", {"alicloud_instance": 0.4})
    assert "prices" not in _plan().model_dump()
