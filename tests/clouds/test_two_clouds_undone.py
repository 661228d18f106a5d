"""Whatever ends a drill before its promotion, both clouds are given back exactly: by the engine, or by the dead man when it is gone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.clouds.two_clouds import ALIYUN_TO_AWS, AWS_TO_AWS, TwoClouds

pytestmark = [pytest.mark.real, pytest.mark.sweep]
PAIRS = [ALIYUN_TO_AWS, AWS_TO_AWS]
DETECT = "phases.detect.steps.heartbeat.detect.heartbeat"


def eventually(holds: Callable[[], bool], *, within_s: float = 60.0) -> bool:
    until_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.1)
    return True


def as_before(clouds: TwoClouds) -> bool:
    return clouds.primary.state() == clouds.primary.began and clouds.account.holdings(clouds.standby.region) == clouds.standby.began


def words(clouds: TwoClouds, name: str, **sets: str) -> list[str]:
    """What starts the live drill `name`."""
    live = ["run", clouds.pair.scenario, "--live", "--confirm", clouds.pair.name, "--id", name]
    return [*live, *clouds.overrides(), *(word for path, value in sets.items() for word in ("--set", f"{path}={json.dumps(value)}"))]


def test_a_failed_step_before_the_promotion_gives_everything_back(clouds: TwoClouds) -> None:
    late = {f"{DETECT}.every": "20s", f"{DETECT}.within": "2s"}  # nobody notices in time

    done = clouds.drill(*words(clouds, "late", **late))

    assert done.returncode == 4, done.stdout[-3000:] + done.stderr[-2000:]
    assert clouds.primary.cuts_by <= set(clouds.writes)
    assert as_before(clouds)
    assert clouds.troubles == []


def test_the_dead_man_gives_the_cloud_back_when_the_engine_is_killed(clouds: TwoClouds) -> None:
    slow = {"limits.dead_man": "5s", f"{DETECT}.every": "60s", f"{DETECT}.within": "90s"}
    engine = clouds.start(*words(clouds, "killed", **slow))
    try:
        assert eventually(lambda: clouds.primary.isolated)
    finally:
        engine.kill()
        engine.wait()

    assert eventually(lambda: as_before(clouds))
    ended = clouds.drill("resume", "killed")
    assert ended.returncode == 4, ended.stdout[-3000:] + ended.stderr[-2000:]
