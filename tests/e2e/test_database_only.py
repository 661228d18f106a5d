"""The shipped switchover of a database, for real, on the sandbox's two servers: over and home, and home again when it is aborted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.e2e.place import Engine, Place

pytestmark = [pytest.mark.real, pytest.mark.sweep]

_SCENARIO = str(Path(__file__).parents[2] / "scenarios" / "database-only.yaml")
_HEALTH = "http://shop.drill.test:{{ sites.primary.shop_port }}/health"


def run(place: Place, drill: str, **more: Any) -> Engine:
    """The shipped scenario; only its sites and the addresses of its probes are the sandbox's."""
    values = {
        "sites.primary": {"provider": "sandbox", "region": "a"},
        "sites.standby": {"provider": "sandbox", "region": "b"},
        "probes.checkout.http": _HEALTH,
        "probes.payments.http": _HEALTH,
        "messages.sms.kind": "exempt",
        **more,
    }
    sets = [word for path, value in values.items() for word in ("--set", f"{path}={json.dumps(value)}")]
    return place.start("run", _SCENARIO, "--id", drill, "--keep", *sets)


def takes_writes(place: Place, region: str) -> bool:
    """Whether the database of a region is a primary."""
    with psycopg.connect(place.sandbox().details["regions"][region]["conninfo"], connect_timeout=5) as connection:
        return connection.execute("select pg_is_in_recovery()").fetchone() == (False,)


def test_the_database_goes_over_and_comes_home_with_every_row(place: Place) -> None:
    engine = run(place, "over")

    assert engine.ended() == 0
    done = {fact["data"]["step"]: fact["data"]["outputs"] for fact in engine.told("StepSucceeded")}
    counted = [done[step]["tables"]["orders"]["rows"] for step in ("before.rows", "data.rows", "data_home.rows")]
    assert counted == sorted(counted)
    assert done["data.writable"]["value"] is False
    assert (takes_writes(place, "a"), takes_writes(place, "b")) == (True, False)
    assert place.drill("sandbox", "down").returncode == 0


def test_what_fails_after_the_switchover_brings_the_database_home(place: Place) -> None:
    wrong = {"probe": "checkout", "site": "standby", "within": "2s"}  # the traffic stays: the standby's shop never answers
    engine = run(place, "back", **{"phases.data.steps.proof.probe.until": wrong})

    assert engine.ended() == 4
    assert [fact["data"]["step"] for fact in engine.told("UndoDone")] == ["data.roles"]
    assert (takes_writes(place, "a"), takes_writes(place, "b")) == (True, False)
    assert place.drill("sandbox", "down").returncode == 0
