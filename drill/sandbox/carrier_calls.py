"""The carrier's telephone: calls that ask for a key, and the reports of how they ended."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drill.sandbox.carrier_ledger import china_time
from drill.sandbox.carrier_queue import Queue

TTS: Final = "TTS_DRILL_"
"""Begins the name of every template this carrier speaks."""
_ENDED: Final = "200000"
_NOBODY: Final = "200005"
_LONGEST_OUT_ID: Final = 15


@dataclass(frozen=True)
class Call:
    """One call that rings, and the keys its voice offers."""

    id: str
    number: str
    out_id: str
    template: str
    keys: tuple[str, ...]
    at_s: float


class Calls:
    """The calls under way and the queue of their reports. Safe to share between threads."""

    def __init__(self, reports: Queue) -> None:
        self._reports = reports
        self._ringing: dict[str, Call] = {}
        self._serial = itertools.count(1)
        self._lock = threading.Lock()
        self.rings: Callable[[str, tuple[str, ...]], None] = lambda _number, _keys: None
        """Called with the number and the keys offered when a phone rings."""

    def begin(self, parameters: Mapping[str, str], number: str) -> dict[str, Any]:
        """Let a phone ring (IvrCall): the provider's answer."""
        template, out_id = parameters.get("StartCode", ""), parameters.get("OutId", "")
        if not parameters.get("CalledShowNumber"):
            return {"Code": "isv.INVALID_PARAMETERS", "Message": "CalledShowNumber"}
        if len(out_id.encode()) > _LONGEST_OUT_ID:
            return {"Code": "isv.INVALID_PARAMETERS", "Message": "OutId"}
        if not template.startswith(TTS):
            return {"Code": "isv.TTS_TEMPLATE_ILLEGAL", "Message": "TTS模板不合法"}
        keys = tuple(value for name, value in sorted(parameters.items()) if name.startswith("MenuKeyMap.") and name.endswith(".Key"))
        now = time.time()
        call = Call(f"{int(now * 1000)}^{next(self._serial):09d}", number, out_id, template, keys, now)
        with self._lock:
            self._ringing[call.id] = call
        self.rings(number, keys)
        return {"Code": "OK", "Message": "OK", "CallId": call.id}

    def ringing(self) -> list[dict[str, Any]]:
        """The calls that nobody has ended."""
        with self._lock:
            return [{"id": call.id, "number": call.number, "template": call.template, "keys": list(call.keys)} for call in self.calls()]

    def calls(self) -> list[Call]:
        """As `ringing`, for one who holds the lock."""
        return list(self._ringing.values())

    def end(self, number: str, keys: str, *, automatic: bool = False) -> str | None:
        """Press keys in the oldest call to a number, none to let it ring out; the call's id, or None when there is none.

        `automatic`: no person pressed them.
        """
        with self._lock:
            call = next((one for one in self.calls() if one.number == number), None)
            if call is None:
                return None
            del self._ringing[call.id]
        now = time.time()
        report = {
            "call_id": call.id,
            "start_time": china_time(call.at_s) if keys else "",
            "end_time": china_time(now),
            "duration": str(round(now - call.at_s)) if keys else "0",
            "status_code": _ENDED if keys else _NOBODY,
            "status_msg": "用户听完语音" if keys else "无人接听",
            "out_id": call.out_id,
            "dtmf": keys,
            **({"automatic": True} if automatic else {}),
        }
        self._reports.put(report)
        return call.id
