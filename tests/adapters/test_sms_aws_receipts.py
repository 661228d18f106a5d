"""What AWS's events say of texts: through topic and queue, at least once, in any order, and only for the drill that waits for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from drill.adapters.sms_aws import AwsAccount, AwsMessenger
from drill.adapters.sms_aws_receipts import AwsReceipts, read_event
from drill.model.ports import OutboundMessage
from tests.adapters.channel_servers import answering

REGION = "ap-southeast-1"
KEYS = ("AKIDEXAMPLE", "secret")
MINE, OTHERS = "d-1:gate/go:lead:sms:0", "d-2:gate/go:lead:sms:0"
TEXT = OutboundMessage(MINE, "lead", "+14155550101", "en", "status", {"drill": "d", "phase": "p", "state": "s", "took": "3s"})
MEANINGS = [
    ("TEXT_DELIVERED", True, "delivered"),
    ("TEXT_SUCCESSFUL", True, "delivered"),
    ("TEXT_SENT", False, "accepted"),
    ("TEXT_PENDING", False, "accepted"),
    ("TEXT_QUEUED", False, "accepted"),
    ("TEXT_INVALID", True, "failed"),
    ("TEXT_INVALID_MESSAGE", True, "failed"),
    ("TEXT_UNREACHABLE", True, "failed"),
    ("TEXT_CARRIER_UNREACHABLE", True, "failed"),
    ("TEXT_CARRIER_UNREACHABLE", False, "accepted"),
    ("TEXT_BLOCKED", True, "failed"),
    ("TEXT_CARRIER_BLOCKED", True, "failed"),
    ("TEXT_SPAM", True, "failed"),
    ("TEXT_TTL_EXPIRED", True, "failed"),
    ("TEXT_PROTECT_BLOCKED", True, "failed"),
    ("TEXT_UNKNOWN", True, "unknown"),
    ("VOICE_COMPLETED", True, "unknown"),
]


def event(kind: str, message_id: str = MINE, *, final: bool = True) -> str:
    """An event as the service publishes it."""
    told = {
        "eventType": kind,
        "eventVersion": "1.0",
        "eventTimestamp": 1686975103470,
        "isFinal": final,
        "destinationPhoneNumber": "+14155550101",
        "messageId": "862a8790",
        "messageStatus": kind.removeprefix("TEXT_"),
        "context": {"drill-message": message_id},
    }
    return json.dumps(told)


class Clock:
    """Monotonic seconds a test moves."""

    at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


@pytest.fixture(params=["true", "false"], ids=["raw", "enveloped"])
def events(request: pytest.FixtureRequest) -> Iterator[tuple[Callable[[str], Any], AwsReceipts, Clock, Callable[[], int]]]:
    """A topic as a configuration set publishes to, our queue behind it, its reader, and how many events the queue still holds."""
    keys = {"region_name": REGION, "aws_access_key_id": KEYS[0], "aws_secret_access_key": KEYS[1]}
    count = "ApproximateNumberOfMessages"
    with mock_aws():
        sns, sqs = boto3.client("sns", **keys), boto3.client("sqs", **keys)
        topic = sns.create_topic(Name="events")["TopicArn"]
        url = sqs.create_queue(QueueName="events", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": request.param})
        clock = Clock()
        yield (
            lambda body: sns.publish(TopicArn=topic, Message=body),
            AwsReceipts(AwsAccount(REGION, None, *KEYS), queue_url=url, now_s=clock),
            clock,
            lambda: int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[count])["Attributes"][count]),
        )


def test_a_text_is_delivered_when_an_event_says_so_and_the_event_is_gone(events: Any) -> None:
    publish, receipts, clock, waiting = events
    first = receipts.state(MINE)
    publish(event("TEXT_DELIVERED"))

    clock.at_s += 3
    second = receipts.state(MINE)

    assert (first, second, waiting()) == ("unknown", "delivered", 0)


def test_the_furthest_state_counts_in_whatever_order_events_come(events: Any) -> None:
    publish, receipts, _, _ = events
    for kind in ("TEXT_DELIVERED", "TEXT_SENT", "TEXT_QUEUED"):
        publish(event(kind, final=kind == "TEXT_DELIVERED"))

    assert receipts.state(MINE) == "delivered"


def test_an_event_of_another_drill_is_left_for_it(events: Any) -> None:
    publish, receipts, clock, waiting = events
    publish(event("TEXT_DELIVERED", OTHERS))
    receipts.state(MINE)
    left = waiting()

    clock.at_s += 3

    assert (left, receipts.state(OTHERS), waiting()) == (1, "delivered", 0)


def test_the_queue_is_not_asked_for_every_text_that_waits(events: Any) -> None:
    publish, receipts, clock, _ = events
    receipts.state(MINE)
    publish(event("TEXT_DELIVERED"))

    at_once = receipts.state(MINE)
    clock.at_s += 3

    assert (at_once, receipts.state(MINE)) == ("unknown", "delivered")


def test_what_nobody_can_read_does_not_come_back_for_ever(events: Any) -> None:
    publish, receipts, _, waiting = events
    publish("no event")

    receipts.state(MINE)

    assert waiting() == 0


def test_a_queue_that_is_not_there_leaves_the_text_unknown() -> None:
    with mock_aws():
        receipts = AwsReceipts(AwsAccount(REGION, None, *KEYS), queue_url=f"https://sqs.{REGION}.amazonaws.com/123456789012/nothing")

        assert receipts.state(MINE) == "unknown"


@pytest.mark.parametrize(("kind", "final", "state"), MEANINGS)
def test_every_event_of_the_service_has_a_meaning(kind: str, final: bool, state: str) -> None:  # noqa: FBT001
    assert read_event(event(kind, final=final)) == (MINE, state)


def test_no_text_event_that_the_vendors_client_knows_is_forgotten() -> None:
    import botocore.session

    known = botocore.session.get_session().get_service_model("pinpoint-sms-voice-v2").shape_for("EventType").enum

    assert {mark for mark in known if mark.startswith("TEXT_")} - {kind for kind, _, _ in MEANINGS} == {"TEXT_ALL"}


def test_a_text_names_its_configuration_set_and_is_looked_up_by_its_events() -> None:
    class Told:
        def state(self, message_id: str) -> Any:
            return {MINE: "delivered"}[message_id]

    with answering({"MessageId": "m-1"}) as server:
        messenger = AwsMessenger(AwsAccount(REGION, server.url, *KEYS), configuration_set="drill", receipts=Told())
        messenger.send(TEXT)
        [asked] = server.asked

    assert asked.json()["ConfigurationSetName"] == "drill"
    assert messenger.look_up(TEXT) == "delivered"
