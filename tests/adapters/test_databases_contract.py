"""What every engine's questions promise (port Databases): the same cases on real pairs of PostgreSQL and of MariaDB."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.checks_by_engine import EngineQuestions
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal, Retryable
from drill.model.ports import DatabaseAccess
from tests.adapters import my_pair, pg_pair
from tests.fakes import FakeSecrets

pytestmark = pytest.mark.xdist_group("mysql")
DSN = {
    "postgres": "host=127.0.0.1 port={port} user=drill password=hunter22 dbname=shop",
    "mysql": "mysql://drill:hunter22@127.0.0.1:{port}/shop",
}
SLOW = {"postgres": "select pg_sleep(30)", "mysql": "select count(*) from seq_1_to_1000000000 where sqrt(seq) = 0.5"}
PAUSE = {
    "postgres": ("select pg_wal_replay_pause()", "select pg_wal_replay_resume()"),
    "mysql": ("stop slave sql_thread", "start slave sql_thread"),
}


@dataclass(frozen=True)
class Pair:
    """A primary and a standby of one engine, with a table `orders` of a hundred rows."""

    engine: str
    primary: DatabaseAccess
    standby: DatabaseAccess
    on_primary: Callable[[str], str]
    on_standby: Callable[[str], str]


@pytest.fixture(scope="module", params=["postgres", "mysql"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    servers: Any = _postgres() if request.param == "postgres" else _mysql()
    try:
        ports = [DatabaseAccess("127.0.0.1", server.port, *_who(request.param), engine=request.param) for server in (servers.a, servers.b)]
        yield Pair(request.param, ports[0], ports[1], servers.a.sql, servers.b.sql)
    finally:
        servers.end()


def _who(engine: str) -> tuple[str, str, Path]:
    return ("drill", "postgres", Path("/")) if engine == "postgres" else ("root", "shop", Path("/"))


def _postgres() -> pg_pair.Pair:
    template = pg_pair.make_template(pg_pair.binaries()[-1])
    made = pg_pair.copy_pair(template, pg_pair.binaries()[-1])
    shutil.rmtree(template)
    made.start()
    made.a.sql("create table orders (id int primary key, note text); insert into orders select n, 'x' from generate_series(1, 100) n")
    return made


def _mysql() -> my_pair.MyPair:
    template = my_pair.make_template()
    made = my_pair.start_pair(template)
    shutil.rmtree(template)
    made.a.sql("use shop; create table orders (id int primary key, note varchar(9)); insert into orders select seq, 'x' from seq_1_to_100")
    assert my_pair.wait_applied(made.a, made.b)
    return made


def questions(**secrets: str) -> EngineQuestions:
    return EngineQuestions(SecretValues(FakeSecrets(secrets)))


def rows(pair: Pair) -> int:
    return int(questions().ask(pair.primary, "select count(*) from orders", timeout_s=60)[0][0])


def test_rows_come_back_as_values(pair: Pair) -> None:
    found = questions().ask(pair.primary, "select id, note from orders order by id limit 2", timeout_s=60)

    assert [tuple(row) for row in found] == [(1, "x"), (2, "x")]


@pytest.mark.parametrize(
    "sql",
    [
        "delete from orders",
        "insert into orders values (101, 'y')",
        "truncate table orders",
        "drop table orders",
        "create table mine (id int)",
        "select 1; delete from orders",
        "commit; delete from orders",
        "grant all on orders to drill",
    ],
)
def test_nothing_can_be_written_by_a_question(pair: Pair, sql: str) -> None:
    with pytest.raises(Fatal) as refused:
        questions().ask(pair.primary, sql, timeout_s=60)

    assert refused.value.code == "A287"
    assert refused.value.fix
    assert rows(pair) == 100


def test_a_mistake_is_final_and_names_what_is_wrong(pair: Pair) -> None:
    with pytest.raises(Fatal, match="nothing") as refused:
        questions().ask(pair.primary, "select * from nothing", timeout_s=60)

    assert refused.value.code == "A287"


def test_an_answer_that_takes_too_long_may_be_asked_for_again(pair: Pair) -> None:
    with pytest.raises(Retryable) as failed:
        questions().ask(pair.primary, SLOW[pair.engine], timeout_s=1.0)

    assert failed.value.code == "A181"


@pytest.mark.parametrize("engine", DSN)
def test_a_server_that_is_away_may_come_back_and_its_password_is_not_shown(engine: str) -> None:
    secrets = {"DSN": DSN[engine].format(port=pg_pair.free_port())}

    with pytest.raises(Retryable, match="gives no answer") as failed:
        questions(**secrets).ask("secret:DSN", "select 1", timeout_s=3)

    assert failed.value.code == "A181"
    assert "hunter22" not in str(failed.value)


def test_rows_count_the_same_on_both_sides_and_a_changed_one_is_noticed(pair: Pair) -> None:
    here, there = (questions().count(access, "orders", where="", timeout_s=60) for access in (pair.primary, pair.standby))
    pair.on_primary(_update(pair, "y"))
    changed = questions().count(pair.primary, "orders", where="", timeout_s=60)
    rest = questions().count(pair.primary, "orders", where="id <> 7", timeout_s=60)
    pair.on_primary(_update(pair, "x"))

    assert here == there
    assert (here.rows, changed.rows, rest.rows) == (100, 100, 99)
    assert changed.sum != here.sum
    assert questions().count(pair.primary, "orders", where="", timeout_s=60) == here


def test_a_table_that_is_not_there_is_told(pair: Pair) -> None:
    with pytest.raises(Fatal, match="nothing") as refused:
        questions().count(pair.primary, "nothing", where="", timeout_s=60)

    assert refused.value.code == "A287"


def test_a_standby_says_that_it_follows_and_a_primary_that_it_does_not(pair: Pair) -> None:
    follows = questions().standby(pair.standby, primary=pair.primary, timeout_s=60)
    leads = questions().standby(pair.primary, primary=None, timeout_s=60)

    assert (follows.standby, follows.streams, leads.standby) == (True, True, False)


def test_what_a_held_up_standby_lacks_is_counted(pair: Pair) -> None:
    stop, go = PAUSE[pair.engine]
    pair.on_standby(stop)
    try:
        for note in ("z", "x"):
            pair.on_primary(_update(pair, note))
        behind = questions().standby(pair.standby, primary=pair.primary, timeout_s=60)
    finally:
        pair.on_standby(go)

    assert (behind.lag_bytes or 0) + (behind.lag_transactions or 0) > 0


def _update(pair: Pair, note: str) -> str:
    return f"update {'shop.' if pair.engine == 'mysql' else ''}orders set note = '{note}' where id = 7"  # noqa: S608 - our own words
