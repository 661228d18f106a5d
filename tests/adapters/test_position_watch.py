"""The newest position of a primary is known after it is gone, also to a process that never asked it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drill.adapters.position_watch import PositionWatch
from drill.model.errors import Fatal
from drill.model.ports import DatabaseAccess
from tests.adapters.fence_pairs import ENGINES, Two, started, template_of


@pytest.fixture(scope="module", params=ENGINES)
def pair(request: pytest.FixtureRequest) -> Iterator[Two]:
    template = template_of(request.param)
    made = started(request.param, template)
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


def _databases(pair: Two, *sites: str) -> Callable[[], dict[str, DatabaseAccess]]:
    ground = pair.ground()
    return lambda: {site: ground.database(site) for site in sites}


def test_a_standby_is_no_primary_and_a_server_that_is_down_says_nothing(pair: Two, tmp_path: Path) -> None:
    gone = pair.ground(port=1).database("primary")
    databases = {**_databases(pair, "standby")(), "gone": gone}
    watch = PositionWatch(lambda: databases, tmp_path / "drill" / "last.json")

    watch.start()
    watch.close()

    assert watch.last_lsn() == ""


def test_the_last_position_outlives_the_primary_and_the_process(pair: Two, tmp_path: Path) -> None:
    watch = PositionWatch(_databases(pair, "primary"), tmp_path / "drill" / "last.json")
    watch.start()
    first = watch.last_lsn()

    written = pair.primary.written()

    assert first
    assert _until(lambda: pair.reached(watch.last_lsn(), written))
    pair.primary.stop()
    seen = watch.last_lsn()
    assert _until(lambda: PositionWatch(dict, tmp_path / "drill" / "last.json").last_lsn() == seen)
    watch.close()


def test_a_watch_that_cannot_look_tells_no_old_position_and_goes_on_when_it_can(tmp_path: Path) -> None:
    trouble: list[Fatal] = []

    def databases() -> dict[str, DatabaseAccess]:
        if trouble:
            raise trouble[0]
        return {}

    def told() -> str:
        try:
            return watch.last_lsn()
        except Fatal as error:
            return error.code

    watch = PositionWatch(databases, tmp_path / "last.json")
    watch.start()
    trouble.append(Fatal("the password file is gone.", code="A297", fix="Bring it back."))

    assert _until(lambda: told() == "A297")
    trouble.clear()
    assert _until(lambda: told() == "")
    watch.close()


def test_before_the_watch_begins_the_primary_is_asked_and_nothing_is_written(pair: Two, tmp_path: Path) -> None:
    pair.primary.start()

    written = pair.primary.written()

    assert pair.reached(PositionWatch(_databases(pair, "primary"), tmp_path / "drill" / "last.json").last_lsn(), written)
    assert list(tmp_path.iterdir()) == []
