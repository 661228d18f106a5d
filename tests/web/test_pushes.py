"""The push address: what a carrier sends is stored before it hears so; garbage, strangers and attackers get nothing and break nothing."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drill.model.errors import JournalBroken
from drill.web import pushes, storing
from drill.web.pushes import LONGEST_BODY, MOST_ITEMS, TAKEN, read_push
from tests.web.served import PATH, Served, pushed, served, up


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as found:
        yield found


def test_an_answer_is_on_disk_when_the_carrier_hears_the_words_it_wants(web: Served) -> None:
    assert web.push(pushed(up("1 4821"), up("确认"))) == (200, '{"code":0,"msg":"接收成功"}'.encode())
    assert web.texts() == ["1 4821", "确认"]


def test_a_receipt_is_stored_too_whichever_of_the_paths_it_comes_to(web: Served) -> None:
    for path in (f"/sms/{PATH}", f"/sms/{PATH}/report", f"/sms/{PATH}/up"):
        row = {"phone_number": "13900000001", "success": True, "err_code": "DELIVERED", "out_id": f"d:{path}", "biz_id": "b"}
        assert web.push(pushed(row), path=path)[0] == 200

    found = [kept.message.receipt for kept in web.inbox.read("d", 10) if kept.message and kept.message.receipt]
    assert [receipt.state for receipt in found] == ["delivered"] * 3


def test_a_push_that_is_repeated_is_answered_alike_and_stored_once(web: Served) -> None:
    answers = {web.push(pushed(up("1 4821", sequence_id="7"))) for _ in range(5)}

    assert answers == {(200, TAKEN)}
    assert web.texts() == ["1 4821"]


GARBAGE = [
    "",
    "[]",
    "{}",
    "null",
    "7",
    '"x"',
    "[[[",
    "[" * 200_000,
    "{" * 1000,
    "[1, null, [], {}]",
    '[{"content": 1}]',
    "\ufeff[]",
    "1e999",
    "9" * 5000,
]


@pytest.mark.parametrize("body", [*GARBAGE, b"\xff\xfe\x00", b"\x00" * 100], ids=lambda body: repr(body[:12]))
def test_garbage_is_answered_as_the_console_wants_when_it_tries_the_address(web: Served, body: bytes | str) -> None:
    assert web.push(body) == (200, TAKEN)
    assert web.texts() == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.text() | st.floats(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(json.dumps)
)
def test_no_body_is_an_error_of_ours(web: Served, body: bytes | str) -> None:
    assert web.push(body)[0] in {200, 413}


def test_a_broken_item_does_not_cost_its_neighbours(web: Served) -> None:
    assert web.push(pushed({"content": "no number"}, up("1 4821"), {"phone_number": []}))[0] == 200
    assert web.texts() == ["1 4821"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/sms",
        "/sms/",
        "/sms/wrong/up",
        f"/sms/{PATH[:-1]}/up",
        f"/sms/{PATH}x/up",
        f"/sms/{PATH}/other",
        f"/sms/{PATH}/up/",
        "/sms/%FF%FE",
        "/admin",
    ],
)
def test_a_path_that_is_not_ours_is_not_found_and_its_answer_tells_nothing_more(web: Served, path: str) -> None:
    assert web.push(pushed(up("1")), path=path) == (404, b"not found\n")
    assert web.texts() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_the_right_path_with_another_method_looks_like_any_wrong_path(web: Served, method: str) -> None:
    right, wrong = web.push("", path=f"/sms/{PATH}/up", method=method), web.push("", path="/sms/wrong/up", method=method)

    assert right == wrong
    assert right[0] == 404


def test_every_known_path_is_compared_in_full_whatever_was_asked_for(monkeypatch: pytest.MonkeyPatch, web: Served) -> None:
    compared: list[tuple[int, int]] = []

    def compare(known: bytes, given_digest: bytes) -> bool:
        compared.append((len(known), len(given_digest)))
        return known == given_digest

    monkeypatch.setattr("drill.web.pushes.hmac.compare_digest", compare)
    for path in (PATH, "x", "y" * 2000):
        web.push("[]", path=f"/sms/{path}")

    assert compared == [(32, 32)] * 3


def test_a_giant_body_is_refused_without_being_read_declared_or_not(web: Served) -> None:
    assert web.push(b"x" * (LONGEST_BODY + 1))[0] == 413
    with web.socket() as caller:
        caller.sendall(f"POST /sms/{PATH}/up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        try:
            for _ in range(2000):
                caller.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        except ConnectionError:
            pass
        else:
            pytest.fail("128 MB were taken in")

    assert web.push(pushed(up("1")))[0] == 200


def test_more_items_than_any_carrier_sends_at_once_are_refused(web: Served) -> None:
    assert web.push(pushed(*[up(str(number)) for number in range(MOST_ITEMS)]))[0] == 200
    assert web.push(json.dumps([0] * (MOST_ITEMS + 1)))[0] == 413
    assert len(web.texts()) == MOST_ITEMS


def test_who_does_not_finish_their_headers_is_let_go_and_holds_nobody_up(web: Served) -> None:
    idle = [web.socket() for _ in range(50)]
    for caller in idle[:25]:
        caller.sendall(b"POST /sms/x HTTP/1.1\r\nHost: ")

    assert web.push(pushed(up("1 4821"))) == (200, TAKEN)
    assert [caller.recv(1) for caller in idle] == [b""] * 50
    for caller in idle:
        caller.close()


def test_dripping_headers_do_not_buy_more_time(web: Served) -> None:
    with web.socket() as caller:
        began_s = time.monotonic()
        caller.sendall(b"POST /sms/x HTTP/1.1\r\n")
        for number in range(300):
            try:
                caller.sendall(f"X-{number}: y\r\n".encode())
            except ConnectionError:
                break
            time.sleep(0.05)

    assert time.monotonic() - began_s < 10


def test_who_does_not_finish_their_body_hears_that_it_took_too_long(monkeypatch: pytest.MonkeyPatch, web: Served) -> None:
    monkeypatch.setattr(pushes, "BODY_WITHIN_S", 0.5)
    with web.socket() as caller:
        caller.sendall(f"POST /sms/{PATH}/up HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[".encode())

        assert b" 408 " in caller.recv(1000)


@pytest.mark.parametrize(
    "head", [b"\x00\x01\x02\r\n\r\n", b"POST\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"]
)
def test_what_is_no_http_is_refused(web: Served, head: bytes) -> None:
    with web.socket() as caller:
        caller.sendall(head)
        answer = caller.recv(1000)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert web.push(pushed(up("1")))[0] == 200


def test_a_caller_who_hangs_up_in_the_middle_breaks_nothing(web: Served) -> None:
    for _ in range(20):
        with web.socket() as caller:
            caller.sendall(f"POST /sms/{PATH}/up HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[".encode())
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    assert web.push(pushed(up("1"))) == (200, TAKEN)


def test_while_the_database_takes_nothing_the_carrier_is_asked_to_come_again_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, web: Served
) -> None:
    def broken(_rows: Any) -> int:
        raise JournalBroken("the disk is full.", code="J020")

    with monkeypatch.context() as patched:
        patched.setattr(web.keeper.inbox, "store_rows", broken)
        assert web.push(pushed(up("1 4821"))) == (503, b'{"code":1,"msg":"busy"}')
        assert web.push("", path="/healthz", method="GET")[0] == 503

    assert web.push(pushed(up("1 4821")))[0] == 200
    assert web.push("", path="/healthz", method="GET")[0] == 200
    assert web.texts() == ["1 4821"]


def test_a_bug_while_storing_does_not_end_the_storing(monkeypatch: pytest.MonkeyPatch, web: Served) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(web.keeper.inbox, "store_rows", lambda _rows: 1 / 0)
        assert web.push(pushed(up("1 4821")))[0] == 503

    assert web.push(pushed(up("1 4821")))[0] == 200


def test_a_slow_disk_is_answered_in_time_and_what_was_stored_late_is_not_stored_twice(monkeypatch: pytest.MonkeyPatch, web: Served) -> None:
    store, released = web.keeper.inbox.store_rows, threading.Event()

    def slow(rows: Any) -> int:
        released.wait(20)
        return store(rows)

    with monkeypatch.context() as patched:
        patched.setattr(web.keeper.inbox, "store_rows", slow)
        assert web.push(pushed(up("1 4821")))[0] == 503
        released.set()

    assert web.push(pushed(up("1 4821")))[0] == 200
    assert web.texts() == ["1 4821"]


def test_when_too_much_is_kept_the_carrier_is_asked_to_come_again(monkeypatch: pytest.MonkeyPatch, web: Served) -> None:
    monkeypatch.setattr(storing, "MOST_KEPT", 2)

    assert [web.push(pushed(up(str(number))))[0] for number in range(3)] == [200, 200, 503]


def test_pushes_that_come_together_share_transactions(web: Served) -> None:
    transactions, store = [], web.keeper.inbox.store_rows
    began = threading.Event()

    def counted(rows: Any) -> int:
        transactions.append(len(rows))
        if len(transactions) == 1:
            began.wait(0.3)  # while the first is written the others gather
        return store(rows)

    web.keeper.inbox.store_rows = counted  # type: ignore[method-assign]
    threads = [threading.Thread(target=web.push, args=(pushed(up(str(number))),)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(transactions) == len(web.texts()) == 40
    assert len(transactions) < 40


def test_neither_path_nor_number_nor_text_is_logged(web: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(web.keeper.inbox, "store_rows", lambda _rows: 1 / 0)
    web.push(pushed(up("1 482193")))
    web.push(b"x" * (LONGEST_BODY + 1))
    with web.socket() as caller:
        caller.sendall(f"POST /sms/{PATH} nonsense\r\n\r\n".encode())
        caller.recv(1000)

    assert not [word for word in (PATH, "13900000001", "482193") if word in caplog.text]


def test_health_is_told_to_anybody_and_tells_no_secret(web: Served) -> None:
    web.push(pushed(up("1")))

    status, body = web.push("", path="/healthz", method="GET")

    assert (status, json.loads(body)) == (200, {"ok": True, "trouble": "", "waiting": 0, "kept": 1})


def test_one_connection_carries_many_pushes(web: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=15)
    for number in range(20):
        connection.request("POST", f"/sms/{PATH}", pushed(up(str(number))))
        assert connection.getresponse().read() == TAKEN
    connection.close()

    assert len(web.texts()) == 20


def test_reading_a_push_keeps_the_order_of_its_items() -> None:
    assert [message.text for message in read_push(pushed(up("1"), {}, up("2"), up("3")).encode())] == ["1", "2", "3"]
