"""A worker that is asked to stop in the middle of a step: the step ends, and another worker goes on with the drill."""

from __future__ import annotations

import pytest

from tests.e2e.place import Engine
from tests.serving.faults import struck_in_the_rebuild
from tests.serving.place import Fleet

pytestmark = [pytest.mark.real, pytest.mark.sweep]


def test_a_drained_worker_ends_its_step_and_another_one_finishes_the_drill(fleet: Fleet) -> None:
    first = fleet.serve("a", "--worker")
    left: list[int] = []

    def drain(drill: Engine) -> None:
        drill.fact("StepProgressed", step="rebuild.capacity", what="planned")
        left.append(first.drain(within_s=40.0))

    after = struck_in_the_rebuild(fleet, first, drain, others=lambda: fleet.serve("b", "--worker"))

    steps = [row["data"]["step"] for row in after.facts if row["kind"] == "StepStarted"]
    after.tell("worker drained")
    assert left == [0]
    assert after.exit_code == 0
    assert (after.damage.repeated, after.damage.lost) == ([], [])
    assert len(steps) == len(set(steps)), "no step was interrupted and tried again"
    assert not [row for row in after.facts if row["kind"] == "StepInterrupted"]
    assert len({row["epoch"] for row in after.facts if row["kind"] == "EngineStarted"}) == 2
