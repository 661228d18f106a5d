"""Receives the reports of calls from the Alibaba queue: which keys were pressed, and whether anybody picked up."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Final, Literal

from drill.adapters.sms_aliyun_queue import AliyunReplySource
from drill.model.ports import InboundMessage, Receipt
from drill.model.ports_people import CALL

_LOG: Final = logging.getLogger(__name__)
_PICKED_UP: Final = frozenset({"200000", "200100", "200101"})
"""Ended normally; and hung up while or before the voice was played, as one does who presses a key at once."""


class VoiceReportSource(AliyunReplySource):
    """Reports in the queue `Alicom-Queue-<uid>-VoiceReport`, each at least once (port ReplySource)."""

    def __init__(
        self, endpoint: str, protocol: Literal["http", "https"], key_id: str, key_secret: str, *, queue_endpoint: str, queue: str
    ) -> None:
        super().__init__(endpoint, protocol, key_id, key_secret, queue_endpoint=queue_endpoint, queue=queue, kind="VoiceReport")

    def read(self, parcel: Any) -> list[InboundMessage]:
        return read_report(parcel.message_body, message_id=str(parcel.message_id), handle=str(parcel.receipt_handle))

    def done(self, message: InboundMessage) -> None:
        """The answer is stored: never deliver it again. The keys of a report leave with its receipt, which comes after them."""
        if message.handle:
            super().done(message)


def read_report(body: Any, *, message_id: str, handle: str) -> list[InboundMessage]:
    """One report as the keys pressed, if any, and a receipt; nothing when it is no report."""
    try:
        item = json.loads(body)
    except (ValueError, TypeError, RecursionError):
        return []
    if not isinstance(item, Mapping) or not item.get("call_id") or not item.get("status_code"):
        return []
    call, code = str(item["call_id"])[:256], str(item["status_code"])[:16]
    keys = str(item.get("dtmf") or "").strip("*# ")[:32]
    receipt = Receipt(call, "delivered" if keys or code in _PICKED_UP else "failed", code)
    told = InboundMessage(message_id, CALL + call, "", None, handle, receipt=receipt)
    by_itself = item.get("automatic") is True  # only the sandbox's carrier says so
    answer = InboundMessage(f"{message_id}-keys", CALL + call, keys, None, "", sequence=f"{call}:{keys}", automatic=by_itself)
    return [answer, told] if keys else [told]
