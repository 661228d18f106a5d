"""The carrier's inbound queue: at-least-once delivery with visibility and receipt handles, in the vendor's XML."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from xml.sax.saxutils import escape

VISIBILITY_S: Final = 30.0
LONGEST_WAIT_S: Final = 30.0
NAMESPACE: Final = 'xmlns="http://mns.aliyuncs.com/doc/v1/"'


@dataclass(frozen=True)
class Parcel:
    """One message in the queue. Times are Unix seconds; invisible until `visible_s`."""

    id: str
    body: str
    enqueued_s: float
    visible_s: float
    handle: str = ""
    first_s: float = 0.0
    dequeues: int = 0
    copies: int = 1
    """How many deletes it takes: more than one when the carrier repeats itself."""


class Queue:
    """A queue with long polling. Safe to share between threads."""

    def __init__(self) -> None:
        self._parcels: dict[str, Parcel] = {}
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Mapping[str, Any], *, copies: int = 1, after_s: float = 0.0) -> str:
        """Queue a JSON object and return the message's id; `copies` > 1 delivers it again after it was deleted."""
        body = base64.b64encode(json.dumps(dict(item), ensure_ascii=False).encode()).decode()
        now = time.time()
        parcel = Parcel(uuid.uuid4().hex.upper(), body, now, now + after_s, copies=copies)
        with self._changed:
            self._parcels[parcel.id] = parcel
            self._changed.notify_all()
        return parcel.id

    def receive(self, count: int, wait_s: float, *, wanted: Callable[[], bool] = lambda: True) -> list[Parcel]:
        """Up to `count` visible messages, waiting for the first; each becomes invisible for a while. None when no longer `wanted`."""
        end = time.time() + min(wait_s, LONGEST_WAIT_S)
        with self._changed:
            while True:
                now = time.time()
                ready = [each for each in self._parcels.values() if each.visible_s <= now][:count]
                if ready or now >= end or self._closed:
                    break
                soonest = min((each.visible_s for each in self._parcels.values()), default=end)
                self._changed.wait(max(0.001, min(end, soonest) - now))
            return [self._hand_out(each, now) for each in ready] if ready and wanted() else []

    def _hand_out(self, parcel: Parcel, now: float) -> Parcel:
        handed = replace(
            parcel,
            visible_s=now + VISIBILITY_S,
            handle=f"1-{uuid.uuid4().hex}",
            first_s=parcel.first_s or now,
            dequeues=parcel.dequeues + 1,
        )
        self._parcels[parcel.id] = handed
        return handed

    def delete(self, handles: Collection[str]) -> list[str]:
        """Delete by receipt handle; returns the handles that name nothing any more."""
        unknown = []
        with self._changed:
            by_handle = {each.handle: each for each in self._parcels.values() if each.handle}
            for handle in handles:
                parcel = by_handle.get(handle)
                if parcel is None:
                    unknown.append(handle)
                elif parcel.copies > 1:
                    self._parcels[parcel.id] = replace(parcel, copies=parcel.copies - 1, visible_s=time.time(), handle="")
                    self._changed.notify_all()
                else:
                    del self._parcels[parcel.id]
        return unknown

    def change_visibility(self, handle: str, seconds: float) -> Parcel | None:
        """Make a handed-out message visible again `seconds` from now; its new handle, or None when unknown."""
        with self._changed:
            parcel = next((each for each in self._parcels.values() if each.handle == handle), None)
            if parcel is None:
                return None
            changed = replace(parcel, visible_s=time.time() + seconds, handle=f"1-{uuid.uuid4().hex}")
            self._parcels[parcel.id] = changed
            self._changed.notify_all()
            return changed

    def close(self) -> None:
        """Let every waiting receive return."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def messages_xml(parcels: list[Parcel], *, many: bool) -> str:
    """What a receive answers."""
    rows = "".join(_message_xml(parcel) for parcel in parcels)
    return f'<?xml version="1.0"?>{f"<Messages {NAMESPACE}>{rows}</Messages>" if many else rows}'


def _message_xml(parcel: Parcel) -> str:
    md5 = hashlib.md5(parcel.body.encode(), usedforsecurity=False).hexdigest().upper()
    fields = {
        "MessageId": parcel.id,
        "MessageBodyMD5": md5,
        "MessageBody": parcel.body,
        "ReceiptHandle": parcel.handle,
        "EnqueueTime": int(parcel.enqueued_s * 1000),
        "FirstDequeueTime": int(parcel.first_s * 1000),
        "NextVisibleTime": int(parcel.visible_s * 1000),
        "DequeueCount": parcel.dequeues,
        "Priority": 8,
    }
    return f"<Message {NAMESPACE}>{''.join(f'<{name}>{value}</{name}>' for name, value in fields.items())}</Message>"


def visibility_xml(parcel: Parcel) -> str:
    """What a change of visibility answers."""
    inner = f"<ReceiptHandle>{parcel.handle}</ReceiptHandle><NextVisibleTime>{int(parcel.visible_s * 1000)}</NextVisibleTime>"
    return f'<?xml version="1.0"?><ChangeVisibility {NAMESPACE}>{inner}</ChangeVisibility>'


def error_xml(code: str, message: str) -> str:
    """What the queue answers when it refuses."""
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message><RequestId>{uuid.uuid4().hex.upper()}</RequestId>"
    return f'<?xml version="1.0"?><Error {NAMESPACE}>{inner}<HostId>http://127.0.0.1</HostId></Error>'


def delete_errors_xml(handles: list[str]) -> str:
    """What a batch delete answers when some handles name nothing."""
    one = "<ErrorCode>MessageNotExist</ErrorCode><ErrorMessage>Message not exist.</ErrorMessage>"
    rows = "".join(f"<Error>{one}<ReceiptHandle>{escape(handle)}</ReceiptHandle></Error>" for handle in handles)
    return f'<?xml version="1.0"?><Errors {NAMESPACE}>{rows}</Errors>'
