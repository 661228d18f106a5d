"""How a person or a test talks to the carrier: read the phone, answer, change its mode, order faults."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from drill.model.replies import normalise_number
from drill.sandbox.acs3 import Request
from drill.sandbox.carrier_calls import Calls
from drill.sandbox.carrier_faults import Faults
from drill.sandbox.carrier_ledger import Ledger, china_time, write_private
from drill.sandbox.carrier_push import Delivery, inbound_of
from drill.sandbox.phone_person import MODE_FILE, MODES

Answer = tuple[int, dict[str, Any]]

LONGEST_WAIT_S: Final = 30.0


class Switchboard:
    """The JSON endpoint behind a bearer token, and the way an answer takes to the customer."""

    def __init__(self, directory: Path, *, ledger: Ledger, delivery: Delivery, faults: Faults) -> None:
        self._directory = directory
        self._ledger = ledger
        self.delivery = delivery
        self._faults = faults
        self.calls: Calls | None = None
        self.token = (directory / "phone-token").read_text(encoding="utf-8")

    def answer(self, request: Request) -> Answer:
        """Status and body for one request of somebody who has shown the token."""
        routes: dict[tuple[str, str], Callable[[Mapping[str, Any]], Answer]] = {
            ("GET", "/phone/messages"): self._messages,
            ("POST", "/phone/reply"): self._reply,
            ("POST", "/phone/mode"): self._mode,
            ("GET", "/phone/calls"): lambda _given: (200, {"calls": self.calls.ringing() if self.calls else []}),
            ("POST", "/phone/keys"): self._keys,
            ("POST", "/inbound"): self._set_inbound,
            ("POST", "/faults"): self._order_fault,
            ("DELETE", "/faults"): self._clear_faults,
        }
        route = routes.get((request.method, request.path))
        if route is None:
            return 404, {"error": f"there is no {request.method} {request.path}"}
        try:
            given = dict(parse_qsl(request.query)) if request.method == "GET" else json.loads(request.body or b"{}")
            return route(given) if isinstance(given, dict) else (400, {"error": "expected a JSON object"})
        except (ValueError, TypeError) as error:
            return 400, {"error": str(error)}

    def reply(self, number: str, text: str, *, automatic: bool = False) -> str | None:
        """Carry an answer to the customer as the vendor words it; its message's id in the queue, or None when it does not go there."""
        fault = self._faults.take("Reply")
        kind = fault.fault if fault else ""
        if kind == "drop":
            return None
        now = time.time()
        item = {
            "phone_number": number,
            "content": text,
            "send_time": china_time(now),
            "dest_code": "1069000012",
            "sequence_id": str(time.time_ns() // 1000),
            **({"automatic": True} if automatic else {}),
        }
        return self.delivery.reply(
            item, copies=2 if kind == "duplicate" else 1, after_s=fault.seconds if fault and kind == "delay" else 0.0
        )

    def _messages(self, given: Mapping[str, Any]) -> Answer:
        after, wait_s = int(given.get("after", "0")), min(float(given.get("wait", "0")), LONGEST_WAIT_S)
        return 200, {"messages": self._ledger.arrived(after=after, wait_s=wait_s), "answers": self._ledger.answers()}

    def _reply(self, given: Mapping[str, Any]) -> Answer:
        number, text = normalise_number(str(given.get("number", ""))), given.get("text")
        if number is None or not isinstance(text, str) or not text.strip():
            return 400, {"error": "expected {'number': a phone number, 'text': what the person typed}"}
        local = number.removeprefix("+86")
        self._ledger.answer(local, text, automatic=False)
        return 200, {"id": self.reply(local, text)}

    def _keys(self, given: Mapping[str, Any]) -> Answer:
        number, keys = normalise_number(str(given.get("number", ""))), given.get("keys", "")
        if number is None or not isinstance(keys, str):
            return 400, {"error": "expected {'number': a phone number, 'keys': what was pressed}"}
        call = self.calls.end(number.removeprefix("+86"), keys) if self.calls else None
        return (200, {"id": call}) if call else (400, {"error": "no call rings there"})

    def _mode(self, given: Mapping[str, Any]) -> Answer:
        mode = given.get("mode")
        if mode not in MODES:
            return 400, {"error": f"a mode is one of {', '.join(MODES)}"}
        write_private(self._directory / MODE_FILE, f"{mode}\n")
        return 200, {"mode": mode}

    def _set_inbound(self, given: Mapping[str, Any]) -> Answer:
        self.delivery.set(inbound_of(given))
        return 200, {}

    def _order_fault(self, given: Mapping[str, Any]) -> Answer:
        fault = self._faults.order(given)
        return 200, {"action": fault.action, "fault": fault.fault, "times": fault.times}

    def _clear_faults(self, given: Mapping[str, Any]) -> Answer:
        self._faults.clear()
        return 200, {}
