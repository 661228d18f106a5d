"""Faults that a worker or its database survives at the cost of time alone; `make faults` prints what each one did."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

from tests.e2e.place import Engine, eventually
from tests.serving.faults import struck_in_the_rebuild
from tests.serving.place import Fleet, Servant
from tests.serving.proxy import wire_to

pytestmark = [pytest.mark.real, pytest.mark.sweep]

WITHIN_S = 30.0
AWAY_S = 20.0


def _later(seconds: float, act: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    return timer


def _starts_anew(servant: Servant) -> bool:
    return eventually(lambda: sum("is ready" in line for line in servant.said()) > 1, within_s=60)


def test_a_worker_killed_in_the_rebuild_is_replaced_within_30_s(fleet: Fleet) -> None:
    first = fleet.serve("a", "--worker")

    after = struck_in_the_rebuild(fleet, first, lambda _drill: first.kill(), others=lambda: fleet.serve("b", "--worker"))

    after.tell("worker killed")
    assert after.exit_code in {0, 1}
    assert (after.damage.repeated, after.damage.lost) == ([], [])
    assert after.seconds is not None
    assert after.seconds <= WITHIN_S


def test_a_worker_stopped_for_a_minute_wakes_to_start_no_step_and_becomes_a_new_one(fleet: Fleet) -> None:
    first = fleet.serve("a", "--worker")

    def freeze(_drill: Engine) -> None:
        first.signal(signal.SIGSTOP)
        _later(60, lambda: first.signal(signal.SIGCONT))

    after = struck_in_the_rebuild(fleet, first, freeze, others=lambda: fleet.serve("b", "--worker"))

    after.tell("worker stopped for a minute")
    assert after.exit_code in {0, 1}
    assert (after.damage.repeated, after.damage.lost) == ([], [])
    assert after.seconds is not None
    assert after.seconds <= WITHIN_S
    assert _starts_anew(first), first.said()
    assert any("fences itself" in line for line in first.said())


def test_a_worker_cut_off_from_the_database_gives_way_and_comes_back_as_a_new_one(fleet: Fleet) -> None:
    with wire_to(fleet.database.server.port) as wire:
        first = fleet.serve("a", "--worker", url=fleet.database.url_at(wire.port))

        after = struck_in_the_rebuild(fleet, first, lambda _drill: wire.cut(), others=lambda: fleet.serve("b", "--worker"))

        after.tell("worker cut off from the database")
        assert after.exit_code in {0, 1}
        assert (after.damage.repeated, after.damage.lost) == ([], [])
        assert after.seconds is not None
        assert after.seconds <= WITHIN_S
        assert any("fences itself" in line for line in first.said())
        wire.mend()
        assert _starts_anew(first), first.said()
        first.end()


def test_a_database_that_is_away_for_20_s_delays_the_drill_and_loses_nothing(fleet: Fleet) -> None:
    first = fleet.serve("a", "--worker")

    def restart(_drill: Engine) -> None:
        fleet.database.stop()
        time.sleep(AWAY_S)
        fleet.database.start()

    after = struck_in_the_rebuild(fleet, first, restart, others=lambda: fleet.serve("b", "--worker"))

    after.tell(f"database away for {AWAY_S:g} s")
    assert after.exit_code in {0, 1}
    assert (after.damage.repeated, after.damage.lost) == ([], [])
