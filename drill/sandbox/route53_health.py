"""Route 53's health checks in the sandbox: probes the endpoints on file, and decides as the service does."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

_TIMEOUT_S: Final = 2.0
_LOOK_S: Final = 0.05
_READ: Final = 5120
PROBED: Final = frozenset({"HTTP", "HTTP_STR_MATCH", "TCP"})


class Health:
    """What the checks say. `checks` are moto's, by id; `speed` shortens the service's intervals, which are 10 s at best."""

    def __init__(self, checks: Callable[[], Mapping[str, Any]], *, speed: float = 1.0) -> None:
        self._checks = checks
        self._speed = speed
        self._observed: dict[str, bool] = {}
        self._against: dict[str, int] = {}
        self._due_s: dict[str, float] = {}

    def observed(self, identifier: str) -> bool:
        """What the probes saw; healthy until the threshold says otherwise."""
        return self._observed.get(identifier, True)

    def up(self, identifier: str) -> bool:
        """What DNS answers by. A disabled check counts as healthy, and only then it may be inverted: both together force it down."""
        check = self._checks().get(identifier)
        if check is None:
            return True
        state = True if is_true(check.disabled) else self.observed(identifier)
        return not state if is_true(check.inverted) else state

    def run(self, over: threading.Event) -> None:
        """Probe until `over`."""
        while not over.wait(_LOOK_S / self._speed):
            for identifier, check in list(self._checks().items()):
                if check.type_ in PROBED and self._due_s.get(identifier, 0.0) <= time.monotonic():
                    self._due_s[identifier] = time.monotonic() + int(check.request_interval) / self._speed
                    self._take(identifier, check, well=_probe(check, _TIMEOUT_S / self._speed))

    def _take(self, identifier: str, check: Any, *, well: bool) -> None:
        against = 0 if well == self.observed(identifier) else self._against.get(identifier, 0) + 1
        if against >= int(check.failure_threshold):
            self._observed[identifier], against = well, 0
        self._against[identifier] = against


def is_true(value: Any) -> bool:
    """A flag as moto keeps it: a word, or a boolean."""
    return str(value).lower() == "true"


def _probe(check: Any, timeout_s: float) -> bool:
    host, port = check.ip_address or check.fqdn, int(check.port)
    try:
        if check.type_ == "TCP":
            socket.create_connection((host, port), timeout_s).close()
            return True
        connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
        try:
            connection.request("GET", check.resource_path or "/", headers={"Host": check.fqdn or host, "Connection": "close"})
            response = connection.getresponse()
            return 200 <= response.status < 400 and (check.search_string or "").encode() in response.read(_READ)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False
