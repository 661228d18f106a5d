"""A promotion that is refused at the last moment: the fence is opened, what was being built is destroyed, and the primary serves again."""

from __future__ import annotations

import json
import re
import time

import pytest

from tests.clouds.two_clouds import AWS_TO_AWS, TwoClouds

pytestmark = [pytest.mark.real, pytest.mark.sweep]
PAIRS = [AWS_TO_AWS]


def test_a_standby_that_is_not_fit_any_more_is_not_promoted_and_everything_is_as_before(clouds: TwoClouds) -> None:
    clouds.primary.starts_at_boot = True
    paused: list[str] = []

    def answering(asked: str) -> None:
        """Somebody looks at the standby's rows, and has its replay wait for that, just when the primary is lost."""
        if not paused and clouds.primary.isolated:
            paused.append("b")
            clouds.sql("b", "select pg_wal_replay_pause()")
        until_s = time.monotonic() + 60.0
        while asked == "StopInstances" and "CreateVpc" not in clouds.asked and time.monotonic() < until_s:
            time.sleep(0.05)  # machines take their time to stop: by then the standby is half built

    clouds.account.recorder.answering = answering
    name = clouds.pair.name

    done = clouds.drill("run", clouds.pair.scenario, "--live", "--confirm", name, "--id", "unfit", *clouds.overrides())
    clouds.sql("b", "select pg_wal_replay_resume()")

    assert done.returncode == 4, done.stdout[-4000:] + done.stderr[-2000:]
    assert "PG_STANDBY_NOT_READY its replay is paused" in done.stdout
    assert re.search(r"^Built: \d+ resources, held for [^;]+ in all\.$", done.stdout, re.MULTILINE)
    lines = (clouds.home / "reports" / "unfit" / "facts.jsonl").read_text(encoding="utf-8").splitlines()
    facts = [(row["kind"], row["data"].get("step")) for row in map(json.loads, lines)]
    assert {("UndoDone", step) for step in ("data.fence", "rebuild.capacity", "outage.blackhole")} <= {*facts}
    assert {"StopInstances", "StartInstances", "CreateVpc", "DeleteVpc"} <= {*clouds.writes}
    assert clouds.troubles == []
    assert clouds.primary.state() == clouds.primary.began
    assert clouds.account.holdings(clouds.standby.region) == clouds.standby.began
    assert [clouds.sql(region, "select pg_is_in_recovery()") for region in "ab"] == [[(False,)], [(True,)]]
