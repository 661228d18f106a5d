"""Serves APIs of Alibaba Cloud on loopback; every request must be signed as the service wants it."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol
from urllib.parse import parse_qsl

from drill.sandbox.acs3 import Nonces, Request, SignatureRefused, verify_api
from drill.sandbox.alidns_api import AlidnsRefused, nested
from drill.sandbox.loopback_http import LoopbackHandler, LoopbackServer

VERSION: Final = "2015-01-09"

Fault = Literal["throttled", "unavailable", "lost", "garbage", "gone"]
"""What befalls one call: refused before or after, carried out and never answered, answered with nonsense, or not even carried out."""


class Actions(Protocol):
    """Some of an API's actions. `version` is that of the API, where it is not the one of Alibaba Cloud DNS."""

    @property
    def actions(self) -> frozenset[str]:
        """Their names."""

    def call(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """Carry one out. Raises: AlidnsRefused."""


class AlidnsServer(LoopbackServer):
    """The server and what its threads share. `secrets`: access key id to secret."""

    def __init__(self, parts: Sequence[Actions], secrets: Mapping[str, str], port: int = 0) -> None:
        super().__init__(port, _Handler)
        self.parts = tuple(parts)
        self.secrets = dict(secrets)
        self.nonces = Nonces()
        self.log: list[str] = []
        """The actions that were carried out, in order."""
        self._faults: list[tuple[str, Fault]] = []
        self._faults_lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        """Host and port."""
        return self.place

    def order(self, action: str, *faults: Fault) -> None:
        """What befalls the next calls of an action, one after the other."""
        with self._faults_lock:
            self._faults += [(action, fault) for fault in faults]

    def take(self, action: str) -> Fault | None:
        """The fault that befalls this call."""
        with self._faults_lock:
            for at, (name, fault) in enumerate(self._faults):
                if name == action:
                    del self._faults[at]
                    return fault
        return None


class _Handler(LoopbackHandler):
    server: AlidnsServer

    def serve(self, body: bytes) -> None:
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        action = request.headers.get("x-acs-action", "")
        fault: Fault | None = None
        status = 200
        try:
            verify_api(request, self.server.secrets, now=datetime.now(UTC), nonces=self.server.nonces)
            fault = self.server.take(action)
            answer = self._carry_out(action, request, fault)
        except (SignatureRefused, AlidnsRefused) as refused:
            status = refused.status
            answer = {"Code": refused.code, "Message": refused.message, "HostId": request.headers.get("host", ""), "Recommend": ""}
        if fault in {"lost", "gone"}:
            self.close_connection = True
            return
        said = b"<html>proxy error</html>" if fault == "garbage" else json.dumps(answer | _request_id()).encode()
        self.answer(status, said, "application/json;charset=utf-8")

    do_GET = LoopbackHandler.do_POST  # noqa: N815 - named by http.server

    def _carry_out(self, action: str, request: Request, fault: Fault | None) -> dict[str, Any]:
        if fault == "throttled":
            raise AlidnsRefused("Throttling.User", "Request was denied due to user flow control.", 400)
        if fault == "unavailable":
            raise AlidnsRefused("ServiceUnavailable", "The request has failed due to a temporary failure of the server.", 503)
        if fault == "gone":
            return {}
        version = request.headers["x-acs-version"]
        part = next((part for part in self.server.parts if action in part.actions and getattr(part, "version", VERSION) == version), None)
        if part is None:
            raise AlidnsRefused("InvalidAction.NotFound", f"Specified api is not found: {action}", 404)
        parameters = dict(parse_qsl(request.query, keep_blank_values=True))
        parameters |= dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        try:
            answer = part.call(action, nested(parameters))
        except KeyError as missing:
            raise AlidnsRefused("MissingParameter", f"The input parameter {missing} is mandatory.") from missing
        self.server.log.append(action)
        return answer


def _request_id() -> dict[str, str]:
    return {"RequestId": str(uuid.uuid4()).upper()}
