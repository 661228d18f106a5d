"""A chart gets few points, and never loses a change of state or a peak."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drill.model.events import Kind
from drill.model.report import ProbeRow
from drill.model.rows_probes import thinned
from drill.model.summarize import summarize
from drill.model.windows import Shot
from tests.model.story import Story, redrafted, seal_all


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


def heartbeat(*, lost: range = range(0)) -> ProbeRow:
    """The row of a probe that is asked every 2.5 s, when the samples with these numbers are lost."""
    drafts = redrafted(Story().facts())
    seldom = [draft for draft in drafts if draft.kind is Kind.PROBE_SAMPLED and draft.data["probe"] == "heartbeat"][::5]
    kept = [draft for number, draft in enumerate(seldom) if number not in lost]
    facts = [draft for draft in drafts if draft in kept or draft.kind is not Kind.PROBE_SAMPLED or draft.data["probe"] != "heartbeat"]
    return next(row for row in summarize(seal_all("d", facts), version="1").probes if row.id == "heartbeat")


def test_a_probe_that_is_asked_seldom_is_drawn_as_a_line_without_gaps() -> None:
    row = heartbeat()

    assert row.every_s == 2.5  # as it was asked; the plan says 0.5 s, its detector another rhythm
    assert row.gaps == ()
    assert all(run.end_s > run.start_s for run in row.runs[:-1])
    assert sum(run.samples for run in row.runs) == row.samples


def test_what_a_seldom_probe_really_missed_is_a_gap() -> None:
    row = heartbeat(lost=range(5, 8))

    assert len(row.gaps) == 1
    assert row.gaps[0].end_s - row.gaps[0].start_s > 9.0
