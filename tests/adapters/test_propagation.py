"""The watcher against real name servers on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

from drill.adapters.propagation import DnsPropagation
from drill.model.ports import RecordSet
from drill.model.propagation import Agreement, PropagationResult, ServerAnswers
from drill.sandbox.route53_answers import Reply
from tests.sandbox.name_server import Script, a_record, running_name_servers

BEFORE = RecordSet("shop.drill.test", "A", 1, ("127.0.1.1",))
AFTER = RecordSet("shop.drill.test", "A", 1, ("127.0.2.1", "127.0.2.2"))
OLD, NEW, REVERSED = a_record("127.0.1.1"), a_record("127.0.2.1", "127.0.2.2"), a_record("127.0.2.2", "127.0.2.1")


def watch(
    *scripts: Script,
    need: int = 3,
    within_s: float = 5.0,
    stopping: Callable[[], bool] = lambda: False,
    on_change: Callable[[ServerAnswers], None] = lambda _: None,
) -> PropagationResult:
    with running_name_servers(scripts) as servers:
        agreement = Agreement(need=need, every_s=0.02, within_s=within_s)
        return DnsPropagation().watch(servers, AFTER, BEFORE, agreement=agreement, stopping=stopping, on_change=on_change)


def test_servers_that_agree_in_any_order_of_values_settle() -> None:
    result = watch(Script(NEW, REVERSED, NEW), Script(NEW))

    assert result.settled
    assert all(row.in_a_row >= 3 and row.flips == 0 for row in result.servers)


def test_a_server_that_lags_is_waited_for_and_its_turn_is_bracketed() -> None:
    result = watch(Script(NEW), Script(OLD, OLD, OLD, OLD, NEW))

    quick, slow = result.servers
    assert result.settled
    assert quick.last_old_s is None
    assert slow.last_old_s is not None
    assert slow.first_new_s is not None
    assert 0 < slow.last_old_s < slow.first_new_s
    assert slow.settled_s == result.settled_s


def test_a_server_that_goes_back_starts_again_and_the_flip_is_counted() -> None:
    result = watch(Script(NEW, NEW, OLD, NEW))

    assert result.settled
    assert result.servers[0].flips == 1


def test_a_deadline_ends_the_watch_with_what_was_seen() -> None:
    started_s = time.monotonic()

    result = watch(Script(NEW), Script(OLD), within_s=0.3)

    assert not result.settled
    assert [row.state for row in result.servers] == ["new", "old"]
    assert time.monotonic() - started_s < 3.0


def test_a_stop_ends_the_watch_at_once() -> None:
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    started_s = time.monotonic()

    result = watch(Script(OLD), stopping=stop.is_set, within_s=60.0)

    assert not result.settled
    assert time.monotonic() - started_s < 3.0


def test_a_server_that_refuses_is_silent_with_its_reason() -> None:
    result = watch(Script(Reply("REFUSED")), within_s=0.2)

    assert (result.servers[0].state, result.servers[0].error) == ("silent", "refused")


def test_a_name_that_is_gone_counts_against_the_change() -> None:
    result = watch(Script(NEW, Reply("NXDOMAIN"), NEW), need=2)

    assert result.settled
    assert result.servers[0].flips == 1


def test_a_port_where_nobody_listens_is_silent_and_blocks_the_verdict() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    agreement = Agreement(need=1, every_s=0.02, within_s=0.2)

    result = DnsPropagation().watch(
        [("127.0.0.1", port)], AFTER, BEFORE, agreement=agreement, stopping=lambda: False, on_change=lambda _: None
    )

    assert not result.settled
    assert result.servers[0].unanswered > 0
    assert result.servers[0].error


def test_an_answer_too_big_for_a_datagram_is_fetched_over_tcp() -> None:
    many = tuple(f"127.1.{high}.{low}" for high in range(4) for low in range(50))
    after = RecordSet("shop.drill.test", "A", 1, many)
    script = Script(a_record(*many))
    with running_name_servers([script]) as servers:
        agreement = Agreement(need=1, every_s=0.02, within_s=5.0)
        result = DnsPropagation().watch(servers, after, BEFORE, agreement=agreement, stopping=lambda: False, on_change=lambda _: None)

    assert result.settled
    assert set(result.servers[0].values) == set(many)


def test_changes_are_told_in_the_callers_thread() -> None:
    told: list[tuple[str, bool]] = []
    caller = threading.get_ident()

    watch(Script(OLD, NEW), need=2, on_change=lambda row: told.append((row.state, threading.get_ident() == caller)))

    assert told == [("old", True), ("new", True), ("new", True)]


def test_a_cache_is_not_asked_again_before_its_old_answer_expires() -> None:
    cache = Script(a_record("127.0.1.1", ttl_s=1), NEW)
    with running_name_servers([Script(NEW), cache]) as (server, resolver):
        agreement = Agreement(need=2, every_s=0.02, within_s=10.0, caches=(resolver,))
        result = DnsPropagation().watch([server], AFTER, BEFORE, agreement=agreement, stopping=lambda: False, on_change=lambda _: None)

    row = result.servers[1]
    assert result.settled
    assert row.first_new_s is not None
    assert row.first_new_s > 0.8
    assert len(cache.asked) <= 6
