"""Questions to a real pair of MariaDB servers: they cannot write, whatever they say, rows compare, and a replica that lags is noticed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.checks_by_engine import EngineQuestions
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal, Retryable
from drill.model.ports import DatabaseAccess
from drill.steps.base import registry
from tests.adapters.my_pair import MyPair, MyServer, make_template, start_pair, wait_applied
from tests.adapters.pg_pair import free_port
from tests.fakes import FakeAttempt, FakeClock, FakeGround, FakeSecrets, fake_world
from tests.fakes_own import fake_own

pytestmark = pytest.mark.xdist_group("mysql")
KINDS = (
    "create table shop.kinds (id int primary key, f float, d double, n decimal(20, 6), b bit(5), y year, t time(3), at datetime(6),"
    " ts timestamp(3) null, e enum('a', 'b'), s set('x', 'y'), c char(9) character set latin1, v varchar(99), big longtext, raw blob,"
    " j json, g point, u uuid, i inet6, gone int as (id + 1) stored, `odd ``name` int)"
)


@pytest.fixture(scope="module")
def pair() -> Iterator[MyPair]:
    template = make_template()
    servers = start_pair(template)
    shutil.rmtree(template)
    try:
        servers.a.sql(
            "use shop; create table orders (id int primary key, note varchar(400)); insert into orders select seq, 'x' from seq_1_to_100;"
            "create sequence numbers"
        )
        servers.a.sql(KINDS)
        for server in (servers.a, servers.b):
            server.sql("set global log_bin_trust_function_creators = 1")
        servers.a.sql("delimiter //\ncreate function shop.act() returns int begin delete from shop.orders; return 1; end//")
        servers.a.sql("create user checker@'127.0.0.1' identified by 'hunter22'; grant all on *.* to checker@'127.0.0.1'")
        assert wait_applied(servers.a, servers.b)
        yield servers
    finally:
        servers.end()


def access(server: MyServer, **more: Any) -> DatabaseAccess:
    return DatabaseAccess("127.0.0.1", server.port, **{"user": "root", "dbname": "shop", "bin_dir": Path("/"), "engine": "mysql", **more})


def questions(**secrets: str) -> EngineQuestions:
    return EngineQuestions(SecretValues(FakeSecrets(secrets)))


def ask(server: MyServer, sql: str, *, timeout_s: float = 20.0) -> Any:
    return questions().ask(access(server), sql, timeout_s=timeout_s)


class Sites(FakeGround):
    """A site for each server, and one whose database is another engine's."""

    def __init__(self, pair: MyPair) -> None:
        super().__init__({})
        self._servers = {"primary": access(pair.a), "standby": access(pair.b), "other": access(pair.a, engine="postgres")}

    def database(self, site: str) -> DatabaseAccess:
        return self._servers[site]


def run(pair: MyPair, kind: str, **params: Any) -> dict[str, Any]:
    step = registry()[kind]
    world = fake_world(own=fake_own(databases=questions()), clock=FakeClock(), ground=Sites(pair))
    return dict(step.run(step.params.model_validate(params), world, FakeAttempt()))


def test_rows_come_back_as_values(pair: MyPair) -> None:
    assert [tuple(row) for row in ask(pair.a, "/* two */ (select id, note from orders order by id limit 2)")] == [(1, "x"), (2, "x")]
    assert len(ask(pair.a, "select seq from seq_1_to_4000")) == 1000


@pytest.mark.parametrize(
    "sql",
    [
        "delete from orders",
        "with gone as (select 1) delete from orders",
        "select nextval(numbers)",
        "select next value for numbers",
        "select act()",
        "create table mine (id int)",
        "truncate orders",
        "select 1; delete from orders",
        "commit; delete from orders",
        "commit",
        "set session transaction read write",
        "set global read_only = 0",
        "kill 1",
        "flush tables",
        "call nothing()",
        "select * from orders into outfile '/tmp/drill-was-here'",
        "select '/*', 1 into/**/dumpfile '/tmp/drill-was-here' -- */",
        "select * from orders for update",
        "select * from orders lock -- now\n in share mode",
        "select get_lock /* x */ ('x', 1)",
        "select 1 /*! into outfile '/tmp/drill-was-here' */",
        "/*M!100100 set global read_only = 0 */",
        "-- select\ndelete from orders",
        "",
    ],
)
def test_nothing_can_be_written_or_done_by_a_question(pair: MyPair, sql: str) -> None:
    with pytest.raises(Fatal) as failed:
        ask(pair.a, sql)

    assert failed.value.code == "A287"
    assert failed.value.fix
    assert pair.a.sql("select count(*) from shop.orders") == "100"
    assert not Path("/tmp/drill-was-here").exists()


def test_a_connection_string_leads_there_and_a_wrong_password_is_final(pair: MyPair) -> None:
    right, wrong = (f"mysql://checker:{word}@127.0.0.1:{pair.a.port}/shop" for word in ("hunter22", "hunter23"))

    assert questions(DSN=right).ask("secret:DSN", "select count(*) from orders", timeout_s=5)[0][0] == 100
    with pytest.raises(Fatal, match="Access denied") as failed:
        questions(DSN=wrong).ask("secret:DSN", "select 1", timeout_s=5)
    with pytest.raises(Fatal, match="cannot be read") as unread:
        questions(DSN="mysql://hunter22").ask("secret:DSN", "select 1", timeout_s=5)

    assert "hunter2" not in f"{failed.value}{unread.value}"


def test_of_several_hosts_the_first_that_answers_is_asked(pair: MyPair) -> None:
    dsn = f"mysql://root@127.0.0.1:{free_port()},127.0.0.1:{pair.b.port},127.0.0.1:{pair.a.port}/shop"

    assert questions(DSN=dsn).ask("secret:DSN", "select @@port", timeout_s=20)[0][0] == pair.b.port


def test_the_password_of_a_site_comes_from_its_option_file(pair: MyPair, tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text("[client]\n  user = nobody\n  password = 'hunter22'\n")
    file.chmod(0o600)

    there = access(pair.a, user="checker", passfile=file)

    assert questions().ask(there, "select current_user()", timeout_s=5)[0][0] == "checker@127.0.0.1"


def test_rows_are_the_same_on_both_sides_and_a_changed_one_is_noticed(pair: MyPair) -> None:
    before = run(pair, "verify.rows", site="primary", tables=["orders", "shop.orders"])["tables"]

    assert (before["orders"]["rows"], before["orders"]["engine"]) == (100, "mariadb")
    assert before["orders"] == before["shop.orders"]
    run(pair, "verify.rows", site="standby", tables=["orders"], equal=before, until="20s")
    pair.a.sql("update shop.orders set note = 'y' where id = 7")
    with pytest.raises(Retryable, match="100 rows with other contents"):
        run(pair, "verify.rows", site="primary", tables=["orders"], equal=before)
    assert run(pair, "verify.rows", site="primary", tables=["orders"], where="id <> 7 -- ")["tables"]["orders"]["rows"] == 99
    with pytest.raises(Fatal, match="no table 'nothing'"):
        run(pair, "verify.rows", site="primary", tables=["nothing"])


def test_a_value_is_verified(pair: MyPair) -> None:
    assert run(pair, "verify.sql", site="standby", sql="select @@read_only", equals=True, until="20s")["value"] == 1

    with pytest.raises(Retryable, match="100, less than 101"):
        run(pair, "verify.sql", site="primary", sql="select count(*) from orders", at_least=101)


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [
        ("f", "1.0000001", "1.0000002"),  # as a text both are 1
        ("d", "0.1", "0.1 + 1e-17 + 2e-17"),
        ("n", "1.000001", "1.000002"),
        ("b", "b'1'", "b'10'"),
        ("y", "2026", "2027"),
        ("t", "'00:00:00.001'", "'00:00:00.002'"),
        ("at", "'2026-01-01 00:00:00.000001'", "'2026-01-01 00:00:00.000002'"),
        ("ts", "'2026-01-01 00:00:00.001'", "'2026-01-01 00:00:00.002'"),
        ("e", "'a'", "'b'"),
        ("s", "'x'", "'x,y'"),
        ("c", "'é'", "'è'"),
        ("v", "''", "null"),
        ("v", "'a'", "'A'"),  # equal by their collation
        ("big", "repeat('a', 3000000)", "concat(repeat('a', 2999999), 'b')"),
        ("raw", "x'00'", "x''"),
        ("j", "'[1]'", "'[2]'"),
        ("g", "point(1, 2)", "point(2, 1)"),
        ("u", "'123e4567-e89b-12d3-a456-426655440000'", "'123e4567-e89b-12d3-a456-426655440001'"),
        ("i", "'::1'", "'::2'"),
        ("`odd ``name`", "1", "2"),
    ],
)
def test_a_change_in_a_column_of_any_type_changes_the_sum(pair: MyPair, column: str, one: str, other: str) -> None:
    def digest(value: str) -> str:
        pair.a.sql(f"replace into shop.kinds (id, {column}) values (1, {value})")  # noqa: S608
        counted = questions().count(access(pair.a), "kinds", where="", timeout_s=20)
        assert counted.rows == 1
        return counted.sum

    sums = [digest(one), digest(other), digest(one)]

    assert sums[0] == sums[2]
    assert sums[0] != sums[1], "or the two values were the same"


def test_values_that_change_their_columns_or_rows_are_noticed(pair: MyPair) -> None:
    pair.a.sql("create or replace table shop.two (p varchar(9), q varchar(9)); insert into shop.two values ('a', 'b'), ('c', 'd')")
    sums = []
    for rows in ("('b', 'a'), ('c', 'd')", "('a', 'd'), ('c', 'b')", "('ab', ''), ('c', 'd')", "('c', 'd'), ('a', 'b')"):
        sums.append(questions().count(access(pair.a), "two", where="", timeout_s=20).sum)
        pair.a.sql(f"delete from shop.two; insert into shop.two values {rows}")  # noqa: S608
    last = questions().count(access(pair.a), "two", where="", timeout_s=20).sum

    assert len(set(sums)) == 4
    assert last == sums[0], "the order of rows is none of their contents"


def test_a_replica_that_follows_is_well_and_a_held_up_one_is_not(pair: MyPair) -> None:
    found = run(pair, "verify.replication", site="standby", until="20s", **{"from": "primary"})
    assert (found["lag_transactions"], found["lag_bytes"]) == (0, None)

    pair.b.sql("stop slave sql_thread")
    try:
        for number in range(1000, 1012):
            pair.a.sql(f"insert into shop.orders values ({number}, 'z')")  # noqa: S608
        with pytest.raises(Retryable, match="does not stream"):
            run(pair, "verify.replication", site="standby", until="0s", **{"from": "primary"})
        state = questions().standby(access(pair.b), primary=access(pair.a), timeout_s=20)
    finally:
        pair.b.sql("start slave sql_thread")

    assert (state.standby, state.streams, state.lag_transactions) == (True, False, 12)


def test_a_primary_is_no_standby_and_engines_do_not_follow_each_other(pair: MyPair) -> None:
    with pytest.raises(Retryable, match="it takes writes"):
        run(pair, "verify.replication", site="primary", until="0s")
    with pytest.raises(Fatal, match="the primary is a postgres database and the standby a mysql one") as refused:
        run(pair, "verify.replication", site="standby", **{"from": "other"})

    assert refused.value.code == "A290"
