"""The checks `verify.*`: each is well when it should be, and each fails when it should."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.errors import Fatal, Retryable
from drill.model.ports import Counted, PartitionEnd, StandbyState, World
from drill.steps.base import registry
from tests.fakes import FakeAttempt, FakeClock, FakeGround, fake_world
from tests.fakes_own import FakeDatabases, FakeHttp, FakeQueues, answered, fake_own

_URL = "http://127.0.0.1/orders"


class Databases(FakeGround):
    """Sites whose database is known by their name."""

    def database(self, site: str) -> Any:
        return f"database of {site}"


def run(kind: str, world: World, **params: Any) -> dict[str, Any]:
    step = registry()[kind]
    assert step.preview(step.params.model_validate(params), world) == []
    return dict(step.run(step.params.model_validate(params), world, FakeAttempt()))


def over(**roles: Any) -> World:
    return fake_world(own=fake_own(**roles), clock=FakeClock(), ground=Databases({}))


# ------------------------------------------------------------ http


def test_an_answer_is_asked_for_until_it_is_right() -> None:
    http = FakeHttp({_URL: [answered(503), answered(200, '{"n": 0}'), answered(200, '{"n": 1}')]})

    assert run("verify.http", over(http=http), url=_URL, expect={"json": {"n": 1}}) == {"looks": 3, "took_s": 2.0}


def test_an_answer_that_stays_wrong_fails_and_says_what_it_was() -> None:
    http = FakeHttp({_URL: answered(200, '{"n": 0}')})

    with pytest.raises(Retryable, match="within 3s: n is 0, not 1") as failed:
        run("verify.http", over(http=http), url=_URL, expect={"json": {"n": 1}}, until="3s")

    assert failed.value.code == "A185"


def test_one_bad_answer_starts_the_row_again() -> None:
    http = FakeHttp({_URL: [answered(), answered(500), answered()]})

    assert run("verify.http", over(http=http), url=_URL, ok_in_a_row=2)["looks"] == 4


# ------------------------------------------------------------ sql


def test_the_first_value_is_compared() -> None:
    databases = FakeDatabases([(Decimal(7),)])

    assert (
        run("verify.sql", over(databases=databases), site="standby", sql="select 7", equals=7, at_least=7, at_most=7, rows=1)["value"] == 7
    )
    assert databases.asked == [("database of standby", "select 7")]


@pytest.mark.parametrize(
    ("found", "expect", "words"),
    [
        ([(3,)], {"equals": 4}, "3, not 4"),
        ([(3,)], {"at_least": 4}, "less than 4"),
        ([(5,)], {"at_most": 4}, "more than 4"),
        ([("x",)], {"at_least": 4}, "'x' is no number"),
        ([], {"equals": 4}, "None, not 4"),
        ([(1,), (2,)], {"rows": 1}, "2 rows, not 1"),
    ],
)
def test_a_wrong_value_fails(found: Any, expect: dict[str, Any], words: str) -> None:
    with pytest.raises(Retryable, match=words):
        run("verify.sql", over(databases=FakeDatabases(found)), dsn="secret:DSN", sql="select 1", **expect)


def test_a_question_without_an_expectation_and_a_plain_password_are_refused() -> None:
    with pytest.raises(ValidationError, match="say what is right"):
        registry()["verify.sql"].params.model_validate({"site": "a", "sql": "select 1"})
    with pytest.raises(ValidationError, match="must be secret:NAME"):
        registry()["verify.sql"].params.model_validate({"dsn": "host=x password=y", "sql": "select 1", "rows": 1})


# ------------------------------------------------------------ rows


def test_rows_taken_before_are_compared_after() -> None:
    counted = Counted(10, "99", "mysql")
    before = run("verify.rows", over(databases=FakeDatabases(counted)), site="primary", tables=["orders"])

    after = run("verify.rows", over(databases=FakeDatabases(counted)), site="standby", tables=["orders"], equal=before["tables"])

    assert after["tables"] == {"orders": {"rows": 10, "sum": "99", "engine": "mysql"}}


def test_sums_of_two_engines_are_not_compared_but_counts_are() -> None:
    before = {"orders": {"rows": 10, "sum": "99", "engine": "postgresql"}}
    there = over(databases=FakeDatabases(Counted(10, "99", "mysql")))

    with pytest.raises(Fatal, match="counted by postgresql and now by mysql") as refused:
        run("verify.rows", there, site="standby", tables=["orders"], equal=before)

    assert refused.value.code == "A290"
    assert run("verify.rows", there, site="standby", tables=["orders"], at_least=before)["looks"] == 1


@pytest.mark.parametrize(
    ("now", "compare", "words"),
    [
        ((9, "98"), "equal", "orders has 9 rows, not 10"),
        ((10, "98"), "equal", "orders has 10 rows with other contents"),
        ((9, "98"), "at_least", "orders has 9 rows, less than 10"),
    ],
)
def test_lost_or_altered_rows_fail(now: tuple[int, str], compare: str, words: str) -> None:
    before = {"orders": {"rows": 10, "sum": "99"}}

    with pytest.raises(Retryable, match=words):
        run("verify.rows", over(databases=FakeDatabases(Counted(*now, "mysql"))), site="standby", tables=["orders"], **{compare: before})


def test_a_table_is_a_name_and_nothing_more() -> None:
    for name in ("orders; drop table x", 'a"b', "a.b.c", ""):
        with pytest.raises(ValidationError):
            registry()["verify.rows"].params.model_validate({"site": "a", "tables": [name]})


# ------------------------------------------------------------ replication


def replicate(state: StandbyState, **params: Any) -> dict[str, Any]:
    databases = FakeDatabases(state)
    return run("verify.replication", over(databases=databases), site="standby", **{"until": "0s", **params})


def test_a_streaming_standby_close_behind_is_well() -> None:
    outputs = replicate(StandbyState(True, True, 0.2, lag_bytes=256), **{"from": "primary"})

    assert (outputs["lag_bytes"], outputs["lag_transactions"], outputs["lag_s"]) == (256, None, 0.2)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (StandbyState(False, False, None), "it takes writes"),
        (StandbyState(True, False, 0.0, why="no way there"), "does not stream from the primary: no way there"),
        (StandbyState(True, True, 9.5, lag_bytes=0), "9s500ms behind, more than 5s"),
        (StandbyState(True, True, 0.0, lag_bytes=16384), "lacks 16384 bytes, more than 1000"),
        (StandbyState(True, True, 0.0, lag_transactions=11), "lacks 11 transactions, more than 10"),
        (StandbyState(True, True, 0.0), "not known how far"),
    ],
)
def test_a_standby_that_is_not_fit_fails(state: StandbyState, words: str) -> None:
    with pytest.raises(Retryable, match=words):
        replicate(state, **{"from": "primary", "max_lag_bytes": 1000, "max_lag_transactions": 10})


# ------------------------------------------------------------ kafka


def end(partition: int, offset: int, *, newest: float | None = None, committed: int | None = None, topic: str = "orders") -> PartitionEnd:
    return PartitionEnd(topic, partition, offset, newest, committed)


def kafka(ends: dict[str, list[PartitionEnd]], **params: Any) -> dict[str, Any]:
    world = over(queues=FakeQueues(ends))
    return run("verify.kafka", world, cluster={"bootstrap": "a:9092"}, topics=["orders"], **{"until": "0s", **params})


def test_a_group_that_has_read_enough_is_well() -> None:
    assert kafka({"a:9092": [end(0, 10, committed=9), end(1, 0)]}, group="shop", max_lag=1)["lag"] == 1


def test_a_group_that_lags_or_never_read_fails() -> None:
    with pytest.raises(Retryable, match="4 records are unread, more than 1"):
        kafka({"a:9092": [end(0, 10, committed=6)]}, group="shop", max_lag=1)
    with pytest.raises(Retryable, match="has never read orders/0"):
        kafka({"a:9092": [end(0, 10)]}, group="shop", max_lag=100)


def test_a_mirror_is_judged_by_its_newest_records() -> None:
    ends = {"a:9092": [end(0, 10, newest=100.0), end(1, 0)], "b:9092": [end(0, 7, newest=98.0, topic="a.orders"), end(1, 0)]}

    assert kafka(ends, mirror={"bootstrap": "b:9092"}, prefix="a.")["lag_s"] == 2.0
    with pytest.raises(Retryable, match="2s behind, more than 1s"):
        kafka(ends, mirror={"bootstrap": "b:9092"}, prefix="a.", max_lag_time="1s")
    with pytest.raises(Retryable, match="holds nothing of orders/0"):
        kafka(ends, mirror={"bootstrap": "b:9092"})


def test_either_a_group_or_a_mirror_is_named() -> None:
    with pytest.raises(ValidationError, match="exactly one"):
        registry()["verify.kafka"].params.model_validate({"cluster": {"bootstrap": "a"}, "topics": ["x"]})
