"""The push address: what a carrier sends is stored before it hears so, once, whatever the disk is like."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any

import pytest

from drill.model.errors import JournalBroken
from drill.web import storing
from drill.web.pushes import TAKEN, read_push
from tests.web.served import PATH, Served, pushed, up


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


def test_a_broken_item_does_not_cost_its_neighbours(web: Served) -> None:
    assert web.push(pushed({"content": "no number"}, up("1 4821"), {"phone_number": []}))[0] == 200
    assert web.texts() == ["1 4821"]


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
