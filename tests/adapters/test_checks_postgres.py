"""Questions to a real pair of PostgreSQL servers: they cannot write, whatever they say, and a standby that lags is noticed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.checks_postgres import PostgresQuestions
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal, Retryable
from drill.model.ports import DatabaseAccess
from drill.steps.base import registry
from tests.adapters.pg_pair import Pair, Server, binaries, copy_pair, make_template
from tests.fakes import FakeAttempt, FakeClock, FakeGround, FakeSecrets, fake_world
from tests.fakes_own import fake_own


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    template = make_template(binaries()[-1])
    servers = copy_pair(template, binaries()[-1])
    shutil.rmtree(template)
    try:
        servers.start()
        servers.a.sql(
            "create table orders (id int primary key, note text); insert into orders select n, 'x' from generate_series(1, 100) n"
        )
        servers.a.sql("create sequence numbers; create function act() returns int language sql as 'delete from orders returning 1'")
        yield servers
    finally:
        servers.end()


def access(server: Server) -> DatabaseAccess:
    return DatabaseAccess("127.0.0.1", server.port, "drill", "postgres", Path("/"))


def questions(**secrets: str) -> PostgresQuestions:
    return PostgresQuestions(SecretValues(FakeSecrets(secrets)))


def ask(server: Server, sql: str, *, timeout_s: float = 20.0) -> Any:
    return questions().ask(access(server), sql, timeout_s=timeout_s)


class Sites(FakeGround):
    """A site for each server."""

    def __init__(self, pair: Pair) -> None:
        super().__init__({})
        self._servers = {"primary": pair.a, "standby": pair.b}

    def database(self, site: str) -> DatabaseAccess:
        return access(self._servers[site])


def run(pair: Pair, kind: str, **params: Any) -> dict[str, Any]:
    step = registry()[kind]
    world = fake_world(own=fake_own(databases=questions()), clock=FakeClock(), ground=Sites(pair))
    return dict(step.run(step.params.model_validate(params), world, FakeAttempt()))


@pytest.mark.parametrize(
    "sql",
    [
        "delete from orders",
        "with gone as (delete from orders returning id) select count(*) from gone",
        "select nextval('numbers')",
        "select act()",
        "create table mine (id int)",
        "select id into mine from orders",
        "truncate orders",
        "select 1; delete from orders",
        "commit; delete from orders",
        "set default_transaction_read_only = off; delete from orders",
        "copy orders to program 'touch /tmp/drill-was-here'; select 1",
        "select pg_promote()",
        "select Pg_Terminate_Backend (1)",
        "select set_config('transaction_read_only', 'off', false)",
    ],
)
def test_nothing_can_be_written_or_done_by_a_question(pair: Pair, sql: str) -> None:
    with pytest.raises(Fatal) as failed:
        ask(pair.a, sql)

    assert failed.value.code == "A287"
    assert pair.a.sql("select count(*) from orders") == "100"


def test_a_transaction_made_writable_by_itself_writes_nothing(pair: Pair) -> None:
    with pytest.raises(Fatal):
        ask(pair.a, "set transaction read write")

    assert pair.a.sql("select count(*) from orders") == "100"


@pytest.mark.parametrize("wanted", ["read-write", "primary"])
def test_of_several_hosts_the_one_that_takes_writes_is_asked_though_nothing_is_written(pair: Pair, wanted: str) -> None:
    hosts = f"host=127.0.0.1,127.0.0.1 port={pair.b.port},{pair.a.port} user=drill dbname=postgres target_session_attrs={wanted}"

    assert questions(DSN=hosts).ask("secret:DSN", "select pg_is_in_recovery()", timeout_s=20) == [(False,)]


def test_rows_are_the_same_on_both_sides_and_a_changed_one_is_noticed(pair: Pair) -> None:
    before = run(pair, "verify.rows", site="primary", tables=["orders", "public.orders"])["tables"]

    assert before["orders"]["rows"] == 100
    run(pair, "verify.rows", site="standby", tables=["orders"], equal=before, until="20s")
    pair.a.sql("update orders set note = 'y' where id = 7")
    with pytest.raises(Retryable, match="100 rows with other contents"):
        run(pair, "verify.rows", site="primary", tables=["orders"], equal=before)
    assert run(pair, "verify.rows", site="primary", tables=["orders"], where="id <> 7")["tables"]["orders"]["rows"] == 99


def test_a_value_is_verified(pair: Pair) -> None:
    assert run(pair, "verify.sql", site="standby", sql="select count(*) from orders", at_least=100, until="20s")["value"] == 100

    with pytest.raises(Retryable, match="100, less than 101"):
        run(pair, "verify.sql", site="primary", sql="select count(*) from orders", at_least=101)


def test_a_standby_that_streams_is_well_and_a_held_up_one_is_not(pair: Pair) -> None:
    assert run(pair, "verify.replication", site="standby", **{"from": "primary"})["lag_bytes"] < 16_777_216

    pair.b.sql("select pg_wal_replay_pause()")
    try:
        pair.a.sql("insert into orders select n, repeat('z', 200) from generate_series(1000, 2000) n")
        with pytest.raises(Retryable, match=r"it lacks \d+ bytes, more than 1000"):
            run(pair, "verify.replication", site="standby", max_lag_bytes=1000, until="0s", max_lag="1h", **{"from": "primary"})
    finally:
        pair.b.sql("select pg_wal_replay_resume()")


def test_a_primary_is_no_standby(pair: Pair) -> None:
    with pytest.raises(Retryable, match="it takes writes"):
        run(pair, "verify.replication", site="primary", until="0s")
