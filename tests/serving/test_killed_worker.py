"""A worker that is killed in the rebuild: another one takes its drill over and finishes it."""

from __future__ import annotations

import pytest

from tests.e2e.place import Engine
from tests.serving.faults import struck_in_the_rebuild
from tests.serving.place import Fleet

pytestmark = pytest.mark.real


def test_another_worker_finishes_the_drill_of_a_killed_one_and_repeats_nothing(fleet: Fleet) -> None:
    fleet.ttl = "6s"
    first = fleet.serve("a", "--worker")

    def kill(drill: Engine) -> None:
        drill.fact("StepProgressed", step="rebuild.capacity", what="planned")
        first.kill()

    after = struck_in_the_rebuild(fleet, first, kill, others=lambda: fleet.serve("b", "--worker"))

    after.tell("worker killed (ttl 6 s)")
    assert after.exit_code == 0
    assert (after.damage.repeated, after.damage.lost) == ([], [])
    assert after.seconds is not None
    assert after.seconds < 20
    assert fleet.drill("verify", str(fleet.place.report_dir("moved"))).returncode == 0
