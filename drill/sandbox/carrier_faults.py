"""Faults a test can order from the carrier: late, lost, doubled, refused, broken or silent answers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, get_type_hints

KINDS: Final = frozenset({"delay", "drop", "duplicate", "reject", "error", "garbage", "hang", "undeliverable"})
ACTIONS: Final = frozenset(
    {"SendSms", "QuerySendDetails", "GetSmsTemplate", "GetSmsSign", "QueryTokenForMnsQueue", "IvrCall", "Receive", "Delete", "Reply"}
)


@dataclass(frozen=True)
class Fault:
    """What goes wrong at the next `times` calls of an action.

    `delay`: answered `seconds` late. `drop`: accepted, never arrives. `duplicate`: arrives twice. `reject`: HTTP 200 with `code`.
    `error`: HTTP `status` with `code`. `garbage`: an answer that is no JSON. `hang`: never answered, the connection closes after `seconds`;
    with `effect` the call has been carried out. `undeliverable`: the receipt says `code`.
    """

    action: str
    fault: str
    times: int = 1
    seconds: float = 1.0
    code: str = ""
    message: str = ""
    status: int = 500
    retry_after_ms: int | None = None
    effect: bool = True


class Faults:
    """The orders that are still open. Safe to share between threads."""

    def __init__(self) -> None:
        self._open: list[tuple[Fault, list[int]]] = []
        self._lock = threading.Lock()

    def order(self, wish: Mapping[str, Any]) -> Fault:
        """Take an order. Raises: ValueError: it names no known action, fault or field. TypeError: a field has the wrong type."""
        known = {each.name for each in fields(Fault)}
        if set(wish) - known or wish.get("action") not in ACTIONS or wish.get("fault") not in KINDS:
            raise ValueError(f"a fault needs 'action' of {sorted(ACTIONS)}, 'fault' of {sorted(KINDS)}, and fields of {sorted(known)}")
        fault = Fault(**wish)
        for name, kind in get_type_hints(Fault).items():
            value = getattr(fault, name)
            if not isinstance(value, (int, float) if kind is float else kind):
                raise TypeError(f"'{name}' of a fault cannot be {value!r}")
        with self._lock:
            self._open.append((fault, [fault.times]))
        return fault

    def take(self, action: str) -> Fault | None:
        """The fault that befalls this call, if one was ordered."""
        with self._lock:
            for entry in self._open:
                fault, left = entry
                if fault.action == action:
                    left[0] -= 1
                    if left[0] <= 0:
                        self._open.remove(entry)
                    return fault
        return None

    def clear(self) -> None:
        """Forget every order."""
        with self._lock:
            self._open.clear()
