"""Every millisecond of the recovery belongs to exactly one of four clocks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from drill.model.clocks import share_out
from drill.model.report import Report
from drill.model.spans import joined, total, within, without
from drill.model.summarize import summarize
from tests.model.story import Story

stretch = st.tuples(st.integers(-50, 150), st.integers(0, 60)).map(lambda pair: (pair[0], pair[0] + pair[1]))
stretches = st.lists(stretch, max_size=8)


def clock_ms(report: Report) -> list[int]:
    clocks = report.clocks
    return [round((part or 0) * 1000) for part in (clocks.detection_s, clocks.machine_s, clocks.human_s, clocks.engine_s)]


@given(stretches, stretches)
def test_what_is_left_and_what_is_taken_add_up(whole: list[tuple[int, int]], holes: list[tuple[int, int]]) -> None:
    taken = sum(total(within(whole, start, end)) for start, end in joined(holes))

    assert total(without(whole, holes)) + taken == total(whole)


@given(st.integers(0, 100), st.integers(0, 100), st.none() | st.integers(-20, 220), stretches, stretches)
def test_the_four_clocks_fill_the_window_without_overlap(
    start: int, length: int, noticed: int | None, working: list[tuple[int, int]], waiting: list[tuple[int, int]]
) -> None:
    shares = share_out((start, start + length), noticed_ms=noticed, working=working, waiting=waiting)

    parts = [*shares.detection, *shares.machine, *shares.human, *shares.engine]

    assert sum(end - first for first, end in parts) == length
    assert total(parts) == length
    assert all(start <= first and end <= start + length for first, end in parts)


def test_a_running_step_comes_before_an_open_gate_and_detection_before_both() -> None:
    shares = share_out((0, 100), noticed_ms=10, working=[(0, 30), (60, 70)], waiting=[(20, 50)])

    assert shares.detection == ((0, 10),)
    assert shares.machine == ((10, 30), (60, 70))
    assert shares.human == ((30, 50),)
    assert shares.engine == ((50, 60), (70, 100))


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0.01, 25).map(lambda wait: round(wait, 3)),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["user", "accepted"]),
)
def test_the_clocks_of_any_drill_add_up_to_its_recovery_time(wait_s: float, killed: bool, retried: bool, binds: str) -> None:  # noqa: FBT001 - drawn
    story = Story(
        every_s=0.2, recover_wait_s=wait_s, killed=killed, retried=retried, rto_binds="accepted" if binds == "accepted" else "user"
    )

    report = summarize(story.facts(), version="1")

    assert report.rto.actual_s is not None
    assert sum(clock_ms(report)) == round(report.rto.actual_s * 1000)


def test_waiting_for_the_joint_gate_is_the_human_clock() -> None:
    report = summarize(Story(recover_wait_s=4.0).facts(), version="1")

    assert report.clocks.human_s == 4.0


def test_the_time_a_dead_engine_was_gone_is_the_engines() -> None:
    report = summarize(Story(killed=True).facts(), version="1")

    assert (report.clocks.engine_s or 0) > 4.0


def test_an_unmeasured_recovery_has_no_clocks() -> None:
    report = summarize(Story(gap=(5.0, 8.0)).facts(), version="1")

    assert report.clocks.model_dump() == {"detection_s": None, "machine_s": None, "human_s": None, "engine_s": None}
