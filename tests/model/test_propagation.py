"""Laws of the propagation fold: what may be called settled, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.propagation import Answer, PropagationResult, ServerAnswers, Watch, judge, plain

NEW, OLD = frozenset({"127.0.2.1"}), frozenset({"127.0.1.1"})
SHOWN = {"new": ("127.0.2.1",), "old": ("127.0.1.1",), "mixed": ("127.0.1.1", "127.0.2.1"), "other": ("127.0.9.9",), "silent": ()}

states = st.lists(st.sampled_from(sorted(SHOWN)), max_size=30)


def answer(state: str, at_s: float, *, server: str = "ns", authoritative: bool = True) -> Answer:
    error = "timeout" if state == "silent" else ""
    return Answer(server, at_s, at_s + 0.5, SHOWN[state], ttl_s=1, authoritative=authoritative, error=error)


def watch_of(need: int = 3, **servers: bool) -> Watch:
    rows = {name: ServerAnswers(name, authoritative=authoritative) for name, authoritative in (servers or {"ns": True}).items()}
    return Watch(new=NEW, old=OLD, old_ttl_s=5, need=need, rows=rows)


def played(shown: list[str], need: int = 3) -> ServerAnswers:
    watch = watch_of(need)
    for at_s, state in enumerate(shown):
        watch.take(answer(state, float(at_s)), lambda _: None)
    return watch.result().servers[0]


@pytest.mark.parametrize("state", sorted(SHOWN))
def test_an_answer_is_judged_by_its_values_as_a_set(state: str) -> None:
    assert judge(answer(state, 0.0), NEW, OLD) == state


def test_a_name_that_vanished_is_not_silence_but_another_answer() -> None:
    assert judge(Answer("ns", 0.0, 0.1, ()), NEW, OLD) == "other"


@given(states, st.integers(1, 5))
def test_a_server_is_settled_exactly_when_its_last_counting_answers_are_new(shown: list[str], need: int) -> None:
    counting = [state for state in shown if state != "silent"]

    row = played(shown, need)

    assert (row.settled_s is not None) == (len(counting) >= need and set(counting[-need:]) == {"new"})


@given(states, st.integers(1, 5))
def test_silence_neither_confirms_nor_refutes(shown: list[str], need: int) -> None:
    heard = [state for state in shown if state != "silent"]

    row, without = played(shown, need), played(heard, need)

    assert (row.in_a_row, row.flips, row.state) == (without.in_a_row, without.flips, without.state)
    assert row.asked - row.unanswered == without.asked


@given(states, st.integers(1, 5))
def test_the_moment_of_the_turn_lies_between_the_last_old_and_the_first_new(shown: list[str], need: int) -> None:
    row = played(shown, need)

    if row.first_new_s is not None and row.last_old_s is not None:
        assert row.last_old_s < row.first_new_s
    if row.settled_s is not None:
        assert row.first_new_s is not None
        assert row.first_new_s <= row.settled_s


@given(st.lists(states, min_size=1, max_size=4))
def test_a_change_has_spread_only_when_every_server_settled(shown: list[list[str]]) -> None:
    rows = tuple(played(one) for one in shown)

    result = PropagationResult(rows)

    assert result.settled == all(row.settled_s is not None for row in rows)
    assert result.settled_s == (max(row.settled_s or 0.0 for row in rows) if result.settled else None)


def test_a_change_watched_on_no_server_has_not_spread() -> None:
    assert not PropagationResult(()).settled


def test_going_back_is_counted_and_undoes_the_settlement() -> None:
    row = played(["new", "new", "new", "old", "new"])

    assert (row.flips, row.settled_s, row.in_a_row) == (1, None, 1)


def test_a_cache_is_stale_for_as_long_as_it_outlived_what_it_could_have_fetched_last() -> None:
    watch = watch_of(ns=True, cache=False)
    watch.take(answer("old", 2.0), lambda _: None)
    watch.take(answer("new", 3.0), lambda _: None)
    watch.take(answer("old", 20.0, server="cache", authoritative=False), lambda _: None)

    by_server = {row.server: row.stale_beyond_ttl_s for row in watch.result().servers}

    assert by_server == {"ns": 0.0, "cache": 20.0 - (2.0 + 5 + 1)}


def test_every_change_of_state_is_told_once() -> None:
    told: list[str] = []
    watch = watch_of(need=2)

    for at_s, state in enumerate(["old", "old", "new", "silent", "new", "new"]):
        watch.take(answer(state, float(at_s)), lambda row: told.append(f"{row.state} {row.settled_s is not None}"))

    assert told == ["old False", "new False", "new True"]


@given(st.sampled_from(["A.Example.", "a.example", " a.example. "]))
def test_values_compare_without_case_or_final_dot(text: str) -> None:
    assert plain(text) == "a.example"
