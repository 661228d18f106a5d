"""The MySQL playbooks on a real pair of MariaDB servers: what they refuse, what they change, and the whole circle home."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.ansible import AnsibleRunner
from drill.model.ports import PlayResult
from tests.adapters.my_pair import PASSWORD, MyPair, MyServer, make_template, start_pair, wait_applied

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
pytestmark = pytest.mark.xdist_group("mysql")  # one worker: the template is made once


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    folder = make_template()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def intact(template: Path) -> Iterator[MyPair]:
    """A pair that every test leaves as it found it."""
    pair = start_pair(template)
    yield pair
    pair.end()


@pytest.fixture
def pair(template: Path) -> Iterator[MyPair]:
    """A pair that the test may use up."""
    pair = start_pair(template)
    yield pair
    pair.end()


def play(pair: MyPair, playbook: str, site: str, rebuild: list[str] | None = None, **more: Any) -> PlayResult:
    defaults: dict[str, Any] = {"variables": {}, "check": False, "timeout_s": 90.0, "stopping": lambda: False, "on_task": lambda _: None}
    runner = AnsibleRunner(PLAYBOOKS, f"test-{pair.folder}")
    return runner.play(playbook, inventory=pair.inventory(site, rebuild or []), **{**defaults, **more})


def takes_writes(server: MyServer) -> bool:
    return server.sql("select @@read_only") == "0"


def picture(pair: MyPair) -> list[str]:
    return [server.sql("select @@read_only, @@gtid_binlog_pos, @@gtid_slave_pos") for server in (pair.a, pair.b)]


@pytest.mark.parametrize(
    ("playbook", "site"),
    [
        ("promote_mysql.yml", "standby"),
        ("fence_mysql.yml", "primary"),
        ("switchover_mysql.yml", "standby"),
        ("position_mysql.yml", "primary"),
        ("release_mysql.yml", "primary"),
    ],
)
def test_a_check_changes_nothing(intact: MyPair, playbook: str, site: str) -> None:
    before = picture(intact)

    result = play(intact, playbook, site, check=True)

    assert (result.state, result.changed, result.failure) == ("successful", 0, "")
    assert picture(intact) == before


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({}, "DB_LAG_UNKNOWN"),
        ({"db_primary_last_position": "0-1-999999", "db_max_lag_transactions": 10}, "DB_LAG_TOO_HIGH lag_transactions="),
        ({"db_accept_data_loss": True}, "DB_TWO_PRIMARIES primary still takes writes"),
    ],
    ids=["unknown lag", "lag above the limit", "split brain"],
)
def test_a_promotion_that_would_harm_is_refused_and_changes_nothing(intact: MyPair, variables: dict[str, Any], code: str) -> None:
    before = picture(intact)

    result = play(intact, "promote_mysql.yml", "standby", variables=variables)

    assert (result.state, result.changed) == ("failed", 0)
    assert result.failure.startswith(code)
    assert picture(intact) == before


@pytest.mark.sweep
def test_a_primary_is_not_rejoined_to_its_own_replica(intact: MyPair) -> None:
    result = play(intact, "rejoin_mysql.yml", "primary")

    assert result.failure.startswith("DB_PEER_NOT_PRIMARY")


def test_a_replica_that_cannot_apply_all_it_received_is_not_promoted_and_receives_on(pair: MyPair) -> None:
    pair.b.sql("stop slave sql_thread")
    pair.a.sql("insert into shop.canary values (1)", "app")
    position = pair.a.sql("select @@gtid_binlog_pos")
    pair.b.sql("do sleep(1)")
    pair.a.do("fence")

    result = play(pair, "promote_mysql.yml", "standby", variables={"db_primary_last_position": position})

    assert result.failure.startswith("DB_STANDBY_NOT_READY its applier is stopped with 1 transactions to go")
    assert not takes_writes(pair.b)


def test_a_fenced_primary_is_given_back_only_while_its_peer_takes_no_writes(pair: MyPair) -> None:
    pair.a.do("fence")

    runs = [play(pair, "release_mysql.yml", "primary") for _ in range(2)]
    pair.a.sql("insert into shop.canary values (1)", "app")

    assert [(run.failure, run.changed > 0) for run in runs] == [("", True), ("", False)]
    assert wait_applied(pair.a, pair.b)
    pair.a.do("fence")
    pair.b.sql("stop slave; set global read_only = 0")
    refused = play(pair, "release_mysql.yml", "primary")
    assert (refused.failure.split(" ")[0], refused.changed) == ("DB_TWO_PRIMARIES", 0)


def test_the_whole_circle_loses_no_acknowledged_row(pair: MyPair) -> None:
    pair.a.sql("insert into shop.canary select seq from shop.seq_1_to_100")
    assert wait_applied(pair.a, pair.b)
    position = play(pair, "position_mysql.yml", "primary").outputs["db_position"]["position"]
    told = {"db_primary_last_position": position}

    fenced = [play(pair, "fence_mysql.yml", "primary") for _ in range(2)]
    promoted = [play(pair, "promote_mysql.yml", "standby", variables=told) for _ in range(2)]
    pair.b.sql("insert into shop.canary values (101)", "app")
    rejoined = [play(pair, "rejoin_mysql.yml", "primary") for _ in range(2)]
    pair.b.sql("insert into shop.canary values (102)", "app")
    switched = [play(pair, "switchover_mysql.yml", "primary") for _ in range(2)]
    pair.a.sql("insert into shop.canary values (103)", "app")

    runs = [*fenced, *promoted, *rejoined, *switched]
    assert [run.failure for run in runs] == [""] * 8
    assert [run.changed > 0 for run in runs] == [True, False] * 4, "each playbook, run again, finds nothing to do"
    report = promoted[0].outputs["db_promote"]
    assert (report["engine"], report["lag_transactions"], report["lag_known"], report["already_promoted"]) == ("mariadb", 0, True, False)
    assert promoted[1].outputs["db_promote"]["already_promoted"]
    assert report["after"]["position"] != position
    assert [run.outputs["db_rejoin"]["method"] for run in rejoined] == ["follow", "already"]
    assert 0 < switched[0].outputs["db_switchover"]["gap_s"] < 60
    assert (takes_writes(pair.a), takes_writes(pair.b)) == (True, False)
    assert wait_applied(pair.a, pair.b)
    assert [server.sql("select count(*) from shop.canary") for server in (pair.a, pair.b)] == ["103", "103"]


def test_what_the_old_primary_wrote_alone_is_counted_and_only_a_rebuild_brings_it_home(pair: MyPair) -> None:
    assert wait_applied(pair.a, pair.b)
    pair.b.sql("stop slave io_thread")  # the link is cut; the primary writes on
    pair.a.sql("insert into shop.canary values (666); insert into shop.canary values (667)", "app")
    position = pair.a.sql("select @@gtid_binlog_pos")
    pair.a.do("fence")
    lost = play(pair, "promote_mysql.yml", "standby", variables={"db_primary_last_position": position})
    pair.b.sql("insert into shop.canary values (1)", "app")
    there, here = " ".join(pair.b.client), " ".join(pair.a.client)
    clean = "set sql_log_bin = 0; delete from shop.canary; insert into shop.canary values (1); reset master"
    copy = f"""P=$({there} -BN -e 'select @@gtid_binlog_pos'); {here} -e "{clean}; set global gtid_slave_pos = '$P'" """

    refused = play(pair, "rejoin_mysql.yml", "primary")
    home = play(pair, "failback_mysql.yml", "primary", rebuild=["sh", "-c", copy])

    assert lost.outputs["db_promote"]["lag_transactions"] == 2
    assert refused.failure.startswith("DB_DIVERGED primary holds 2 transactions that standby never saw; it was fenced again")
    assert home.failure == ""
    assert (home.outputs["db_rejoin"]["method"], home.outputs["db_rejoin"]["lost_transactions"]) == ("rebuild", 2)
    assert (takes_writes(pair.a), takes_writes(pair.b)) == (True, False)
    assert wait_applied(pair.a, pair.b)
    assert [server.sql("select group_concat(id) from shop.canary") for server in (pair.a, pair.b)] == ["1", "1"]


@pytest.mark.sweep
def test_two_writable_servers_are_refused_not_repaired(pair: MyPair) -> None:
    pair.b.sql("stop slave; reset slave all; set global read_only = 0")

    refused = [play(pair, playbook, "primary").failure for playbook in ("rejoin_mysql.yml", "switchover_mysql.yml")]

    assert [failure.split()[0] for failure in refused] == ["DB_TWO_PRIMARIES"] * 2
    assert (takes_writes(pair.a), takes_writes(pair.b)) == (True, True)


@pytest.mark.sweep
def test_a_switchover_that_would_lose_rows_gives_the_role_back(pair: MyPair) -> None:
    pair.b.sql("stop slave; change master to master_delay = 3600; start slave")
    pair.a.sql("insert into shop.canary values (1)", "app")

    result = play(pair, "switchover_mysql.yml", "standby", variables={"my_catch_up_timeout_s": 1})

    assert result.failure.startswith("DB_STANDBY_BEHIND")
    assert (takes_writes(pair.a), takes_writes(pair.b)) == (True, False)


@pytest.mark.sweep
def test_no_password_stands_in_what_a_play_says(pair: MyPair) -> None:
    said: list[bytes] = []
    pair.a.do("fence")
    runner = AnsibleRunner(PLAYBOOKS, f"test-{pair.folder}", lambda _name, content: said.append(content))
    rest: dict[str, Any] = {"check": False, "timeout_s": 90.0, "stopping": lambda: False, "on_task": lambda _: None}

    for playbook, site in (("promote_mysql.yml", "standby"), ("rejoin_mysql.yml", "primary")):
        played = runner.play(playbook, inventory=pair.inventory(site, []), variables={"db_accept_data_loss": True}, **rest)
        assert played.failure == ""

    assert len(said) == 2
    assert not any(PASSWORD.encode() in each or b"secret" in each for each in said)
