"""Silence is counted by the watcher's own clock, from the last sign that changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from drill.wiring.silence import Silence
from tests.fakes import FakeClock


def _watch(file: Path, clock: FakeClock) -> Silence:
    return Silence(lambda: file.stat().st_mtime if file.exists() else 0.0, clock.mono_s)


def test_silence_grows_until_the_sign_changes(tmp_path: Path) -> None:
    clock, file = FakeClock(), tmp_path / "engine.alive"
    file.touch()
    silence = _watch(file, clock)

    clock.sleep(40)
    before_s = silence.seconds()
    os.utime(file, (0, 1))

    assert before_s == 40
    assert silence.seconds() == 0


def test_an_engine_that_never_gave_a_sign_is_silent_since_the_watch_began(tmp_path: Path) -> None:
    clock = FakeClock()
    silence = _watch(tmp_path / "engine.alive", clock)

    clock.sleep(40)

    assert silence.seconds() == 40


def test_a_step_of_the_wall_clock_is_no_silence_whichever_way_it_goes(tmp_path: Path) -> None:
    clock, file = FakeClock(), tmp_path / "engine.alive"
    file.touch()
    silence = _watch(file, clock)
    for stamp_s in (time.time() + 86_400, time.time() - 86_400, 1.0):
        clock.sleep(1)
        os.utime(file, (stamp_s, stamp_s))  # the engine beats while the machine's date jumps

        assert silence.seconds() == 0


@given(st.lists(st.tuples(st.floats(0.1, 100.0), st.booleans()), min_size=1, max_size=30))
def test_silence_is_the_time_since_the_last_beat(story: list[tuple[float, bool]]) -> None:
    clock = FakeClock()
    beats, last_s = 0, clock.at_s
    silence = Silence(lambda: beats, clock.mono_s)
    for pause_s, beat in story:
        clock.sleep(pause_s)
        if beat:
            beats, last_s = beats + 1, clock.at_s
        assert silence.seconds() == clock.at_s - last_s
