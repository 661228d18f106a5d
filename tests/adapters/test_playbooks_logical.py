"""The playbooks for logical replication between clouds on two real PostgreSQL servers: what they refuse, and the whole circle home."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.ansible import AnsibleRunner
from drill.model.ports import PlayResult
from tests.adapters.lg_pair import LgPair, start_pair, wait_followed, write
from tests.adapters.pg_pair import binaries, make_template

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
BINARY = binaries()[-1]
pytestmark = pytest.mark.xdist_group("postgres")


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    folder = make_template(BINARY)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def pair(template: Path) -> Iterator[LgPair]:
    pair = start_pair(template, BINARY)
    yield pair
    pair.end()


def play(pair: LgPair, playbook: str, site: str, *, check: bool = False, **variables: Any) -> PlayResult:
    rest: dict[str, Any] = {"timeout_s": 120.0, "stopping": lambda: False, "on_task": lambda _: None}
    runner = AnsibleRunner(PLAYBOOKS, f"test-{pair.root}")
    return runner.play(playbook, inventory=pair.inventory(site), variables=variables, check=check, **rest)


def refused_write(pair: LgPair, name: str) -> bool:
    try:
        write(getattr(pair, name), "insert into notes default values")
    except subprocess.CalledProcessError:
        return True
    return False


@pytest.mark.sweep
def test_a_promotion_that_would_harm_is_refused_and_changes_nothing(pair: LgPair) -> None:
    position = pair.a.sql("select pg_current_wal_lsn()")

    looked = play(pair, "promote_logical.yml", "standby", check=True, pg_primary_last_lsn=position)
    refused = [
        play(pair, "promote_logical.yml", "standby", **variables)
        for variables in ({}, {"pg_primary_last_lsn": "F/0", "db_max_lag_bytes": 10}, {"pg_primary_last_lsn": position})
    ]

    assert (looked.failure, looked.changed) == ("", 0)
    assert [run.failure.split()[0] for run in refused] == ["DB_LAG_UNKNOWN", "DB_LAG_TOO_HIGH", "DB_TWO_PRIMARIES"]
    assert [run.changed for run in refused] == [0, 0, 0]
    assert pair.b.sql("select subenabled from pg_subscription") == "t"


def test_the_whole_circle_loses_no_row_and_no_number_is_given_twice(pair: LgPair) -> None:
    write(pair.a, "insert into orders (what) select 'first' from generate_series(1, 50)")
    assert wait_followed(pair.a, pair.b)
    position = pair.a.sql("select pg_current_wal_lsn()")
    pair.a.do("stop")

    promoted = [play(pair, "promote_logical.yml", "standby", pg_primary_last_lsn=position) for _ in range(2)]
    write(pair.b, "insert into orders (what) values ('over there')")
    pair.a.do("start")
    home = play(pair, "failback_logical.yml", "primary")
    write(pair.a, "insert into orders (what) values ('home again')")
    again = play(pair, "switchover_logical.yml", "primary")

    assert [run.failure for run in (*promoted, home, again)] == [""] * 4
    assert [run.changed > 0 for run in (*promoted, home, again)] == [True, False, True, False]
    report = promoted[0].outputs["db_promote"]
    assert (report["engine"], report["lag_known"], report["already_promoted"], report["sequences_not_bumped"]) == (
        "postgresql-logical",
        True,
        False,
        [],
    )
    assert (home.outputs["db_rejoin"]["method"], home.outputs["db_rejoin"]["lost_transactions"]) == ("follow", 0)
    assert 0 < home.outputs["db_switchover"]["gap_s"] < 60
    assert wait_followed(pair.a, pair.b)
    rows = "select count(*), count(distinct id), max(id) > 2000 from orders"
    assert [server.sql(rows) for server in (pair.a, pair.b)] == ["52|52|t"] * 2
    assert refused_write(pair, "b")
    assert [server.sql("select string_agg(slot_name, ',') from pg_replication_slots") for server in (pair.a, pair.b)] == ["slot_b", ""]


@pytest.mark.sweep
def test_what_the_old_primary_wrote_alone_is_counted_and_only_copied_over_when_asked(pair: LgPair) -> None:
    write(pair.a, "insert into notes default values")
    assert wait_followed(pair.a, pair.b)
    pair.b.sql("alter subscription sub_b disable")  # the link is cut; the primary writes on
    for _ in range(3):
        write(pair.a, "insert into orders (what) values ('lost')")
    position = pair.a.sql("select pg_current_wal_lsn()")
    pair.a.do("stop")
    promoted = play(pair, "promote_logical.yml", "standby", pg_primary_last_lsn=position, db_max_lag_bytes=10_000_000)
    write(pair.b, "insert into orders (what) values ('kept')")
    pair.a.do("start")

    refused = play(pair, "rejoin_logical.yml", "primary")
    guarded = refused_write(pair, "a")
    home = play(pair, "failback_logical.yml", "primary", lg_resync=True)

    assert promoted.failure == ""
    assert promoted.outputs["db_promote"]["lag_bytes"] > 0
    assert refused.failure.startswith("DB_DIVERGED primary holds 3 transactions that standby never saw")
    assert guarded, "it takes no write while it waits"
    assert home.failure == ""
    assert (home.outputs["db_rejoin"]["method"], home.outputs["db_rejoin"]["lost_transactions"]) == ("copy", 3)
    assert wait_followed(pair.a, pair.b)
    assert [server.sql("select string_agg(what, ',') from orders") for server in (pair.a, pair.b)] == ["kept", "kept"]


@pytest.mark.sweep
def test_two_databases_that_both_take_writes_are_refused_not_repaired(pair: LgPair) -> None:
    pair.b.sql("drop subscription sub_b")

    switched, rejoined = play(pair, "switchover_logical.yml", "standby"), play(pair, "rejoin_logical.yml", "primary")

    assert switched.failure.startswith("DB_TWO_PRIMARIES")
    assert rejoined.failure.startswith("DB_PEER_NOT_PRIMARY standby was not promoted")
    assert not refused_write(pair, "a")


@pytest.mark.sweep
def test_a_switchover_that_would_lose_rows_gives_the_role_back(pair: LgPair) -> None:
    pair.b.sql("alter subscription sub_b disable")
    write(pair.a, "insert into orders (what) values ('not there yet')")

    result = play(pair, "switchover_logical.yml", "standby", lg_catch_up_timeout_s=1)

    assert result.failure.startswith("DB_STANDBY_BEHIND")
    assert not refused_write(pair, "a")
    assert pair.b.sql("select count(*) from pg_subscription") == "1"
