"""Whatever people mean and however they write it: what they mean happens, and nothing else."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.play import Tally, play

SAMPLE = 300


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_no_sequence_of_answers_advances_wrongly_or_is_missed(rng: random.Random) -> None:
    tally = Tally()

    play(rng, tally)

    assert tally.wrong_advances == []
    assert tally.missed == []


def test_a_sample_of_the_fuzz_has_every_effect_and_no_difference() -> None:
    tally = Tally()

    for seed in range(SAMPLE):
        play(random.Random(seed), tally, f"seed {seed}")

    assert tally.wrong_advances == []
    assert tally.missed == []
    assert {name for name, count in tally.effects.items() if count > 20} == {"abort", "confirm", "decline", "nothing"}
