"""The PostgreSQL playbooks on a real streaming pair: what they refuse, what they change, and the whole circle home."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.ansible import AnsibleRunner
from drill.model.ports import PlayResult, TaskEvent
from tests.adapters.pg_pair import Pair, Server, binaries, copy_pair, make_template, wait_streaming

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
BINARIES = binaries()
pytestmark = pytest.mark.xdist_group("postgres")  # one worker: the pairs are made once


@pytest.fixture(scope="module")
def templates() -> Iterator[Callable[[Path], Path]]:
    made: dict[Path, Path] = {}

    def template(bin_dir: Path) -> Path:
        if bin_dir not in made:
            made[bin_dir] = make_template(bin_dir)
        return made[bin_dir]

    yield template
    for root in made.values():
        shutil.rmtree(root)


@contextmanager
def running_pair(template: Path, bin_dir: Path) -> Iterator[Pair]:
    pair = copy_pair(template, bin_dir)
    try:
        pair.start()
        yield pair
    finally:
        pair.end()


@pytest.fixture(scope="module")
def intact(templates: Callable[[Path], Path]) -> Iterator[Pair]:
    """A pair that every test leaves as it found it."""
    with running_pair(templates(BINARIES[0]), BINARIES[0]) as pair:
        yield pair


@pytest.fixture
def pair(templates: Callable[[Path], Path]) -> Iterator[Pair]:
    """A pair that the test may use up."""
    with running_pair(templates(BINARIES[0]), BINARIES[0]) as pair:
        yield pair


def play(pair: Pair, playbook: str, site: str, **more: Any) -> PlayResult:
    variables = {"pg_primary_last_lsn": "0/0", **more.pop("variables", {})}
    defaults: dict[str, Any] = {"check": False, "timeout_s": 60.0, "stopping": lambda: False, "on_task": lambda _: None}
    runner = AnsibleRunner(PLAYBOOKS, f"test-{pair.root}")
    return runner.play(playbook, inventory=pair.inventory(site), variables=variables, **{**defaults, **more})


def is_standby(server: Server) -> bool:
    return server.sql("select pg_is_in_recovery()") == "t"


def picture(pair: Pair) -> list[str]:
    query = (
        "select pg_is_in_recovery(), pg_postmaster_start_time(), (select count(*) from pg_replication_slots), (select count(*) from canary)"
    )
    return [server.sql(query) for server in (pair.a, pair.b)]


@pytest.mark.parametrize(
    ("playbook", "site"),
    [("promote_postgres.yml", "standby"), ("fence_postgres.yml", "primary"), ("switchover_postgres.yml", "standby")],
)
def test_a_check_changes_nothing(intact: Pair, playbook: str, site: str) -> None:
    before = picture(intact)

    result = play(intact, playbook, site, check=True)

    assert (result.state, result.changed, result.failure) == ("successful", 0, "")
    assert picture(intact) == before


def test_a_standby_that_lacks_more_than_the_limit_is_not_promoted(intact: Pair) -> None:
    result = play(intact, "promote_postgres.yml", "standby", variables={"pg_primary_last_lsn": "1/0", "pg_max_lag_bytes": 1000})

    assert result.state == "failed"
    assert result.failure.startswith("PG_LAG_TOO_HIGH lag_bytes=")
    assert is_standby(intact.b)


def test_a_standby_is_not_promoted_beside_a_primary_that_takes_writes(intact: Pair) -> None:
    result = play(intact, "promote_postgres.yml", "standby")

    assert (result.state, result.changed) == ("failed", 0)
    assert result.failure.startswith("PG_TWO_PRIMARIES primary still takes writes")
    assert is_standby(intact.b)


def test_an_old_primary_whose_host_cannot_be_reached_does_not_stop_the_promotion(pair: Pair) -> None:
    lost = dict(pair.inventory("standby"))
    lost["all"]["children"]["pg_peer"]["hosts"]["primary"] |= {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}
    runner = AnsibleRunner(PLAYBOOKS, f"test-{pair.root}")
    rest: dict[str, Any] = {"check": False, "timeout_s": 60.0, "stopping": lambda: False, "on_task": lambda _: None}

    result = runner.play("promote_postgres.yml", inventory=lost, variables={"pg_primary_last_lsn": "0/0"}, **rest)

    assert (result.state, is_standby(pair.b)) == ("successful", False)


def test_an_unknown_lag_is_not_taken_for_none(intact: Pair) -> None:
    result = play(intact, "promote_postgres.yml", "standby", variables={"pg_primary_last_lsn": ""})

    assert result.failure.startswith("PG_LAG_UNKNOWN")
    assert is_standby(intact.b)


def test_a_loss_that_a_person_accepts_passes_the_preflight(intact: Pair) -> None:
    accepted = {"pg_primary_last_lsn": "", "pg_accept_data_loss": True}

    result = play(intact, "promote_postgres.yml", "standby", variables=accepted, check=True)

    assert result.state == "successful"
    assert result.outputs["pg_promote"]["lag_known"] is False


def test_a_standby_whose_replay_is_paused_is_not_promoted(intact: Pair) -> None:
    intact.b.sql("select pg_wal_replay_pause()")

    try:
        result = play(intact, "promote_postgres.yml", "standby")
    finally:
        intact.b.sql("select pg_wal_replay_resume()")

    assert result.failure.startswith("PG_STANDBY_NOT_READY its replay is paused")
    assert is_standby(intact.b)


def test_a_standby_that_is_down_is_told_from_one_that_is_not_fit(intact: Pair) -> None:
    intact.b.do("stop")

    try:
        result = play(intact, "promote_postgres.yml", "standby")
    finally:
        intact.start()

    assert result.failure.startswith("PG_UNREACHABLE")
    assert "refused" in result.failure


def test_a_rejoin_is_refused_while_the_server_takes_writes(intact: Pair) -> None:
    result = play(intact, "rejoin_postgres.yml", "primary")

    assert result.failure.startswith("PG_PEER_NOT_PRIMARY")
    assert not is_standby(intact.a)


def test_a_promotion_that_is_stopped_leaves_no_process_and_a_standby(intact: Pair) -> None:
    told: list[TaskEvent] = []
    slow = ["sh", "-c", 'sleep 0.5; exec "$@"', "sh"]

    result = play(
        intact,
        "promote_postgres.yml",
        "standby",
        variables={"pg_timeout_argv": slow},
        on_task=told.append,
        stopping=lambda: bool(told) and told[-1].task == "Preflight",
    )

    assert result.state == "stopped"
    assert "pg_promote" not in result.outputs
    assert intact.b.sql("select pg_is_in_recovery() from pg_sleep(0.6)") == "t", "the stopped run promoted it all the same"


def test_a_left_over_synchronous_name_does_not_hang_the_promoted_server(pair: Pair) -> None:
    pair.b.sql("alter system set synchronous_standby_names = 'ghost'")
    pair.b.sql("select pg_reload_conf()")
    pair.a.do("fence")

    result = play(pair, "promote_postgres.yml", "standby")

    assert result.state == "successful"
    assert pair.b.sql("insert into canary values (1) returning id") == "1"


@pytest.mark.parametrize(
    "bin_dir",
    [*(pytest.param(folder, marks=pytest.mark.sweep) for folder in BINARIES[:-1]), BINARIES[-1]],
    ids=lambda folder: folder.parts[-3],
)
def test_the_whole_circle_loses_no_acknowledged_row(templates: Callable[[Path], Path], bin_dir: Path) -> None:
    with running_pair(templates(bin_dir), bin_dir) as pair:
        pair.a.sql("insert into canary select generate_series(1, 100)")
        position = pair.a.sql("select pg_current_wal_lsn()")
        fenced = [play(pair, "fence_postgres.yml", "primary") for _ in range(2)]
        promoted = [play(pair, "promote_postgres.yml", "standby", variables={"pg_primary_last_lsn": position}) for _ in range(2)]
        pair.b.sql("insert into canary select generate_series(101, 200)")
        rehearsed = play(pair, "rejoin_postgres.yml", "primary", check=True)
        rejoined = [play(pair, "rejoin_postgres.yml", "primary") for _ in range(2)]
        pair.b.sql("insert into canary select generate_series(201, 300)")
        switched = [play(pair, "switchover_postgres.yml", "primary") for _ in range(2)]
        pair.a.sql("insert into canary select generate_series(301, 400)")

        runs = [*fenced, *promoted, *rejoined, *switched]
        assert [run.failure for run in runs] == [""] * 8
        assert (rehearsed.state, rehearsed.changed, rehearsed.outputs["pg_rejoin"]["method"]) == ("successful", 0, "none")
        assert [run.changed > 0 for run in runs] == [True, False] * 4, "each playbook, run again, finds nothing to do"
        assert [run.outputs["pg_promote"]["already_promoted"] for run in promoted] == [False, True]
        assert promoted[0].outputs["pg_promote"]["after"]["timeline"] == 2
        assert promoted[0].outputs["pg_promote"]["lag_bytes"] == 0
        assert [run.outputs["pg_rejoin"]["method"] for run in rejoined] == ["rewind", "already"]
        assert switched[0].outputs["pg_switchover"]["timeline"] == 3
        assert 0 < switched[0].outputs["pg_switchover"]["gap_s"] < 60
        assert (is_standby(pair.a), is_standby(pair.b)) == (False, True)
        assert wait_streaming(pair.a, "region_b")
        assert pair.a.sql("select count(*) from canary") == "400"


def test_a_rewind_that_fails_is_followed_by_a_base_backup_and_what_diverged_is_gone(pair: Pair) -> None:
    pair.b.sql("select pg_promote()")
    pair.a.sql("insert into canary values (666)")
    pair.b.sql("insert into canary values (1)")
    pair.a.do("fence")
    (pair.a.data / "global" / "pg_control").unlink()

    home = play(pair, "failback_postgres.yml", "primary")

    assert home.failure == ""
    assert home.outputs["pg_rejoin"]["method"] == "basebackup"
    assert "pg_control" in home.outputs["pg_rejoin"]["rewind_refused"]
    assert (is_standby(pair.a), is_standby(pair.b)) == (False, True)
    assert pair.a.sql("select string_agg(id::text, ',') from canary") == "1"
    assert (pair.a.data / "postgresql.auto.conf").read_text().count("primary_conninfo") <= 1


def test_two_writable_servers_are_refused_not_repaired(pair: Pair) -> None:
    pair.b.sql("select pg_promote()")

    rejoin, switchover = play(pair, "rejoin_postgres.yml", "primary"), play(pair, "switchover_postgres.yml", "primary")

    assert rejoin.failure.startswith("PG_TWO_PRIMARIES primary takes writes too")
    assert switchover.failure.startswith("PG_TWO_PRIMARIES")
    assert (is_standby(pair.a), is_standby(pair.b)) == (False, False)


def test_a_switchover_interrupted_after_the_stop_goes_on_where_it_ended(pair: Pair) -> None:
    pair.a.sql("insert into canary select generate_series(1, 50)")
    pair.a.do("stop")

    result = play(pair, "switchover_postgres.yml", "standby")

    assert result.failure == ""
    assert (is_standby(pair.a), is_standby(pair.b)) == (True, False)
    assert pair.b.sql("select count(*) from canary") == "50"


def test_a_switchover_that_would_lose_rows_gives_the_role_back(pair: Pair) -> None:
    pair.b.do("stop")
    pair.a.sql("insert into canary select generate_series(1, 50)")
    pair.a.do("stop")
    pair.b.do("start")

    result = play(pair, "switchover_postgres.yml", "standby", variables={"pg_catch_up_timeout_s": 1})

    assert result.failure.startswith("PG_STANDBY_BEHIND")
    assert (is_standby(pair.a), is_standby(pair.b)) == (False, True)
    assert pair.a.sql("select count(*) from canary") == "50"
