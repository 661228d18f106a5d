"""AWS: texts through the vendor's own client, answers through topic and queue, and never a text to mainland China."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from drill.adapters.sms_aws import AwsAccount, AwsMessenger, AwsSnsMessenger
from drill.adapters.sms_aws_replies import AwsReplySource, read_parcel
from drill.model.errors import PreflightFailed, Retryable
from drill.model.ports import OutboundMessage
from tests.adapters.channel_servers import Answers, answering, free_port

REGION = "ap-southeast-1"
ABROAD = "+14155550101"
KEYS = ("AKIDEXAMPLE", "secret")
STATUS = {"drill": "d", "phase": "p", "state": "s", "took": "3s"}
PAYLOAD = {
    "originationNumber": ABROAD,
    "destinationNumber": "+12125550101",
    "messageKeyword": "KEYWORD",
    "messageBody": "1 4821",
    "inboundMessageId": "cae173d2-66b9-564c-8309-21f858e9fb84",
}


def text(address: str = ABROAD, message_id: str = "d-1:status/go:lead:sms:0") -> OutboundMessage:
    return OutboundMessage(message_id, "lead", address, "en", "status", STATUS)


@pytest.fixture
def endpoint() -> Iterator[Answers]:
    with answering({"MessageId": "m-1"}) as server:
        yield server


def messaging(endpoint: Answers, *, read_timeout_s: float = 5.0) -> AwsMessenger:
    account = AwsAccount(REGION, endpoint.url, *KEYS, read_timeout_s=read_timeout_s)
    return AwsMessenger(account, origination="+12125550101")


@pytest.fixture
def cloud() -> Iterator[AwsAccount]:
    with mock_aws():
        yield AwsAccount(REGION, None, *KEYS)


def test_a_text_leaves_once_with_its_number_words_and_id(endpoint: Answers) -> None:
    result = messaging(endpoint).send(text())

    [asked] = endpoint.asked
    body = asked.json()
    assert (result.state, result.provider, result.provider_id) == ("accepted", "aws", "m-1")
    assert asked.headers["x-amz-target"] == "PinpointSMSVoiceV2.SendTextMessage"
    assert "Credential=AKIDEXAMPLE/" in asked.headers["authorization"]
    assert (body["DestinationPhoneNumber"], body["OriginationIdentity"]) == (ABROAD, "+12125550101")
    assert body["MessageBody"] == "Drill d: p s, time 3s. No answer asked."
    assert body["Context"] == {"drill-message": "d-1:status/go:lead:sms:0"}


@pytest.mark.parametrize("number", ["+8613900000001", "13900000001", "008613900000001", "not a number"])
@pytest.mark.parametrize("kind", [AwsMessenger, AwsSnsMessenger])
def test_aws_never_carries_a_text_to_mainland_china(kind: type[AwsMessenger], number: str, endpoint: Answers) -> None:
    result = kind(AwsAccount(REGION, endpoint.url, *KEYS)).send(text(number))

    assert (result.state, result.code) == ("rejected", "not-abroad")
    assert endpoint.asked == []


@pytest.mark.parametrize(
    ("status", "code", "state", "retryable"),
    [
        (400, "ThrottlingException", "rejected", True),
        (400, "AccessDeniedException", "rejected", False),
        (400, "ConflictException", "rejected", False),
        (400, "ResourceNotFoundException", "rejected", False),
        (400, "ServiceQuotaExceededException", "rejected", False),
        (400, "ValidationException", "rejected", False),
        (403, "UnrecognizedClientException", "rejected", False),
        (400, "SomethingNewException", "rejected", False),
        (500, "InternalServerException", "in_doubt", False),
        (503, "ServiceUnavailable", "in_doubt", False),
    ],
)
def test_every_error_of_the_service_says_what_became_of_the_text(
    status: int,
    code: str,
    state: str,
    retryable: bool,  # noqa: FBT001
    endpoint: Answers,
) -> None:
    said = {"__type": code, "message": f"number {ABROAD} and code 4821"}
    endpoint.say(said, status=status, headers={"x-amzn-ErrorType": code})

    result = messaging(endpoint).send(text())

    assert (result.state, result.code, result.retryable) == (state, code, retryable)
    assert result.detail
    assert "4155550101" not in result.detail
    assert "4821" not in result.detail
    assert len(endpoint.asked) == 1


def test_a_send_without_an_answer_is_in_doubt_for_good_and_not_repeated(endpoint: Answers) -> None:
    endpoint.hang_s = 1.5
    messenger = messaging(endpoint, read_timeout_s=0.7)

    result = messenger.send(text())

    assert (result.state, result.traceable) == ("in_doubt", False)
    assert messenger.look_up(text()) == "unknown"
    assert len(endpoint.asked) == 1


def test_a_service_that_is_not_there_was_never_reached() -> None:
    account = AwsAccount(REGION, f"http://127.0.0.1:{free_port()}", *KEYS)

    result = AwsMessenger(account).send(text())

    assert (result.state, result.code, result.retryable) == ("rejected", "not-sent", True)


def test_a_machine_without_credentials_refuses_and_says_so(endpoint: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    result = AwsMessenger(AwsAccount(REGION, endpoint.url)).send(text())

    assert (result.state, result.code) == ("rejected", "NoCredentialsError")


def test_sns_publishes_to_the_number(cloud: AwsAccount) -> None:
    from moto.sns.models import sns_backends

    result = AwsSnsMessenger(cloud, origination="DRILL").send(text())

    sent = sns_backends["123456789012"][REGION].sms_messages
    assert (result.state, result.provider) == ("accepted", "aws-sns")
    assert sent[result.provider_id] == (ABROAD, "Drill d: p s, time 3s. No answer asked.")


@pytest.mark.parametrize("raw", [True, False])
def test_an_answer_comes_from_the_topic_through_the_queue(raw: bool, cloud: AwsAccount) -> None:  # noqa: FBT001
    publish, source = subscribed(cloud, raw=raw)
    publish(json.dumps(PAYLOAD))

    [message] = source.receive(1)
    source.done(message)
    source.done(message)

    assert (message.id, message.address, message.text) == (PAYLOAD["inboundMessageId"], ABROAD, "1 4821")
    assert message.sent_at is not None
    assert abs((datetime.now(UTC) - message.sent_at).total_seconds()) < 60
    assert source.receive(0) == []


def test_an_answer_that_is_not_done_comes_again_under_the_same_id(cloud: AwsAccount) -> None:
    publish, source = subscribed(cloud, raw=True, visibility_s=0)
    publish(json.dumps(PAYLOAD))

    [first], [second] = source.receive(1), source.receive(1)

    assert first.id == second.id


def test_a_parcel_nobody_can_read_is_dropped(cloud: AwsAccount) -> None:
    publish, source = subscribed(cloud, raw=True, visibility_s=0)
    publish("not an answer")

    assert source.receive(1) == []
    publish(json.dumps(PAYLOAD))
    assert [message.text for message in source.receive(1)] == ["1 4821"]


@pytest.mark.parametrize(
    "body", ["", "[]", "null", '{"Type": "Notification"}', '{"messageBody": "1"}', '{"Type": "Notification", "Message": "x"}']
)
def test_what_is_no_answer_is_read_as_none(body: str) -> None:
    assert read_parcel({"Body": body, "ReceiptHandle": "h", "MessageId": "m"}) is None


def test_a_queue_that_is_not_there_is_an_error_of_ours(cloud: AwsAccount) -> None:
    source = AwsReplySource(cloud, queue_url=f"https://sqs.{REGION}.amazonaws.com/123456789012/nothing")

    with pytest.raises(Retryable, match="does not answer"):
        source.receive(0)
    with pytest.raises(PreflightFailed):
        source.warm()


def subscribed(account: AwsAccount, *, raw: bool, visibility_s: int = 30) -> tuple[Any, AwsReplySource]:
    """A topic as a two-way number publishes to, our queue behind it, and a way to publish."""
    keys = {"region_name": REGION, "aws_access_key_id": account.key_id, "aws_secret_access_key": account.key_secret}
    sns, sqs = boto3.client("sns", **keys), boto3.client("sqs", **keys)
    topic = sns.create_topic(Name="drill-replies")["TopicArn"]
    url = sqs.create_queue(QueueName="drill-replies", Attributes={"VisibilityTimeout": str(visibility_s)})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": str(raw).lower()})
    return lambda body: sns.publish(TopicArn=topic, Message=body), AwsReplySource(account, queue_url=url)
