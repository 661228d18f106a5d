"""A chart gets few points, and never loses a change of state or a peak."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drill.model.rows_probes import thinned
from drill.model.windows import Shot


def series(marks: list[tuple[bool, int]]) -> list[Shot]:
    return [Shot(n * 50, n * 50, n * 50 + latency, ok, "a" if ok else "", 0) for n, (ok, latency) in enumerate(marks)]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 999)), max_size=400), st.integers(50, 120))
def test_thinning_keeps_the_limit_and_the_order(marks: list[tuple[bool, int]], most: int) -> None:
    shots = series(marks)

    kept = thinned(shots, most)

    assert len(kept) <= max(most, 0)
    assert kept == sorted(kept)
    assert set(kept) <= set(shots)


@given(st.lists(st.tuples(st.booleans(), st.integers(30, 90)), min_size=1, max_size=12), st.integers(0, 9), st.integers(1000, 2000))
def test_thinning_keeps_every_change_of_state_and_the_slowest_sample(blocks: list[tuple[bool, int]], at: int, peak: int) -> None:
    marks = [(ok, 10) for ok, length in blocks for _ in range(length)]
    marks[at] = (marks[at][0], peak)
    shots = series(marks)

    kept = thinned(shots, 60)

    changes = [n for n in range(1, len(shots)) if shots[n].ok != shots[n - 1].ok]
    assert all(shots[n] in kept and shots[n - 1] in kept for n in changes)
    assert shots[at] in kept or not shots[at].ok
