"""The shipped switchover of MySQL, for real, on two MariaDB servers: over and home, and home again when it is aborted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.mysql_place import shop, shop_pair, start, told_passwords, trouble
from tests.e2e.place import Place

pytestmark = [pytest.mark.real, pytest.mark.sweep]

_SHIPPED = Path(__file__).parents[2] / "scenarios" / "database-only-mysql.yaml"


def shipped(health: str) -> dict[str, Any]:
    """The shipped scenario without its people; its sites, and the addresses of its probes, are the test's."""
    written: dict[str, Any] = yaml.safe_load(_SHIPPED.read_text(encoding="utf-8"))
    for key in ("include", "defaults"):
        del written[key]
    del written["phases"]["go"], written["phases"]["before"]["after"]
    for phase in (*written["phases"].values(), *written["failback"]["phases"].values()):
        phase["acknowledge"] = "none"
    for probe in written["probes"].values():
        probe["http"] = health
    return written


def test_the_database_goes_over_and_comes_home_with_every_row(place: Place) -> None:
    with shop_pair() as pair, shop(pair) as health:
        engine = start(place, pair, shipped(health), "over")

        assert engine.ended(within_s=240) == 0, trouble(engine)
        done = {fact["data"]["step"]: fact["data"]["outputs"] for fact in engine.told("StepSucceeded")}
        assert [done[step]["tables"]["orders"]["rows"] for step in ("before.rows", "data.rows", "data_home.rows")] == [500] * 3
        assert done["data.writable"]["value"] == 0
        assert done["data.streams"]["lag_transactions"] is not None
        assert (pair.a.sql("select @@read_only"), pair.b.sql("select @@read_only")) == ("0", "1")
        assert told_passwords(place) == []


def test_what_fails_after_the_switchover_brings_the_database_home(place: Place) -> None:
    with shop_pair() as pair, shop(pair) as health:
        scenario = shipped(health)
        scenario["phases"]["data"]["steps"]["writable"]["verify.sql"] |= {"equals": 7, "until": "1s"}
        engine = start(place, pair, scenario, "back")

        assert engine.ended(within_s=240) == 4, trouble(engine)
        assert [fact["data"]["step"] for fact in engine.told("UndoDone")] == ["data.roles"]
        assert (pair.a.sql("select @@read_only"), pair.b.sql("select @@read_only")) == ("0", "1")
        assert pair.b.sql("show slave status") != ""
