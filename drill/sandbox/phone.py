"""The hands at the virtual phone: read its texts, answer them, change who answers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from drill.model.errors import UsageError
from drill.sandbox.phone_person import MODES, code_in


@dataclass(frozen=True)
class PhoneText:
    """A text on the phone. `code` is the reply code it asks for, if it asks."""

    number: str
    text: str
    template: str
    out_id: str
    at: datetime
    code: str | None


class Phone:
    """A client of the carrier that keeps its things in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def messages(self, *, after: int = 0, wait_s: float = 0.0) -> list[PhoneText]:
        """Texts beyond the first `after`, oldest first, waiting up to `wait_s` (at most 30 s) for one.

        Raises: UsageError: the carrier does not run (U020).
        """
        query = urlencode({"after": after, "wait": wait_s})
        rows = self._ask("GET", f"/phone/messages?{query}", timeout_s=wait_s + 5)["messages"]
        return [
            PhoneText(row["number"], row["text"], row["template"], row["out_id"], datetime.fromisoformat(row["at"]), code_in(row["text"]))
            for row in rows
        ]

    def answers(self) -> list[dict[str, Any]]:
        """What was answered so far: number, text, at, and whether the phone did it by itself. Raises: UsageError: as `messages`."""
        answers: list[dict[str, Any]] = self._ask("GET", "/phone/messages")["answers"]
        return answers

    def reply(self, number: str, text: str) -> None:
        """Answer from a number. Raises: UsageError: the carrier does not run (U020) or does not take it (U021)."""
        self._ask("POST", "/phone/reply", {"number": number, "text": text})

    def calls(self) -> list[dict[str, Any]]:
        """The calls that ring: id, number, template and the keys offered. Raises: UsageError: as `messages`."""
        found: list[dict[str, Any]] = self._ask("GET", "/phone/calls")["calls"]
        return found

    def press(self, number: str, keys: str) -> None:
        """Press keys in the call that rings at a number; none lets it ring out. Raises: UsageError: as `reply`."""
        self._ask("POST", "/phone/keys", {"number": number, "keys": keys})

    def set_mode(self, mode: str) -> None:
        """Change who answers from now on. Raises: UsageError: there is no such mode (U021), or as `messages`."""
        if mode not in MODES:
            raise UsageError(f"the phone has no mode '{mode}'.", code="U026", fix=f"Use one of {', '.join(MODES)}.")
        self._ask("POST", "/phone/mode", {"mode": mode})

    def set_inbound(self, *, replies: str, receipts: str = "none", url: str = "") -> None:
        """Choose how answers and receipts come: queue, push or both; pushes go to `url`. Raises: UsageError: as `reply`."""
        self._ask("POST", "/inbound", {"replies": replies, "receipts": receipts, "url": url})

    def order_fault(self, action: str, fault: str, **fields: Any) -> None:
        """Let the next calls of an action go wrong, as `carrier_faults.Fault` says. Raises: UsageError: as `reply`."""
        self._ask("POST", "/faults", {"action": action, "fault": fault, **fields})

    def clear_faults(self) -> None:
        """Let everything go well again. Raises: UsageError: as `messages`."""
        self._ask("DELETE", "/faults", {})

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, timeout_s: float = 5.0) -> dict[str, Any]:
        try:
            endpoint = json.loads((self._directory / "carrier.json").read_text(encoding="utf-8"))["endpoint"]
            token = (self._directory / "phone-token").read_text(encoding="utf-8")
            connection = http.client.HTTPConnection(endpoint, timeout=timeout_s)
            content = None if body is None else json.dumps(dict(body)).encode()
            try:
                connection.request(method, path, content, {"Authorization": f"Bearer {token}"})
                response = connection.getresponse()
                answer: dict[str, Any] = json.loads(response.read())
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise UsageError("the sandbox's phone does not answer.", code="U024", fix="Start it with 'drill sandbox up'.") from error
        if response.status != 200:
            raise UsageError(f"the sandbox's phone does not take this: {answer.get('error', response.status)}.", code="U026")
        return answer
