"""The carrier's HTTP side: verifies who calls, lets ordered faults happen, and answers as the vendor does."""

from __future__ import annotations

import hmac
import json
import re
import select
import socket
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl

from drill.sandbox.acs3 import Nonces, Request, SignatureRefused, verify_api, verify_queue
from drill.sandbox.carrier_api import Api, ApiRefused
from drill.sandbox.carrier_faults import Fault, Faults
from drill.sandbox.carrier_ledger import Ledger
from drill.sandbox.carrier_queue import Queue, delete_errors_xml, error_xml, messages_xml, visibility_xml
from drill.sandbox.carrier_switchboard import Switchboard
from drill.sandbox.loopback_http import LoopbackHandler, LoopbackServer

_HANDLE: Final = re.compile(r"<ReceiptHandle>([^<]+)<")


_NUMBERS: Final = (("numOfMessages", "1"), ("waitseconds", "0"), ("visibilityTimeout", "30"))
_NO_MESSAGE: Final = (404, error_xml("MessageNotExist", "Message not exist."))


class Carrier(LoopbackServer):
    """The server and what its threads share; `queues` by name."""

    request_queue_size = 128

    def __init__(
        self,
        port: int,
        *,
        api: Api,
        queues: Mapping[str, Queue],
        ledger: Ledger,
        faults: Faults,
        switchboard: Switchboard,
        secrets: Mapping[str, str],
    ) -> None:
        super().__init__(port, _Handler)
        self.api = api
        self.queues = queues
        self.ledger = ledger
        self.faults = faults
        self.switchboard = switchboard
        self.secrets = secrets
        self.nonces = Nonces()
        self.ending = threading.Event()

    def end(self) -> None:
        """Stop serving and let every waiting call return."""
        self.ending.set()
        for queue in self.queues.values():
            queue.close()
        self.switchboard.delivery.close()
        self.ledger.close()
        super().end()


class _Handler(LoopbackHandler):
    server: Carrier

    def serve(self, body: bytes) -> None:
        target = self.path if self.path.startswith("/") else "/" + self.path.split("/", 3)[-1]
        request = Request(self.command, target, dict(self.headers.items()), body)
        if request.path.startswith("/queues/"):
            self._serve_queue(request)
        elif request.path == "/":
            self._serve_api(request)
        else:
            self._serve_person(request)

    do_GET = do_PUT = do_DELETE = LoopbackHandler.do_POST  # noqa: N815 - named by http.server

    # ---- the API

    def _serve_api(self, request: Request) -> None:
        action = request.headers.get("x-acs-action", "")
        extra = {"x-acs-request-id": str(uuid.uuid4()).upper()}
        fault: Fault | None = None
        status = 200
        try:
            verify_api(request, self.server.secrets, now=datetime.now(UTC), nonces=self.server.nonces)
            fault = self.server.faults.take(action)
            answer = self._answer_api(action, request, fault)
        except (SignatureRefused, ApiRefused) as refused:
            status = refused.status
            answer = {"Code": refused.code, "Message": refused.message, "HostId": request.headers.get("host", ""), "Recommend": ""}
            if isinstance(refused, ApiRefused) and refused.retry_after_ms is not None:
                extra["x-acs-retry-after"] = str(refused.retry_after_ms)
        if self._silenced(fault):
            return
        body = json.dumps({**answer, "RequestId": extra["x-acs-request-id"]}, ensure_ascii=False)
        body = "<html>proxy error</html>" if fault and fault.fault == "garbage" else body
        self.answer(status, body.encode(), "application/json;charset=utf-8", extra)

    def _answer_api(self, action: str, request: Request, fault: Fault | None) -> dict[str, Any]:
        if fault and fault.fault == "reject":
            return {"Code": fault.code, "Message": fault.message or fault.code}
        if fault and fault.fault == "error":
            raise ApiRefused(fault.status, fault.code or "InternalError", fault.message or fault.code, fault.retry_after_ms)
        if fault and fault.fault == "delay":
            self.server.ending.wait(fault.seconds)
        if fault and fault.fault in {"hang", "garbage"} and not fault.effect:
            return {}
        parameters = dict(parse_qsl(request.query, keep_blank_values=True))
        parameters |= dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        return self.server.api.call(action, request.headers["x-acs-version"], parameters, fault)

    def _silenced(self, fault: Fault | None) -> bool:
        if fault is None or fault.fault != "hang":
            return False
        self.server.ending.wait(fault.seconds)
        self.close_connection = True
        return True

    # ---- the queue

    def _serve_queue(self, request: Request) -> None:
        fault: Fault | None = None
        try:
            verify_queue(request, self.server.api.live_tokens(), now=datetime.now(UTC))
            fault = self.server.faults.take({"GET": "Receive", "DELETE": "Delete"}.get(request.method, ""))
            if fault and fault.fault in {"error", "reject"}:
                status, body = fault.status, error_xml(fault.code or "InternalError", fault.message)
            else:
                if fault and fault.fault == "delay":
                    self.server.ending.wait(fault.seconds)
                status, body = self._answer_queue(request)
        except SignatureRefused as refused:
            status, body = refused.status, error_xml(refused.code, refused.message)
        if self._silenced(fault):
            return
        body = "<html>proxy error" if fault and fault.fault == "garbage" else body
        extra = {"x-mns-version": "2015-06-06", "x-mns-request-id": uuid.uuid4().hex.upper()}
        self.answer(status, body.encode(), "text/xml;charset=utf-8", extra)

    def _answer_queue(self, request: Request) -> tuple[int, str]:
        queue = self.server.queues.get(request.path.removeprefix("/queues/").removesuffix("/messages"))
        if queue is None:
            return 404, error_xml("QueueNotExist", "The queue name you provided is not exist.")
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        count, wait_s, seconds = (query.get(name, default) for name, default in _NUMBERS)
        if not (count + wait_s + seconds).isdecimal() or not 1 <= int(count) <= 16:
            return 400, error_xml("InvalidArgument", "The value of a query parameter is invalid.")
        if request.method == "GET":
            parcels = queue.receive(int(count), float(wait_s), wanted=self._still_there)
            return (200, messages_xml(parcels, many="numOfMessages" in query)) if parcels else _NO_MESSAGE
        handle = query.get("receiptHandle", query.get("ReceiptHandle", ""))
        if request.method == "PUT":
            changed = queue.change_visibility(handle, float(seconds))
            return (200, visibility_xml(changed)) if changed else _NO_MESSAGE
        unknown = queue.delete([handle] if handle else _HANDLE.findall(request.body.decode(errors="replace")))
        if unknown:
            return _NO_MESSAGE if handle else (404, delete_errors_xml(unknown))
        return 204, ""

    def _still_there(self) -> bool:
        """Whether the caller has not hung up: an answer handed to a dead engine would be invisible for half a minute."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return not readable or self.connection.recv(1, socket.MSG_PEEK) != b""

    # ---- people and tests

    def _serve_person(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.server.switchboard.token}".encode()):
            status, answer = 401, {"error": "the bearer token in the file 'phone-token' is needed"}
        else:
            status, answer = self.server.switchboard.answer(request)
        self.answer(status, json.dumps(answer, ensure_ascii=False).encode(), "application/json;charset=utf-8")
