"""What every messenger and every reply source promises, the real ones and the fakes alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drill.adapters.sms_aliyun import AliyunMessenger
from drill.adapters.sms_aliyun_queue import AliyunReplySource
from drill.model.ports import Messenger, OutboundMessage, ReplySource
from tests.carrier_running import running_carrier
from tests.fakes import FakeMessenger, FakeReplySource

NUMBER = "+8613900000001"


@dataclass(frozen=True)
class People:
    messenger: Messenger
    source: ReplySource
    answer: Callable[[str, str], object]


@pytest.fixture(params=["fake", "aliyun"])
def people(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[People]:
    if request.param == "fake":
        source = FakeReplySource()
        yield People(FakeMessenger(), source, source.put)
        return
    with running_carrier(tmp_path, options=("--receipt-after", "0")) as carrier:
        account = carrier.account
        at, key, proof = account["endpoint"], account["key_id"], account["key_secret"]
        messenger = AliyunMessenger(at, "http", key, proof, account["sign"], account["templates"])
        replies = AliyunReplySource(at, "http", key, proof, queue_endpoint=account["queue_endpoint"], queue=account["queue"])
        yield People(messenger, replies, carrier.phone.reply)


def text(message_id: str) -> OutboundMessage:
    return OutboundMessage(message_id, "lead", NUMBER, "en", "status", {"drill": "d", "phase": "p", "state": "s", "took": "3s"})


def test_a_text_is_unknown_before_it_is_sent_and_known_after(people: People) -> None:
    before = people.messenger.look_up(text("m-1"))

    result = people.messenger.send(text("m-1"))

    assert before == "unknown"
    assert (result.state, people.messenger.channel) == ("accepted", "sms")
    assert people.messenger.look_up(text("m-1")) in {"accepted", "delivered"}
    assert people.messenger.look_up(text("m-2")) == "unknown"


def test_an_answer_comes_once_it_is_given_and_stays_away_once_it_is_done(people: People) -> None:
    nothing = people.source.receive(0)
    people.answer(NUMBER, "1 4821")

    [message] = people.source.receive(2)
    people.source.done(message)

    assert nothing == []
    assert (message.address, message.text) == (NUMBER, "1 4821")
    assert message.sent_at is not None
    assert people.source.receive(0) == []


def test_what_a_message_shows_of_itself_holds_no_number_and_no_text(people: People) -> None:
    people.answer(NUMBER, "1 4821")

    [message] = people.source.receive(2)

    assert "13900000001" not in repr(message) + repr(text("m-3"))
    assert "4821" not in repr(message)
