"""The heartbeat's promise: a loss is noticed within every times misses, whatever the site does to its callers."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.heartbeat import Heartbeat, Watch, bound_s, interval_s

Loss = Literal["refuses", "swallows", "answers too late"]


def ends_of_beats(beat: Heartbeat, loss: Loss, *, lost_at_s: float, latency_s: float) -> list[tuple[float, int, bool]]:
    """When each beat ends and whether it was answered, in the order in which the detector learns it. Beats start at 0."""
    ends = []
    count = int((lost_at_s + 3 * beat.bound_s) / beat.interval_s) + 2
    for number in range(count):
        sent_s = number * beat.interval_s
        answer_s = sent_s + latency_s
        if answer_s <= lost_at_s:
            ends.append((answer_s, number, True))
        elif loss == "refuses":
            ends.append((max(sent_s, lost_at_s) + min(latency_s, beat.every_s), number, False))
        else:  # swallowed, or answered after its time: both end with the time-out
            ends.append((sent_s + beat.every_s, number, False))
    return sorted(ends)


def first_notice_s(beat: Heartbeat, ends: list[tuple[float, int, bool]]) -> float | None:
    watch = Watch(misses=beat.misses)
    for at_s, number, answered in ends:
        watch, detection = watch.after(number, answered=answered)
        if detection is not None:
            return at_s
    return None


@given(
    every_s=st.floats(0.05, 30),
    misses=st.integers(2, 12),
    lost_at=st.floats(0, 40),
    latency=st.floats(0, 0.99),
    loss=st.sampled_from(["refuses", "swallows", "answers too late"]),
)
def test_a_loss_is_noticed_within_every_times_misses_and_never_before_it(
    every_s: float, misses: int, lost_at: float, latency: float, loss: Loss
) -> None:
    beat = Heartbeat("heartbeat", every_s, misses)
    lost_at_s = lost_at * beat.interval_s
    ends = ends_of_beats(beat, loss, lost_at_s=lost_at_s, latency_s=latency * every_s)

    noticed_s = first_notice_s(beat, ends)

    assert noticed_s is not None
    assert lost_at_s <= noticed_s <= lost_at_s + bound_s(every_s, misses) + 1e-6


@given(every_s=st.floats(0.05, 30), misses=st.integers(2, 12))
def test_the_bound_is_reached_so_it_cannot_be_promised_shorter(every_s: float, misses: int) -> None:
    beat = Heartbeat("heartbeat", every_s, misses)
    just_after_a_beat_s = 5 * beat.interval_s

    noticed_s = first_notice_s(beat, ends_of_beats(beat, "swallows", lost_at_s=just_after_a_beat_s, latency_s=0.0))

    assert noticed_s == pytest.approx(just_after_a_beat_s + bound_s(every_s, misses))


@given(misses=st.integers(2, 6), answers=st.lists(st.booleans(), max_size=60), data=st.data())
def test_a_detection_means_that_many_beats_in_a_row_were_missed_in_whatever_order_they_ended(
    misses: int, answers: list[bool], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(answers))))
    watch = Watch(misses=misses)

    for number in order:
        watch, detection = watch.after(number, answered=answers[number])

        if detection is not None:
            assert detection.misses >= misses
            assert not any(answers[detection.first : detection.last + 1])


@given(misses=st.integers(2, 6), answers=st.lists(st.booleans(), max_size=80))
def test_every_run_of_misses_is_noticed_once(misses: int, answers: list[bool]) -> None:
    watch, noticed, run, expected = Watch(misses=misses), 0, 0, 0

    for number, answered in enumerate(answers):
        watch, detection = watch.after(number, answered=answered)
        noticed += detection is not None
        run = 0 if answered else run + 1
        expected += run == misses

    assert noticed == expected


def test_a_detector_that_is_armed_again_notices_the_next_loss_without_a_beat_answered_between() -> None:
    watch = Watch(misses=2)
    watch, _ = watch.after(0, answered=False)
    watch, first = watch.after(1, answered=False)
    watch, silent = watch.after(2, answered=False)

    watch = watch.armed()
    watch, too_few = watch.after(3, answered=False)
    watch, second = watch.after(4, answered=False)

    assert first is not None
    assert silent is None
    assert too_few is None
    assert second is not None
    assert (second.first, second.last) == (3, 4)


def test_an_old_beat_answered_late_does_not_end_a_loss() -> None:
    watch = Watch(misses=2)
    watch, _ = watch.after(5, answered=False)
    watch, detection = watch.after(6, answered=False)

    watch, _ = watch.after(4, answered=True)

    assert detection is not None
    assert watch.down


def test_beats_are_closer_together_than_their_time_to_answer() -> None:
    assert interval_s(3.0, 3) == pytest.approx(2.0)
    assert bound_s(3.0, 3) == pytest.approx(9.0)


@pytest.mark.parametrize(("every_s", "misses"), [(3.0, 1), (0.0, 3), (-1.0, 2)])
def test_a_heartbeat_that_would_call_one_lost_packet_an_outage_is_refused(every_s: float, misses: int) -> None:
    with pytest.raises(ValueError, match="a heartbeat needs"):
        Heartbeat("heartbeat", every_s, misses)
