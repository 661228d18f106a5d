"""The canary against a real pair of servers: what is acknowledged is there, and a frozen primary holds nothing up."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from drill.adapters.canary_connection import ConnectionBroken, open_any
from drill.adapters.canary_postgres import PostgresCanary, found_ranges
from drill.model.errors import PreflightFailed, Retryable
from tests.adapters import pg_control
from tests.adapters.pg_pair import Pair, Server, binaries, copy_pair, free_port, make_template


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    root = make_template(binaries()[-1])
    yield root
    shutil.rmtree(root)


@contextmanager
def running_pair(template: Path) -> Iterator[Pair]:
    servers = copy_pair(template, binaries()[-1])
    try:
        servers.start()
        servers.a.sql("drop table if exists canary")  # the template's own is another one
        yield servers
    finally:
        servers.end()


@pytest.fixture(scope="module")
def pair(template: Path) -> Iterator[Pair]:
    """One pair for the tests that leave it as it was; each has its own drill."""
    with running_pair(template) as servers:
        yield servers


def multi_host(pair: Pair) -> str:
    return f"host=127.0.0.1,127.0.0.1 port={pair.a.port},{pair.b.port} user=drill dbname=postgres target_session_attrs=read-write"


def freeze(server: Server) -> None:
    postmaster = pg_control.postmaster(server.data)
    assert postmaster is not None
    for process in [postmaster, *postmaster.children(recursive=True)]:
        process.send_signal(signal.SIGSTOP)


def thaw(server: Server) -> None:
    postmaster = pg_control.postmaster(server.data)
    assert postmaster is not None
    for process in [postmaster, *postmaster.children(recursive=True)]:
        process.send_signal(signal.SIGCONT)


def write(canary: PostgresCanary, row: int, within_s: float = 0.3) -> bool:
    return canary.write(row, connect_within_s=0.2, answer_within_s=within_s) is not None


def write_until_acknowledged(canary: PostgresCanary, row: int, limit_s: float = 5.0) -> int:
    """The first row that is acknowledged."""
    until_s = time.monotonic() + limit_s
    while not write(canary, row):
        assert time.monotonic() < until_s, canary.last_error
        row += 1
    return row


def test_rows_that_were_acknowledged_are_found_as_ranges_on_both_sites(pair: Pair) -> None:
    canary = PostgresCanary(multi_host(pair), "ranges")
    first = write_until_acknowledged(canary, 1)
    times = [canary.write(row, connect_within_s=0.2, answer_within_s=1.0) for row in [first + 1, first + 2, first + 10, first + 11]]
    canary.close()

    assert all(acked is not None and acked[0] < acked[1] for acked in times)
    expected = [[first, first + 2], [first + 10, first + 11]]
    assert found_ranges(pair.a.conninfo, "ranges", first + 20) == expected
    assert found_ranges(pair.a.conninfo, "ranges", first + 10) == [[first, first + 2], [first + 10, first + 10]]
    assert found_ranges(pair.a.conninfo, "another drill", 100) == []
    until_s = time.monotonic() + 5
    while found_ranges(pair.b.conninfo, "ranges", first + 20) != expected:
        assert time.monotonic() < until_s


def test_of_several_hosts_the_one_that_takes_writes_is_read(pair: Pair) -> None:
    canary = PostgresCanary(multi_host(pair), "several")
    first = write_until_acknowledged(canary, 1)
    canary.close()

    assert found_ranges(multi_host(pair), "several", first, writable=True) == [[first, first]]
    with pytest.raises(Retryable):
        found_ranges(pair.b.conninfo, "several", first, writable=True, within_s=0.3)


def test_a_site_without_the_table_holds_no_rows(pair: Pair) -> None:
    elsewhere = pair.a.conninfo.replace("dbname=postgres", "dbname=template1")

    assert found_ranges(elsewhere, "none", 100) == []


def test_a_frozen_primary_costs_one_deadline_and_rows_go_on_where_the_standby_was_promoted(template: Path) -> None:
    with running_pair(template) as pair:
        canary = PostgresCanary(multi_host(pair), "frozen")
        first = write_until_acknowledged(canary, 1)
        freeze(pair.a)
        start_s = time.monotonic()
        frozen_row = write(canary, first + 1, within_s=1.0)
        frozen_took_s = time.monotonic() - start_s
        without_primary = [write(canary, first + 2), write(canary, first + 3)]
        pg_control.tool(pair.b.bin_dir, "pg_ctl", "-D", str(pair.b.data), "promote", "-w")
        promoted_s = time.monotonic()
        after = write_until_acknowledged(canary, first + 10)
        resumed_s = time.monotonic() - promoted_s
        canary.close()
        found = found_ranges(pair.b.conninfo, "frozen", after)

    assert (frozen_row, without_primary) == (False, [False, False])
    assert frozen_took_s < 2.0
    assert resumed_s < 5.0
    assert found == [[first, first], [after, after]]


def test_reading_back_from_a_frozen_site_fails_in_time_instead_of_hanging(pair: Pair) -> None:
    freeze(pair.a)
    start_s = time.monotonic()
    try:
        with pytest.raises(Retryable) as failed:
            found_ranges(pair.a.conninfo, "reading", 100, within_s=0.3)
    finally:
        thaw(pair.a)

    assert failed.value.code == "A163"
    assert time.monotonic() - start_s < 5.0


def test_a_restart_of_the_only_server_loses_a_few_rows_and_no_acknowledged_one(pair: Pair) -> None:
    canary = PostgresCanary(pair.a.conninfo, "restart")
    first = write_until_acknowledged(canary, 1)
    pair.a.do("stop")
    lost = write(canary, first + 1)
    pair.a.do("start")
    after = write_until_acknowledged(canary, first + 2)
    canary.close()

    assert not lost
    assert found_ranges(pair.a.conninfo, "restart", after) == [[first, first], [after, after]]


def test_a_server_that_refuses_is_told_without_the_password_and_within_the_limit() -> None:
    canary = PostgresCanary(f"host=127.0.0.1 port={free_port()} user=drill password=geheim dbname=postgres", "refused")
    start_s = time.monotonic()

    acknowledged = write(canary, 1)
    took_s = time.monotonic() - start_s
    canary.close()

    assert not acknowledged
    assert took_s < 3.0
    assert "refused" in canary.last_error
    assert "geheim" not in canary.last_error


def test_who_does_not_insist_hears_a_refusal_at_once() -> None:
    begun_s = time.monotonic()

    with pytest.raises(ConnectionBroken, match="refused"):
        open_any(f"host=127.0.0.1,127.0.0.2 port={free_port()} user=drill", until_s=begun_s + 60, insist=False)

    assert time.monotonic() - begun_s < 30


def test_no_connection_is_left_open_after_close(pair: Pair) -> None:
    before = len(psutil.Process().net_connections())
    canary = PostgresCanary(multi_host(pair), "closed")
    write_until_acknowledged(canary, 1)

    canary.close()

    assert len(psutil.Process().net_connections()) == before


def test_a_connection_string_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(PreflightFailed) as refused:
        PostgresCanary("host=127.0.0.1 password=hush-51c7 hush-51c7", "d-1")

    assert refused.value.code == "F067"
    assert "hush" not in str(refused.value)
    assert refused.value.__suppress_context__  # the driver's own words quote it
