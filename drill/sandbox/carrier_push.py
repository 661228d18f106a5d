"""How the carrier hands over answers and receipts: to its queues, or by HTTP push to an address of the customer's, or both."""

from __future__ import annotations

import heapq
import http.client
import itertools
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from drill.sandbox.carrier_ledger import write_private
from drill.sandbox.carrier_queue import Queue

WAYS: Final = ("none", "queue", "push", "both")
ANSWER_WITHIN_S: Final = 0.7
AGAIN_AFTER_S: Final = (1.0, 5.0, 10.0)
"""The vendor waits 1, 5 and 10 minutes; a drill of seconds gets seconds."""
_FILE: Final = "carrier-inbound.json"
_TAKEN: Final = '{"code":0'
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Inbound:
    """What the customer has set in the console: which way answers and receipts go, and where pushes go."""

    replies: str = "queue"
    receipts: str = "none"
    url: str = ""


def inbound_of(given: Mapping[str, Any]) -> Inbound:
    """The settings a customer sends. Raises: ValueError: a way is unknown, or pushes have no loopback address to go to."""
    known = {each.name for each in fields(Inbound)}
    if set(given) - known or any(not isinstance(value, str) for value in given.values()):
        raise ValueError(f"expected texts under {sorted(known)}")
    found = Inbound(**given)
    parts = urlsplit(found.url)
    if found.replies not in WAYS[1:] or found.receipts not in WAYS:
        raise ValueError(f"replies go by {', '.join(WAYS[1:])}; receipts by {', '.join(WAYS)}")
    pushed = {found.replies, found.receipts} & {"push", "both"}
    if (pushed or found.url) and (parts.scheme != "http" or parts.hostname not in _LOOPBACK or not parts.port):
        raise ValueError("pushes go to an address such as http://127.0.0.1:8080/sms/SECRET")
    return found


class Delivery:
    """Hands items over as the settings say; what is pushed and not taken is pushed again, then given up. Safe to share between threads."""

    def __init__(self, directory: Path, replies: Queue, receipts: Queue) -> None:
        self._path = directory / _FILE
        self._queues = {"replies": replies, "receipts": receipts}
        self._inbound = inbound_of(json.loads(self._path.read_text(encoding="utf-8"))) if self._path.exists() else Inbound()
        self._due: list[tuple[float, int, str, dict[str, Any], int]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self.given_up = 0
        self._thread = threading.Thread(target=self._work, name="push", daemon=True)
        self._thread.start()

    def set(self, inbound: Inbound) -> None:
        """Go other ways from now on; remembered over a restart."""
        with self._changed:
            self._inbound = inbound
            write_private(self._path, json.dumps(asdict(inbound)))

    def reply(self, item: Mapping[str, Any], *, copies: int = 1, after_s: float = 0.0) -> str | None:
        """Hand an answer over; the id of its message in the queue, if it goes there."""
        return self._hand_over("replies", self._inbound.replies, item, copies, after_s)

    def receipt(self, item: Mapping[str, Any], *, after_s: float = 0.0) -> None:
        """Hand a receipt over, once its time has come."""
        self._hand_over("receipts", self._inbound.receipts, item, 1, after_s)

    def close(self) -> None:
        """Push no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _hand_over(self, what: str, way: str, item: Mapping[str, Any], copies: int, after_s: float) -> str | None:
        message = self._queues[what].put(item, copies=copies, after_s=after_s) if way in {"queue", "both"} else None
        if way in {"push", "both"}:
            for _ in range(copies):
                self._schedule(time.monotonic() + after_s, self._inbound.url, dict(item), 0)
        return message

    def _schedule(self, at_s: float, url: str, item: dict[str, Any], tries: int) -> None:
        with self._changed:
            heapq.heappush(self._due, (at_s, next(self._order), url, item, tries))
            self._changed.notify_all()

    # ------------------------------------------------------------ the thread

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (not self._due or self._due[0][0] > time.monotonic()):
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._closed:
                    return
                _, _, url, item, tries = heapq.heappop(self._due)
            if taken(url, item):
                continue
            if tries < len(AGAIN_AFTER_S):
                self._schedule(time.monotonic() + AGAIN_AFTER_S[tries], url, item, tries + 1)
            else:
                self.given_up += 1


def taken(url: str, item: Mapping[str, Any]) -> bool:
    """Push one item in a batch of its own; whether the customer took it in time, in the words the vendor wants."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=ANSWER_WITHIN_S)
    began_s = time.monotonic()
    try:
        body = json.dumps([dict(item)], ensure_ascii=False).encode()
        connection.request("POST", parts.path, body, {"Content-Type": "application/json;charset=utf-8"})
        response = connection.getresponse()
        text = response.read(1000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return response.status == 200 and text.replace(" ", "").startswith(_TAKEN) and time.monotonic() - began_s <= ANSWER_WITHIN_S
