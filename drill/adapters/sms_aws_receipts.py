"""Reads from AWS what became of texts: a configuration set sends its events to an SNS topic, a queue of ours subscribes to it."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from drill.adapters.sms_aws import MESSAGE, AwsAccount
from drill.adapters.sms_aws_errors import failed

Delivery = Literal["accepted", "delivered", "failed", "unknown"]

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 10
_BATCHES: Final = 10
_LOOK_EVERY_S: Final = 2.0
_FORGET_AFTER_S: Final = 3600.0
"""An event of another drill is left for its own engine; after this long nobody waits for it."""
_UNDER_WAY: Final = frozenset({"TEXT_SENT", "TEXT_PENDING", "TEXT_QUEUED"})
_ARRIVED: Final = frozenset({"TEXT_DELIVERED", "TEXT_SUCCESSFUL"})
"""Successful is all that carriers of some countries ever say: AWS uses the two interchangeably there."""
_RANKS: Final[Mapping[Delivery, int]] = {"unknown": 0, "accepted": 1, "failed": 2, "delivered": 3}


class AwsReceipts:
    """The events of one queue, by our message id, which travels in each text's context. Safe to share between threads.

    Events come at least once and in any order; the furthest state counts. `now_s` is monotonic.
    """

    def __init__(self, account: AwsAccount, *, queue_url: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._account = account
        self._queue_url = queue_url
        self._now_s = now_s
        self._states: dict[str, Delivery] = {}
        self._looked_at_s = float("-inf")
        self._client: Any = None
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Import boto3 and read the service's model ahead of need."""
        with self._lock:
            self._opened()

    def state(self, message_id: str) -> Delivery:
        """What became of a text; unknown while no event tells, or when the queue does not answer."""
        with self._lock:
            self._states.setdefault(message_id, "unknown")
            if self._now_s() - self._looked_at_s >= _LOOK_EVERY_S:
                self._looked_at_s = self._now_s()
                self._look()
            return self._states[message_id]

    def _look(self) -> None:
        try:
            for _ in range(_BATCHES):
                parcels = self._opened().receive_message(
                    QueueUrl=self._queue_url,
                    MaxNumberOfMessages=_BATCH,
                    WaitTimeSeconds=0,
                    MessageSystemAttributeNames=["SentTimestamp"],
                )
                for parcel in parcels.get("Messages", ()):
                    if self._take(parcel):
                        self._opened().delete_message(QueueUrl=self._queue_url, ReceiptHandle=parcel["ReceiptHandle"])
                if not parcels.get("Messages"):
                    return
        except Exception as error:  # noqa: BLE001 - not knowing is an answer here, and the next look may succeed
            _LOG.warning("sms.receipts_silent", extra={"code": failed(error, provider="aws").code})

    def _take(self, parcel: Mapping[str, Any]) -> bool:
        """Learn from one event; whether it is done with."""
        message_id, state = read_event(str(parcel.get("Body", "")))
        if not message_id:
            return True  # nobody can ever read it
        if message_id in self._states:
            self._states[message_id] = max(self._states[message_id], state, key=_RANKS.__getitem__)
            return True
        sent_s = int(parcel.get("Attributes", {}).get("SentTimestamp", 0)) / 1000
        return time.time() - sent_s > _FORGET_AFTER_S

    def _opened(self) -> Any:
        if self._client is None:
            self._client = self._account.open("sqs")
        return self._client


def read_event(body: str) -> tuple[str, Delivery]:
    """Our message id and its state, from an event as it is or in SNS's envelope; an empty id when it is no event of ours."""
    try:
        item = json.loads(body)
        event = json.loads(item["Message"]) if item.get("Type") == "Notification" else item
        kind, message_id = str(event["eventType"]), str(event["context"][MESSAGE])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", "unknown"
    if kind in _ARRIVED:
        return message_id, "delivered"
    if kind in _UNDER_WAY or not event.get("isFinal", True):
        return message_id, "accepted"
    return message_id, "failed" if kind.startswith("TEXT_") and kind != "TEXT_UNKNOWN" else "unknown"
