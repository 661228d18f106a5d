"""Receives people's answers from the Alibaba SMS queue with the vendor's own clients."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from drill.adapters.inbox_aliyun import CHINA, read_item
from drill.adapters.sms_aliyun_sdk import Account, open_client
from drill.model.errors import PreflightFailed, Retryable
from drill.model.ports import InboundMessage

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 16
_RENEW_BEFORE_S: Final = 120.0
_LONGEST_WAIT_S: Final = 30
_MISSING: Final = frozenset({"MessageNotExist", "ReceiptHandleError"})
_STALE: Final = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurityToken", "SecurityTokenExpired"})


@dataclass(frozen=True)
class _Lease:
    """A queue opened with keys that end at `renew_at_s`, monotonic."""

    queue: Any
    renew_at_s: float


class AliyunReplySource:
    """Answers in the queue `Alicom-Queue-<uid>-SmsUp`, or receipts in `…-SmsReport`, each at least once.

    One thread may receive while another calls `done`.
    `endpoint` is dybaseapi's host or host:port; `queue_endpoint` the queue service's address with its scheme.
    """

    def __init__(
        self,
        endpoint: str,
        protocol: Literal["http", "https"],
        key_id: str,
        key_secret: str,
        *,
        queue_endpoint: str,
        queue: str,
        kind: Literal["SmsUp", "SmsReport", "VoiceReport"] = "SmsUp",
    ) -> None:
        self._account = Account(endpoint, protocol, key_id, key_secret)
        self._queue_endpoint = queue_endpoint
        self._queue_name = queue
        self._kind = kind
        self._receiver = _Lane(self._lease)
        self._deleter = _Lane(self._lease)
        self._dybase: Any = None
        self._opening = threading.Lock()

    def warm(self) -> None:
        """Import the SDKs and open the queue ahead of time. Raises: PreflightFailed: the queue cannot be opened (F021)."""
        try:
            self._receiver.call(lambda queue: queue)
        except Retryable as error:
            raise PreflightFailed(f"the SMS reply queue cannot be opened: {error.what}", code="F021", fix=error.fix) from error

    def receive(self, wait_s: float) -> list[InboundMessage]:
        """Up to 16 answers, waiting up to `wait_s` (whole seconds, at most 30) for the first."""
        wait = min(max(0, round(wait_s)), _LONGEST_WAIT_S)
        parcels = self._receiver.call(lambda queue: queue.batch_receive_message(_BATCH, wait), missing=[])
        read = [(parcel, self.read(parcel)) for parcel in parcels]
        for parcel, messages in read:
            if not messages:  # nobody can ever read it: it must not come back every 30 s
                _LOG.warning("sms.unreadable_reply", extra={"message_id": parcel.message_id})
                self._delete(parcel.receipt_handle)
        return [message for _, messages in read for message in messages]

    def read(self, parcel: Any) -> list[InboundMessage]:
        """What one parcel says; nothing when it is neither an answer nor a receipt that says how it ended."""
        message = _read(parcel)
        return [message] if message else []

    def done(self, message: InboundMessage) -> None:
        """The answer is stored: never deliver it again. Raises: Retryable: the provider does not answer (A150)."""
        self._delete(message.handle)

    def _delete(self, handle: str) -> None:
        self._deleter.call(lambda queue: queue.delete_message(handle), missing=None)

    def _lease(self) -> _Lease:
        """Fetch new keys and open the queue with them."""
        from alibabacloud_dybaseapi20170525 import models
        from mns.account import Account as QueueAccount

        request = models.QueryTokenForMnsQueueRequest(message_type=self._kind, queue_name=self._queue_name)
        body = self._dybase_client().query_token_for_mns_queue(request).body
        if body.code != "OK":
            raise Retryable(
                f"the SMS provider gives no key to the reply queue: {body.code}.", code="A151", fix="Check queue name and account."
            )
        keys = body.message_token_dto
        account = QueueAccount(self._queue_endpoint, keys.access_key_id, keys.access_key_secret, keys.security_token)
        # the vendor's https connection has no time-out of its own: a dead peer would block the thread for ever
        account.mns_client.http.conn.timeout = account.mns_client.http.conn.connection_timeout = _LONGEST_WAIT_S + 5
        ends = datetime.strptime(keys.expire_time, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        lives_s = (ends - datetime.now(UTC)).total_seconds()
        renew_in_s = max(lives_s - _RENEW_BEFORE_S, lives_s / 2)
        return _Lease(account.get_queue(self._queue_name), time.monotonic() + renew_in_s)

    def _dybase_client(self) -> Any:
        with self._opening:
            if self._dybase is None:
                from alibabacloud_dybaseapi20170525.client import Client

                self._dybase = open_client(Client, self._account)
            return self._dybase


class _Lane:
    """One connection to the queue: the vendor's is not safe to share, so receiving and deleting have one each."""

    def __init__(self, open_lease: Callable[[], _Lease]) -> None:
        self._open_lease = open_lease
        self._lease: _Lease | None = None
        self._lock = threading.Lock()

    def call(self, act: Callable[[Any], Any], *, missing: Any = None) -> Any:
        """Do one thing with the queue, with new keys when the old are about to end; `missing` when there is no such message.

        Raises: Retryable: the provider does not answer, or not as it should (A150).
        """
        with self._lock:
            try:
                return self._attempt(act)
            except Retryable:
                raise
            except Exception as error:  # two SDKs, several families of errors: translated below
                kind = getattr(error, "type", type(error).__name__)
                if kind in _MISSING:
                    return missing
                self._lease = None  # the connection or its keys are suspect: open both anew
                raise Retryable(
                    f"the SMS reply queue does not answer: {kind}.", code="A150", fix="Answers wait there; try again."
                ) from error

    def _attempt(self, act: Callable[[Any], Any]) -> Any:
        if self._lease is None or time.monotonic() >= self._lease.renew_at_s:
            self._lease = self._open_lease()
        try:
            return act(self._lease.queue)
        except Exception as error:
            if getattr(error, "type", "") not in _STALE:
                raise
            self._lease = self._open_lease()  # keys ended early: once more with new ones
            return act(self._lease.queue)


def _read(parcel: Any) -> InboundMessage | None:
    """One parcel as a message; None when it is neither an answer nor a receipt that says how it ended."""
    try:
        item = json.loads(parcel.message_body)
    except (ValueError, TypeError, RecursionError):
        return None
    return read_item(item, message_id=parcel.message_id, handle=parcel.receipt_handle)
