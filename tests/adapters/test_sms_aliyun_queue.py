"""Answers through the vendor's real queue clients, from the carrier process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drill.adapters.sms_aliyun_queue import AliyunReplySource
from drill.model.errors import PreflightFailed, Retryable
from drill.model.ports import InboundMessage
from tests.carrier_running import RunningCarrier, running_carrier

NUMBER = "+8613900000001"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCarrier]:
    with running_carrier(tmp_path_factory.mktemp("carrier")) as carrier:
        yield carrier


@pytest.fixture
def carrier(serving: RunningCarrier) -> Iterator[RunningCarrier]:
    yield serving
    serving.phone.clear_faults()
    source = source_of(serving)
    for message in source.receive(0):
        source.done(message)


def source_of(carrier: RunningCarrier, *, secret: str = "", queue: str = "", endpoint: str = "") -> AliyunReplySource:
    account = carrier.account
    return AliyunReplySource(
        account["endpoint"],
        "http",
        account["key_id"],
        secret or account["key_secret"],
        queue_endpoint=endpoint or account["queue_endpoint"],
        queue=queue or account["queue"],
    )


def receive_one(source: AliyunReplySource) -> InboundMessage:
    [message] = source.receive(5)
    return message


def test_an_answer_arrives_with_number_text_and_utc_time(carrier: RunningCarrier) -> None:
    carrier.phone.reply("139 0000 0001", "１ 4821 谢谢👍")

    message = receive_one(source_of(carrier))

    assert (message.address, message.text) == (NUMBER, "１ 4821 谢谢👍")
    assert message.sent_at is not None
    assert abs(datetime.now(UTC) - message.sent_at) < timedelta(seconds=5)


def test_a_long_poll_returns_as_soon_as_an_answer_is_there_and_empty_when_none_comes(carrier: RunningCarrier) -> None:
    source = source_of(carrier)
    source.warm()

    started = time.monotonic()
    nothing = source.receive(1)
    waited = time.monotonic() - started
    carrier.phone.order_fault("Reply", "delay", seconds=0.3)
    carrier.phone.reply(NUMBER, "1")
    message = receive_one(source)

    assert nothing == []
    assert 0.9 < waited < 3
    assert message.text == "1"
    assert time.monotonic() - started - waited < 3


def test_an_answer_that_is_done_never_comes_back_and_done_is_repeatable(carrier: RunningCarrier) -> None:
    carrier.phone.reply(NUMBER, "1 4821")
    source = source_of(carrier)
    message = receive_one(source)

    source.done(message)
    source.done(message)

    assert source.receive(0) == []


def test_a_repeated_delivery_has_the_same_id(carrier: RunningCarrier) -> None:
    carrier.phone.order_fault("Reply", "duplicate")
    carrier.phone.reply(NUMBER, "1 4821")
    source = source_of(carrier)

    first = receive_one(source)
    source.done(first)
    second = receive_one(source)
    source.done(second)

    assert first.id == second.id
    assert first.handle != second.handle
    assert source.receive(0) == []


def test_two_answers_of_one_person_are_two_messages(carrier: RunningCarrier) -> None:
    carrier.phone.reply(NUMBER, "1 4821")
    carrier.phone.reply(NUMBER, "1 4821")

    messages = source_of(carrier).receive(2)

    assert len({message.id for message in messages}) == 2


def test_a_lost_answer_never_arrives(carrier: RunningCarrier) -> None:
    carrier.phone.order_fault("Reply", "drop")

    carrier.phone.reply(NUMBER, "1 4821")

    assert source_of(carrier).receive(0) == []


def test_keys_that_end_are_renewed_without_losing_an_answer(tmp_path: Path) -> None:
    with running_carrier(tmp_path, options=("--token-life", "1")) as carrier:
        source = source_of(carrier)
        assert source.receive(0) == []
        time.sleep(1.1)

        carrier.phone.reply(NUMBER, "1 4821")

        assert receive_one(source).text == "1 4821"


def test_keys_revoked_early_are_fetched_anew(carrier: RunningCarrier) -> None:
    source = source_of(carrier)
    source.warm()
    carrier.phone.order_fault("Receive", "error", status=403, code="AccessDenied")

    assert source.receive(0) == []


@pytest.mark.parametrize("fault", [{"fault": "error", "status": 500}, {"fault": "garbage"}, {"fault": "hang", "seconds": 0.0}])
def test_a_broken_answer_is_retryable_and_the_next_call_works(carrier: RunningCarrier, fault: dict[str, object]) -> None:
    source = source_of(carrier)
    source.warm()
    carrier.phone.reply(NUMBER, "1 4821")
    carrier.phone.order_fault("Receive", **{**fault, "times": 2})  # type: ignore[arg-type]

    with pytest.raises(Retryable, match="does not answer") as caught:
        source.receive(0)
    carrier.phone.clear_faults()

    assert caught.value.code == "A150"
    assert "4821" not in str(caught.value)


def test_a_wrong_secret_or_queue_or_address_is_said_before_the_drill(carrier: RunningCarrier) -> None:
    with pytest.raises(PreflightFailed, match="cannot be opened"):
        source_of(carrier, secret="wrong").warm()
    with pytest.raises(PreflightFailed, match=r"isv\.QUEUE_NOT_EXIST"):
        source_of(carrier, queue="Alicom-Queue-1-SmsUp").warm()
    with pytest.raises(Retryable):
        source_of(carrier, endpoint="http://127.0.0.1:9").receive(0)


def test_the_phone_answers_a_gate_text_by_itself_and_the_answer_comes_through_the_queue(tmp_path: Path) -> None:
    from tests.adapters.test_sms_aliyun import gate, messenger_of

    with running_carrier(tmp_path, mode="auto", options=("--answer-after", "0.2")) as carrier:
        messenger_of(carrier).send(gate("m-auto"))
        source = source_of(carrier)

        message = receive_one(source)

        assert (message.address, message.text) == (NUMBER, "1 4821")
        assert [answer["automatic"] for answer in carrier.phone.answers()] == [True]


def test_an_answer_that_comes_just_after_a_receiver_was_killed_reaches_the_next_one(carrier: RunningCarrier) -> None:
    account = carrier.account
    receiver = (
        "from drill.adapters.sms_aliyun_queue import AliyunReplySource as S;"
        f"s = S({account['endpoint']!r}, 'http', {account['key_id']!r}, input(),"
        f" queue_endpoint={account['queue_endpoint']!r}, queue={account['queue']!r}); s.warm(); print('ready', flush=True); s.receive(20)"
    )
    process = subprocess.Popen([sys.executable, "-c", receiver], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{account['key_secret']}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)

    process.kill()
    process.communicate()
    carrier.phone.reply(NUMBER, "1 4821")

    assert receive_one(source_of(carrier)).text == "1 4821"
