"""Garbage, strangers and attackers at the push address get nothing, hold nobody up and break nothing."""

from __future__ import annotations

import json
import logging
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drill.web import pushes
from drill.web.pushes import LONGEST_BODY, MOST_ITEMS, TAKEN
from tests.web.served import PATH, Served, pushed, up

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


def test_neither_path_nor_number_nor_text_is_logged(web: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(web.keeper.inbox, "store_rows", lambda _rows: 1 / 0)
    web.push(pushed(up("1 482193")))
    web.push(b"x" * (LONGEST_BODY + 1))
    with web.socket() as caller:
        caller.sendall(f"POST /sms/{PATH} nonsense\r\n\r\n".encode())
        caller.recv(1000)

    assert not [word for word in (PATH, "13900000001", "482193") if word in caplog.text]
