"""The virtual carrier hands answers and receipts over as the customer has set it: by queue, by push, or both."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from drill.model.errors import UsageError
from drill.sandbox import carrier_push
from drill.sandbox.carrier_api import receipt_of
from drill.sandbox.carrier_ledger import Text
from drill.sandbox.carrier_push import Delivery, Inbound, inbound_of
from drill.sandbox.carrier_queue import Queue
from tests.carrier_running import running_carrier
from tests.e2e.place import eventually

NUMBER = "13900000001"
TAKEN = (200, '{"code":0,"msg":"接收成功"}')


@dataclass
class Customer:
    """An address that pushes go to; `answers` are given one after the other, the last one for ever."""

    url: str = ""
    items: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=lambda: [TAKEN])


@pytest.fixture
def customer() -> Iterator[Customer]:
    found = Customer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.items += json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, text = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/sms/secret"
    yield found
    server.shutdown()
    server.server_close()


@contextmanager
def delivery(folder: Path) -> Iterator[tuple[Delivery, Queue, Queue]]:
    replies, receipts = Queue(), Queue()
    found = Delivery(folder, replies, receipts)
    try:
        yield found, replies, receipts
    finally:
        found.close()


@pytest.mark.parametrize(("way", "queued", "pushed"), [("queue", 1, 0), ("push", 0, 1), ("both", 1, 1)])
def test_an_answer_goes_the_ways_that_were_set(tmp_path: Path, customer: Customer, way: str, queued: int, pushed: int) -> None:
    with delivery(tmp_path) as (carrier, replies, _):
        carrier.set(Inbound(way, "none", customer.url))
        message = carrier.reply({"content": "1"})

        assert eventually(lambda: len(customer.items) == pushed)
        assert len(replies.receive(16, 0)) == queued
        assert bool(message) is bool(queued)


@pytest.mark.parametrize("refusal", [(503, '{"code":1}'), (200, "welcome"), (404, "not found"), (200, "")])
def test_a_push_that_is_not_taken_in_the_vendors_words_comes_again(
    tmp_path: Path, customer: Customer, refusal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier_push, "AGAIN_AFTER_S", (0.05, 0.05, 0.05))
    customer.answers = [refusal, refusal, TAKEN]
    with delivery(tmp_path) as (carrier, _, _receipts):
        carrier.set(Inbound("push", "none", customer.url))
        carrier.reply({"content": "1"})

        assert eventually(lambda: len(customer.items) == 3)


def test_a_push_that_nobody_ever_takes_is_given_up(tmp_path: Path, customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_push, "AGAIN_AFTER_S", (0.05, 0.05, 0.05))
    customer.answers = [(503, "")]
    with delivery(tmp_path) as (carrier, _, _receipts):
        carrier.set(Inbound("push", "none", customer.url))
        carrier.reply({"content": "1"})

        assert eventually(lambda: carrier.given_up == 1)
        assert len(customer.items) == 4


def test_what_was_set_is_remembered_over_a_restart(tmp_path: Path, customer: Customer) -> None:
    with delivery(tmp_path) as (carrier, _, _receipts):
        carrier.set(Inbound("push", "push", customer.url))
    with delivery(tmp_path) as (carrier, _, _receipts):
        carrier.receipt({"out_id": "m"})

        assert eventually(lambda: customer.items == [{"out_id": "m"}])


@pytest.mark.parametrize(
    "wish",
    [
        {"replies": "pigeon"},
        {"replies": "none"},
        {"replies": "push"},
        {"replies": "push", "url": "http://192.0.2.1:80/x"},
        {"replies": "push", "url": "https://127.0.0.1:443/x"},
        {"receipts": "push"},
        {"receipts": 1},
        {"colour": "red"},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|replies|pushes"):
        inbound_of(wish)


def test_the_real_carrier_pushes_what_the_phone_answers_and_its_phone_refuses_an_odd_setting(tmp_path: Path, customer: Customer) -> None:
    with running_carrier(tmp_path) as carrier:
        carrier.phone.set_inbound(replies="push", receipts="push", url=customer.url)
        carrier.phone.reply(NUMBER, "1 4821")

        assert eventually(lambda: bool(customer.items))
        with pytest.raises(UsageError):
            carrier.phone.set_inbound(replies="pigeon")

    (item,) = customer.items
    assert (item["phone_number"], item["content"]) == (NUMBER, "1 4821")
    assert set(item) == {"phone_number", "content", "send_time", "dest_code", "sequence_id"}


def test_a_receipt_says_what_became_of_the_text() -> None:
    arrived = receipt_of(Text(NUMBER, "x", "T", "out-1", "biz^0", 1_700_000_000.0), 0.3)
    failed = receipt_of(Text(NUMBER, "x", "T", "out-2", "biz^1", 1_700_000_000.0, failure="USER_REJECT"), 0.3)

    assert (arrived["success"], arrived["err_code"], arrived["out_id"]) == (True, "DELIVERED", "out-1")
    assert (failed["success"], failed["err_code"], failed["out_id"]) == (False, "USER_REJECT", "out-2")
