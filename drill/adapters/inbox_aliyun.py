"""Reads what Alibaba Cloud SMS pushes or queues: a person's answer (SmsUp), or a receipt for one of our texts (SmsReport)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from drill.model.ports import InboundMessage, Receipt
from drill.model.replies import normalise_number

CHINA: Final = timezone(timedelta(hours=8))
"""The provider's times carry no zone and mean this one."""
LONGEST_TEXT: Final = 2000
_LONGEST_FIELD: Final = 256
_IN_FLIGHT: Final = "REQUEST_SUCCESS"
_ABROAD: Final[Mapping[str, bool | None]] = {"1": True, "2": False, "6": False}


def read_item(item: Any, *, message_id: str = "", handle: str = "") -> InboundMessage | None:
    """One object of the provider's; None when it is neither an answer nor the end of a text's way."""
    if not isinstance(item, Mapping):
        return None
    if "content" in item:
        return _answer(item, message_id, handle)
    receipt = _receipt(item)
    number = _text(item.get("phone_number", item.get("To")))
    return InboundMessage(message_id, number, "", None, handle, receipt=receipt) if receipt else None


def _answer(item: Mapping[str, Any], message_id: str, handle: str) -> InboundMessage | None:
    number, text = _text(item.get("phone_number")), _text(item.get("content"), longest=LONGEST_TEXT)
    if not number:
        return None
    sent_at = _time(item.get("send_time"))
    sequence = _text(item.get("sequence_id"))
    by_itself = item.get("automatic") is True  # only the sandbox's carrier says so
    return InboundMessage(message_id, normalise_number(number) or number, text, sent_at, handle, sequence, automatic=by_itself)


def _receipt(item: Mapping[str, Any]) -> Receipt | None:
    if "Status" in item:  # the international product counts 1 arrived, 2 failed, 6 expired
        arrived, code, ours = _ABROAD.get(_text(item["Status"])), _text(item.get("ErrorCode")), _text(item.get("MessageId"))
    else:
        said = str(item.get("success")).casefold()
        arrived = {"true": True, "false": False}.get(said)
        code, ours = _text(item.get("err_code")), _text(item.get("out_id"))
    if arrived is None or not ours or (not arrived and code == _IN_FLIGHT):
        return None
    return Receipt(ours, "delivered" if arrived else "failed", code)


def _text(value: Any, *, longest: int = _LONGEST_FIELD) -> str:
    """A field as text that every database takes; pages of several years disagree on which fields are numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value)[:longest]
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def _time(value: Any) -> datetime | None:
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
