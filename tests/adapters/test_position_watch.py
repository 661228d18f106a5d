"""The newest position of a primary is known after it is gone, also to a process that never asked it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drill.adapters.position_watch import PositionWatch
from tests.adapters.pg_pair import Pair, binaries, copy_pair, make_template


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    bin_dir = binaries()[-1]
    template = make_template(bin_dir)
    made = copy_pair(template, bin_dir)
    made.start()
    yield made
    made.end()
    shutil.rmtree(template)


def _until(holds: Callable[[], bool], within_s: float = 20.0) -> bool:
    end_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.05)
    return True


def test_a_standby_is_no_primary_and_a_server_that_is_down_says_nothing(pair: Pair, tmp_path: Path) -> None:
    databases = {"standby": pair.b.conninfo, "gone": "host=127.0.0.1 port=1 user=drill dbname=postgres"}
    watch = PositionWatch(lambda: databases, tmp_path / "drill" / "last.json")

    watch.start()
    watch.close()

    assert watch.last_lsn() == ""


def test_the_last_position_outlives_the_primary_and_the_process(pair: Pair, tmp_path: Path) -> None:
    watch = PositionWatch(lambda: {"primary": pair.a.conninfo}, tmp_path / "drill" / "last.json")
    watch.start()
    first = watch.last_lsn()

    pair.a.sql("insert into canary values (1)")
    written = pair.a.sql("select pg_current_wal_lsn()")

    assert first
    assert _until(lambda: _at(watch.last_lsn()) >= _at(written))
    pair.a.do("stop")
    seen = watch.last_lsn()
    assert _until(lambda: PositionWatch(dict, tmp_path / "drill" / "last.json").last_lsn() == seen)
    watch.close()


def test_before_the_watch_begins_the_primary_is_asked_and_nothing_is_written(pair: Pair, tmp_path: Path) -> None:
    pair.a.do("start")

    assert _at(PositionWatch(lambda: {"primary": pair.a.conninfo}, tmp_path / "drill" / "last.json").last_lsn()) > 0
    assert list(tmp_path.iterdir()) == []


def _at(lsn: str) -> int:
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)
