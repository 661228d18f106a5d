"""The critical path is the longest chain of budgets, whatever the shape of the plan."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.engine.compile import compile_plan
from drill.engine.safety import losing_phases
from drill.model.critical import CriticalPath, critical_path, schedule
from drill.model.graph import ancestors, find_cycle, topological
from drill.model.plan import Mode
from tests.scenarios import KINDS, scenario


@st.composite
def dags(draw: Any) -> dict[str, list[str]]:
    count = draw(st.integers(1, 7))
    names = [f"n{index}" for index in range(count)]
    graph = {name: draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else [] for index, name in enumerate(names)}
    order = draw(st.permutations(names))
    return {name: graph[name] for name in order}


def _longest_by_hand(graph: dict[str, list[str]], length: dict[str, float], node: str) -> float:
    return length[node] + max((_longest_by_hand(graph, length, before) for before in graph[node]), default=0.0)


@given(graph=dags(), data=st.data())
def test_the_path_is_as_long_as_the_longest_chain_found_by_hand(graph: dict[str, list[str]], data: st.DataObject) -> None:
    length = {name: float(data.draw(st.integers(0, 100))) for name in graph}

    found = schedule(length, graph)

    assert found.length_s == max(_longest_by_hand(graph, length, node) for node in graph)
    assert sum(length[node] for node in found.path) == found.length_s
    assert all(before in graph[node] for before, node in pairwise(found.path))


@given(graph=dags(), data=st.data())
def test_slack_is_never_negative_and_is_none_on_the_path(graph: dict[str, list[str]], data: st.DataObject) -> None:
    length = {name: float(data.draw(st.integers(0, 100))) for name in graph}

    found = schedule(length, graph)

    assert all(slack >= 0 for slack in found.slack_s.values())
    assert all(found.slack_s[node] == 0 for node in found.path)


@given(graph=dags())
def test_order_respects_every_wait_and_a_sound_graph_has_no_cycle(graph: dict[str, list[str]]) -> None:
    order = topological(graph)

    assert sorted(order) == sorted(graph)
    assert all(order.index(before) < order.index(node) for node in graph for before in graph[node])
    assert find_cycle(graph) == []


@given(graph=dags(), data=st.data())
def test_an_edge_back_to_a_follower_is_found_as_a_cycle_of_true_waits(graph: dict[str, list[str]], data: st.DataObject) -> None:
    node = data.draw(st.sampled_from(sorted(graph)))
    root = data.draw(st.sampled_from(sorted({*ancestors(graph, node), node})))
    bad = {**graph, root: [*graph[root], node]}

    cycle = find_cycle(bad)

    assert cycle
    assert cycle[0] == cycle[-1]
    assert all(before in bad[node] for before, node in pairwise(cycle))
    with pytest.raises(ValueError, match="cycle"):
        topological(bad)


def _path(**changes: Any) -> CriticalPath:
    phases = {
        "go": {"acknowledge": {"when": "before", "within": "10m"}},
        "outage": {"after": ["go"], "budget": "3s", "acknowledge": {"blocking": False}, "steps": {"lose": {"lose": {"site": "primary"}}}},
        "rebuild": {"after": ["outage"], "budget": "12s", "acknowledge": {"joint": "both"}, "steps": {"idle": {"idle": {}}}},
        "data": {"after": ["outage"], "budget": "9s", "acknowledge": {"joint": "both"}, "steps": {"idle": {"idle": {}}}},
        "traffic": {"after": ["rebuild", "data"], "budget": "8s", "steps": {"idle": {"idle": {}}}},
    }
    plan = compile_plan(scenario(phases=phases, **changes), KINDS, Mode.SANDBOX)
    return critical_path(plan, losing=losing_phases(plan, KINDS))


def test_what_comes_before_the_loss_is_no_part_of_the_recovery_path() -> None:
    found = _path()

    assert found.path == ("outage", "rebuild", "traffic")
    assert found.without_gates_s == 23
    assert found.slack == {"outage": 0, "rebuild": 0, "data": 3, "traffic": 0}


def test_a_gate_counts_when_something_waits_for_its_answer_and_a_joint_one_counts_once() -> None:
    assert _path().with_gates_s == 23 + 30


def test_the_last_gate_counts_where_the_objective_binds_the_acceptance() -> None:
    assert _path(objectives={"rto": "60s", "rpo": "0s", "rto_binds": "accepted"}).with_gates_s == 23 + 60
