"""The canary against a real pair of MariaDB servers: what is acknowledged is there, and a frozen primary holds nothing up."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from drill.adapters.canary_mysql import MysqlCanary, found_ranges, found_where_written
from drill.model.errors import PreflightFailed, Retryable
from drill.model.ports import DatabaseAccess
from tests.adapters import my_control
from tests.adapters.my_pair import MyPair, MyServer, make_template, start_pair, wait_applied
from tests.adapters.pg_pair import free_port

pytestmark = pytest.mark.xdist_group("mysql")


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    folder = make_template()
    yield folder
    shutil.rmtree(folder)


@contextmanager
def running_pair(template: Path) -> Iterator[MyPair]:
    servers = start_pair(template)
    try:
        servers.a.sql("drop table shop.canary")  # the pair's own is another one
        assert wait_applied(servers.a, servers.b)
        yield servers
    finally:
        servers.end()


@pytest.fixture(scope="module")
def pair(template: Path) -> Iterator[MyPair]:
    """One pair for the tests that leave it as it was; each has its own drill."""
    with running_pair(template) as servers:
        yield servers


def dsn(*servers: MyServer) -> str:
    return f"mysql://app@{','.join(f'127.0.0.1:{server.port}' for server in servers)}/shop"


def access(server: MyServer, dbname: str = "shop") -> DatabaseAccess:
    return DatabaseAccess("127.0.0.1", server.port, "root", dbname, Path("/"), engine="mysql")


@contextmanager
def frozen(server: MyServer) -> Iterator[None]:
    process = my_control.server(server.data)
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def write(canary: MysqlCanary, row: int, within_s: float = 1.0) -> bool:
    return canary.write(row, connect_within_s=0.2, answer_within_s=within_s) is not None


def write_until_acknowledged(canary: MysqlCanary, row: int, limit_s: float = 30.0) -> int:
    """The first row that is acknowledged."""
    until_s = time.monotonic() + limit_s
    while not write(canary, row):
        assert time.monotonic() < until_s, canary.last_error
        row += 1
    return row


def test_rows_that_were_acknowledged_are_found_as_ranges_on_both_sites(pair: MyPair) -> None:
    canary = MysqlCanary(dsn(pair.a, pair.b), "ranges")
    first = write_until_acknowledged(canary, 1)
    times = [canary.write(row, connect_within_s=0.2, answer_within_s=1.0) for row in [first + 1, first + 2, first + 10, first + 11]]
    canary.close()

    assert all(acked is not None and acked[0] < acked[1] for acked in times)
    expected = [[first, first + 2], [first + 10, first + 11]]
    assert found_ranges(access(pair.a), "ranges", first + 20) == expected
    assert found_ranges(access(pair.a), "ranges", first + 10) == [[first, first + 2], [first + 10, first + 10]]
    assert found_ranges(access(pair.a), "RANGES", 100) == []
    assert wait_applied(pair.a, pair.b)
    assert found_ranges(access(pair.b), "ranges", first + 20) == expected


def test_of_several_hosts_the_one_that_takes_writes_is_read(pair: MyPair) -> None:
    canary = MysqlCanary(dsn(pair.a, pair.b), "several")
    first = write_until_acknowledged(canary, 1)
    canary.close()

    assert found_where_written(dsn(pair.b, pair.a), "several", first) == [[first, first]]
    with pytest.raises(Retryable):
        found_where_written(dsn(pair.b), "several", first, within_s=0.3)


def test_a_row_written_twice_is_there_once(pair: MyPair) -> None:
    canary = MysqlCanary(dsn(pair.a), "twice")
    first = write_until_acknowledged(canary, 1)

    assert write(canary, first)
    canary.close()
    assert found_ranges(access(pair.a), "twice", 100) == [[first, first]]


def test_a_site_without_the_table_holds_no_rows(pair: MyPair) -> None:
    assert found_ranges(access(pair.a, "mysql"), "none", 100) == []


def test_a_frozen_primary_costs_one_deadline_and_rows_go_on_where_the_standby_was_promoted(template: Path) -> None:
    with running_pair(template) as pair:
        canary = MysqlCanary(dsn(pair.a, pair.b), "frozen")
        first = write_until_acknowledged(canary, 1)
        assert wait_applied(pair.a, pair.b)
        with frozen(pair.a):
            start_s = time.monotonic()
            frozen_row = write(canary, first + 1, within_s=0.3)
            frozen_took_s = time.monotonic() - start_s
            without_primary = [write(canary, first + 2), write(canary, first + 3)]
            pair.b.sql("stop slave; set global read_only = 0; reset slave all")
            after = write_until_acknowledged(canary, first + 10, limit_s=30)
            canary.close()
            found = found_ranges(access(pair.b), "frozen", after)

    assert (frozen_row, without_primary) == (False, [False, False])
    assert frozen_took_s < 10
    assert found == [[first, first], [after, after]]


def test_reading_back_from_a_frozen_site_fails_in_time_instead_of_hanging(pair: MyPair) -> None:
    with frozen(pair.a):
        start_s = time.monotonic()
        with pytest.raises(Retryable) as failed:
            found_ranges(access(pair.a), "reading", 100, within_s=0.3)
        took_s = time.monotonic() - start_s

    assert failed.value.code == "A163"
    assert took_s < 10


def test_a_primary_that_is_closed_in_the_middle_loses_a_few_rows_and_no_acknowledged_one(pair: MyPair) -> None:
    canary = MysqlCanary(dsn(pair.a), "closed")
    first = write_until_acknowledged(canary, 1)
    pair.a.sql("set global read_only = 1")
    lost = write(canary, first + 1)
    pair.a.sql("set global read_only = 0")
    after = write_until_acknowledged(canary, first + 2)
    canary.close()

    assert not lost
    assert found_ranges(access(pair.a), "closed", after) == [[first, first], [after, after]]


def test_a_server_that_refuses_is_told_without_the_password_and_within_the_limit() -> None:
    canary = MysqlCanary(f"mysql://drill:geheim@127.0.0.1:{free_port()}/shop", "refused")
    start_s = time.monotonic()

    acknowledged = write(canary, 1)
    took_s = time.monotonic() - start_s
    while "refused" not in canary.last_error and time.monotonic() < start_s + 10:
        write(canary, 2)  # on a busy machine a thread starts late
    canary.close()

    assert not acknowledged
    assert took_s < 10
    assert "refused" in canary.last_error
    assert "geheim" not in canary.last_error


def test_no_connection_and_no_thread_is_left_after_close(pair: MyPair) -> None:
    before = len(psutil.Process().net_connections())
    canary = MysqlCanary(dsn(pair.a, pair.b), "left")
    write_until_acknowledged(canary, 1)

    canary.close()

    until_s = time.monotonic() + 10
    while any(thread.name.startswith("canary") for thread in threading.enumerate()):
        assert time.monotonic() < until_s
        time.sleep(0.02)
    assert len(psutil.Process().net_connections()) == before


def test_a_host_that_refuses_is_waited_for_without_work() -> None:
    canary = MysqlCanary(f"mysql://drill@127.0.0.1:{free_port()}/shop", "idle")
    begun_s = time.thread_time()

    acknowledged = canary.write(1, connect_within_s=2.0, answer_within_s=1.0)

    canary.close()
    assert acknowledged is None
    assert time.thread_time() - begun_s < 0.3  # of 2 s


def test_a_connection_string_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(PreflightFailed) as refused:
        MysqlCanary("mysql://app:hush-51c7@host:hush-51c7/shop", "d-1")

    assert refused.value.code == "F067"
    assert "hush" not in str(refused.value)
    assert refused.value.__suppress_context__
