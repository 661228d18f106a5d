"""What every messenger and every reply source promises, the real ones and the fakes alike."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args

import boto3
import pytest
from moto import mock_aws

from drill.adapters.channels_robots import Kind as RobotKind
from drill.adapters.channels_robots import Robot, RobotMessenger
from drill.adapters.channels_routed import RoutedMessenger
from drill.adapters.channels_smtp import MailServer, SmtpMessenger
from drill.adapters.sms_aliyun import AliyunMessenger
from drill.adapters.sms_aliyun_global import AliyunGlobalMessenger
from drill.adapters.sms_aliyun_queue import AliyunReplySource
from drill.adapters.sms_aliyun_sdk import Account
from drill.adapters.sms_aws import AwsAccount, AwsMessenger, AwsSnsMessenger
from drill.adapters.sms_aws_replies import AwsReplySource
from drill.model.ports import Messenger, OutboundMessage, ReplySource
from tests.adapters.channel_servers import answering, mail_sink
from tests.carrier_running import running_carrier
from tests.fakes import FakeMessenger, FakeReplySource

NUMBER = "+8613900000001"
ABROAD = "+14155550101"


@dataclass(frozen=True)
class People:
    messenger: Messenger
    source: ReplySource
    answer: Callable[[str, str], object]


@pytest.fixture
def fake_people() -> People:
    source = FakeReplySource()
    return People(FakeMessenger(), source, source.put)


@pytest.fixture
def aliyun_people(tmp_path: Path) -> Iterator[People]:
    with running_carrier(tmp_path, options=("--receipt-after", "0")) as carrier:
        account = carrier.account
        at, key, proof = account["endpoint"], account["key_id"], account["key_secret"]
        messenger = AliyunMessenger(at, "http", key, proof, account["sign"], account["templates"])
        replies = AliyunReplySource(at, "http", key, proof, queue_endpoint=account["queue_endpoint"], queue=account["queue"])
        yield People(messenger, replies, carrier.phone.reply)


@pytest.fixture(params=["fake", "aliyun"])
def people(request: pytest.FixtureRequest) -> People:
    found: People = request.getfixturevalue(f"{request.param}_people")
    return found


@dataclass(frozen=True)
class Answering:
    """A reply source, and how a person answers from a number of theirs."""

    source: ReplySource
    answer: Callable[[str, str], object]
    number: str


@pytest.fixture(params=["fake", "aliyun", "aws"])
def answering_person(request: pytest.FixtureRequest) -> Iterator[Answering]:
    if request.param == "aws":
        with mock_aws():
            yield by_queue()
        return
    found: People = request.getfixturevalue(f"{request.param}_people")
    yield Answering(found.source, found.answer, NUMBER)


def by_queue() -> Answering:
    """As a two-way number publishes to a topic and a queue of ours gets it."""
    keys = {"region_name": "ap-southeast-1", "aws_access_key_id": "k", "aws_secret_access_key": "s"}
    sqs = boto3.client("sqs", **keys)
    url = sqs.create_queue(QueueName="answers", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    ids = itertools.count()

    def answer(number: str, words: str) -> None:
        said = {"originationNumber": number, "messageBody": words, "inboundMessageId": f"in-{next(ids)}"}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(said))

    return Answering(AwsReplySource(AwsAccount("ap-southeast-1", key_id="k", key_secret="s"), queue_url=url), answer, ABROAD)


@dataclass(frozen=True)
class Way:
    """One messenger, and whether it can look a send up that was not its own."""

    messenger: Messenger
    number: str
    channel: str
    traceable: bool = False


REAL = ["aliyun", "aliyun-global", "aws", "aws-sns", "smtp", *get_args(RobotKind), "routed"]


@pytest.fixture(params=["fake", *REAL])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    with ExitStack() as stack:
        yield way_of(request.param, stack, tmp_path)


def way_of(kind: str, stack: ExitStack, tmp_path: Path) -> Way:
    if kind in {"fake", "aliyun", "routed"}:
        return Way(FakeMessenger() if kind == "fake" else mainland(kind, stack, tmp_path), NUMBER, "sms", traceable=True)
    if kind in {"aws", "aws-sns", "aliyun-global"}:
        return Way(abroad(kind, stack), ABROAD, "sms")
    if kind == "smtp":
        port = stack.enter_context(mail_sink()).port
        return Way(SmtpMessenger(MailServer("127.0.0.1", port, "drill@example.com", tls="none")), "lead@example.com", "email")
    server = stack.enter_context(answering(b"ok" if kind == "slack" else {"errcode": 0}))
    return Way(RobotMessenger(Robot("chat", cast("RobotKind", kind), server.url)), "", "chat")


def mainland(kind: str, stack: ExitStack, tmp_path: Path) -> Messenger:
    account = stack.enter_context(running_carrier(tmp_path, options=("--receipt-after", "0"))).account
    key, proof = account["key_id"], account["key_secret"]
    domestic = AliyunMessenger(account["endpoint"], "http", key, proof, account["sign"], account["templates"])
    return RoutedMessenger({"aliyun": domestic}) if kind == "routed" else domestic


def abroad(kind: str, stack: ExitStack) -> Messenger:
    if kind == "aws-sns":
        stack.enter_context(mock_aws())
        return AwsSnsMessenger(AwsAccount("ap-southeast-1", key_id="k", key_secret="s"))
    server = stack.enter_context(answering({"MessageId": "m-1", "ResponseCode": "OK"}))
    if kind == "aws":
        return AwsMessenger(AwsAccount("ap-southeast-1", server.url, "k", "s"))
    return AliyunGlobalMessenger(Account(server.url, "http", "k", "s"))


def test_every_messenger_takes_a_text_once_and_knows_nothing_of_others(way: Way) -> None:
    message = replace(text("d-1:status/go:lead:x:0"), address=way.number)
    other = replace(message, id="d-1:status/go:lead:x:1")
    before = way.messenger.look_up(message)

    result = way.messenger.send(message)

    assert (result.state, way.messenger.channel) == ("accepted", way.channel), result
    assert before == "unknown"
    assert way.messenger.look_up(other) == "unknown"
    assert result.traceable == way.traceable
    assert result.provider
    assert way.number not in result.detail or not way.number


def test_no_messenger_lets_a_number_or_a_code_into_a_log(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    variables = {"drill": "d", "phase": "p", "state": "s", "within": "5m", "code": "739154"}
    message = replace(text("d-1:gate/go:lead:x:0"), address=way.number, purpose="gate", variables=variables)
    caplog.set_level(logging.DEBUG)

    way.messenger.send(message)
    way.messenger.look_up(message)

    logged = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "739154" not in logged
    assert not way.number or way.number.removeprefix("+86").removeprefix("+") not in logged


@pytest.mark.parametrize("way", REAL, indirect=True)
def test_every_real_messenger_refuses_what_it_cannot_say(way: Way) -> None:
    message = replace(text("d-1:status/go:lead:x:2"), address=way.number, variables={"drill": "d" * 80})

    result = way.messenger.send(message)

    assert result.state == "rejected"


def text(message_id: str) -> OutboundMessage:
    return OutboundMessage(message_id, "lead", NUMBER, "en", "status", {"drill": "d", "phase": "p", "state": "s", "took": "3s"})


def test_a_text_is_unknown_before_it_is_sent_and_known_after(people: People) -> None:
    before = people.messenger.look_up(text("m-1"))

    result = people.messenger.send(text("m-1"))

    assert before == "unknown"
    assert (result.state, people.messenger.channel) == ("accepted", "sms")
    assert people.messenger.look_up(text("m-1")) in {"accepted", "delivered"}
    assert people.messenger.look_up(text("m-2")) == "unknown"


def test_an_answer_comes_once_it_is_given_and_stays_away_once_it_is_done(answering_person: Answering) -> None:
    person, source = answering_person, answering_person.source
    nothing = source.receive(0)
    person.answer(person.number, "1 4821")

    [message] = source.receive(2)
    source.done(message)

    assert nothing == []
    assert (message.address, message.text) == (person.number, "1 4821")
    assert message.sent_at is not None
    assert source.receive(0) == []


def test_every_answer_has_an_id_of_its_own(answering_person: Answering) -> None:
    person = answering_person
    for words in ("1 4821", "2 4821"):
        person.answer(person.number, words)

    ids: dict[str, str] = {}
    for _ in range(20):
        ids |= {message.text: message.id for message in person.source.receive(1)}
        if len(ids) == 2:
            break

    assert sorted(ids) == ["1 4821", "2 4821"]
    assert len({*ids.values()}) == 2


def test_what_a_message_shows_of_itself_holds_no_number_and_no_text(answering_person: Answering) -> None:
    answering_person.answer(answering_person.number, "1 4821")

    [message] = answering_person.source.receive(2)

    assert answering_person.number.removeprefix("+") not in repr(message)
    assert "13900000001" not in repr(message) + repr(text("m-3"))
    assert "4821" not in repr(message)
