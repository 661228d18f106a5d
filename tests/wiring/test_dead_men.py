"""One dead man per drill, armed by an engine that shows its life."""

from __future__ import annotations

import fcntl
import time
from pathlib import Path

import pytest

from drill.model.errors import PreflightFailed, UsageError
from drill.settings import Settings
from drill.wiring.dead_men import DrillDeadMan, EngineLife, stand_watch
from drill.wiring.records import Records

DRILL = "friday"


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    monkeypatch.setenv("DRILL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DRILL_DATABASE_URL", raising=False)
    (tmp_path / "home").mkdir()
    return Records(Settings.load())


def test_a_second_dead_man_ends_at_once(records: Records) -> None:
    with (records.settings.drill_dir(DRILL) / "dead-man.pid").open("a") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        stand_watch(records, DRILL)
    with pytest.raises(UsageError) as went_on:
        stand_watch(records, DRILL)  # nobody else stands watch now, and this drill has no plan

    assert went_on.value.code == "U013"


def test_an_engine_shows_its_life_until_it_stops(records: Records) -> None:
    sign = records.settings.drill_dir(DRILL) / "engine.alive"
    life = EngineLife(records.settings, DRILL)

    life.start()
    first = sign.stat().st_mtime_ns
    until_s = time.monotonic() + 10
    while sign.stat().st_mtime_ns == first and time.monotonic() < until_s:
        time.sleep(0.05)
    later = sign.stat().st_mtime_ns
    life.stop()
    time.sleep(0.1)
    last = sign.stat().st_mtime_ns
    time.sleep(1.3)

    assert later > first
    assert sign.stat().st_mtime_ns == last


def test_a_dead_man_that_cannot_stand_watch_is_told_with_its_last_words(records: Records) -> None:
    man = DrillDeadMan(records.settings, DRILL)  # this drill has no plan, so its dead man ends at once

    with pytest.raises(PreflightFailed, match=r"does not stand watch: .*U013") as refused:
        man.stands(within_s=4)

    man.wait_ended()
    assert refused.value.code == "F065"
    assert not man.alive()
