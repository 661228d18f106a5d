"""Whatever ends a live drill before its promotion, the cloud is given back exactly: by the engine, or by the dead man when it is gone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.clouds.two_clouds import NAME, TwoClouds

pytestmark = [pytest.mark.real, pytest.mark.sweep]
SCENARIO = f"scenarios/{NAME}.yaml"
DETECT = "phases.detect.steps.heartbeat.detect.heartbeat"


def eventually(holds: Callable[[], bool], *, within_s: float = 60.0) -> bool:
    until_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.1)
    return True


def isolated(clouds: TwoClouds) -> bool:
    return any(clouds.aliyun.api.isolated(machine) for machine in clouds.aliyun.api.machines)


def test_a_failed_step_before_the_promotion_gives_everything_back(clouds: TwoClouds) -> None:
    late = {f"{DETECT}.every": "20s", f"{DETECT}.within": "2s"}  # nobody notices in time
    sets = [word for path, value in late.items() for word in ("--set", f"{path}={json.dumps(value)}")]

    done = clouds.drill("run", SCENARIO, "--live", "--confirm", NAME, "--id", "late", *clouds.overrides(), *sets)

    assert done.returncode == 4, done.stdout[-3000:] + done.stderr[-2000:]
    assert {"ModifyInstanceAttribute", "CreateSecurityGroup", "DeleteSecurityGroup"} <= set(clouds.writes)
    assert clouds.aliyun.api.state() == clouds.aliyun.began
    assert clouds.troubles == []


def test_the_dead_man_gives_the_cloud_back_when_the_engine_is_killed(clouds: TwoClouds) -> None:
    sets = ["--set", "limits.dead_man=5s", "--set", f"{DETECT}.every=60s", "--set", f"{DETECT}.within=90s"]
    engine = clouds.start("run", SCENARIO, "--live", "--confirm", NAME, "--id", "killed", *clouds.overrides(), *sets)
    try:
        assert eventually(lambda: isolated(clouds))
    finally:
        engine.kill()
        engine.wait()

    assert eventually(lambda: clouds.aliyun.api.state() == clouds.aliyun.began)
    ended = clouds.drill("resume", "killed")
    assert ended.returncode == 4, ended.stdout[-3000:] + ended.stderr[-2000:]
