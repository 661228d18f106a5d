"""Receives people's answers from AWS: two-way numbers publish to an SNS topic, a queue of ours subscribes to it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from drill.adapters.sms_aws import AwsAccount
from drill.adapters.sms_aws_errors import failed
from drill.model.errors import PreflightFailed, Retryable
from drill.model.ports import InboundMessage
from drill.model.replies import normalise_number

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 10
_LONGEST_WAIT_S: Final = 20
_GONE: Final = frozenset({"ReceiptHandleIsInvalid", "InvalidReceiptHandle"})


class AwsReplySource:
    """Answers in an SQS queue, each at least once (port ReplySource). Raw delivery and SNS envelopes are both read."""

    def __init__(self, account: AwsAccount, *, queue_url: str) -> None:
        self._account = account
        self._queue_url = queue_url
        self._client: Any = None
        self._opening = threading.Lock()

    def warm(self) -> None:
        """Import boto3 and look at the queue. Raises: PreflightFailed: it cannot be read (F023)."""
        try:
            self._call(lambda client: client.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"]))
        except Retryable as error:
            raise PreflightFailed(f"the AWS reply queue cannot be opened: {error.what}", code="F023", fix=error.fix) from error

    def receive(self, wait_s: float) -> list[InboundMessage]:
        """Up to 10 answers, waiting up to `wait_s` (whole seconds, at most 20) for the first."""
        wait = min(max(0, round(wait_s)), _LONGEST_WAIT_S)
        answer = self._call(
            lambda client: client.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=_BATCH,
                WaitTimeSeconds=wait,
                MessageSystemAttributeNames=["SentTimestamp"],
            )
        )
        read = [(parcel, read_parcel(parcel)) for parcel in answer.get("Messages", ())]
        for parcel, message in read:
            if message is None:  # nobody can ever read it: it must not come back every 30 s
                _LOG.warning("sms.unreadable_reply", extra={"message_id": parcel.get("MessageId")})
                self._delete(str(parcel["ReceiptHandle"]))
        return [message for _, message in read if message is not None]

    def done(self, message: InboundMessage) -> None:
        """The answer is stored: never deliver it again. Raises: Retryable: AWS does not answer (A155)."""
        self._delete(message.handle)

    def _delete(self, handle: str) -> None:
        self._call(lambda client: client.delete_message(QueueUrl=self._queue_url, ReceiptHandle=handle))

    def _call(self, act: Callable[[Any], Any]) -> Any:
        try:
            return act(self._opened())
        except Exception as error:  # botocore's families and a missing extra: translated below
            result = failed(error, provider="aws")
            if result.code in _GONE:
                return {}
            raise Retryable(
                f"the AWS reply queue does not answer: {result.code}.", code="A155", fix="Answers wait there; check its address and rights."
            ) from error

    def _opened(self) -> Any:
        with self._opening:
            if self._client is None:
                self._client = self._account.open("sqs", read_timeout_s=_LONGEST_WAIT_S + 5)
            return self._client


def read_parcel(parcel: Any) -> InboundMessage | None:
    """One parcel of the queue as an answer; None when it is not one."""
    try:
        item = json.loads(parcel["Body"])
        enveloped = item.get("Type") == "Notification"
        payload = json.loads(item["Message"]) if enveloped else item
        number, text, found = str(payload["originationNumber"]), str(payload["messageBody"]), str(payload["inboundMessageId"])
        sent_at = _moment(item.get("Timestamp") if enveloped else None, parcel.get("Attributes", {}).get("SentTimestamp"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return InboundMessage(found, normalise_number(number) or number, text, sent_at, str(parcel["ReceiptHandle"]))


def _moment(published: str | None, queued_ms: str | None) -> datetime | None:
    """When the answer reached AWS: as the topic says, else as the queue does. Raises: ValueError: neither is a time."""
    if published:
        return datetime.fromisoformat(published).astimezone(UTC)
    return datetime.fromtimestamp(int(queued_ms) / 1000, UTC) if queued_ms else None
