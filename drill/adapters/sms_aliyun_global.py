"""Sends texts to numbers outside mainland China through Alibaba's international API, with the vendor's generic client."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Any, Final, Literal

from drill.adapters.sms_aliyun_errors import failed, refused
from drill.adapters.sms_aliyun_sdk import Account, open_client
from drill.model.errors import PreflightFailed
from drill.model.ports import OutboundMessage, SendResult
from drill.model.ports_people import Way
from drill.model.replies import normalise_number
from drill.model.routing import reach_of
from drill.model.wording import render

PROVIDER: Final = "aliyun-global"
_PER_SECOND: Final = 2000.0
ENDPOINT: Final = "dysmsapi.ap-southeast-1.aliyuncs.com"
_VERSION: Final = "2018-05-01"
_LOG: Final = logging.getLogger(__name__)


class AliyunGlobalMessenger:
    """Free texts over SendMessageToGlobe (port Messenger). `sender` is 1 to 11 letters and digits, or 1 to 15 digits. Safe between threads.

    A send that was not answered cannot be looked up: the API finds messages only by the id its answer would have held.
    """

    channel = "sms"

    def __init__(self, account: Account, *, sender: str = "", per_second: float = 0.0) -> None:
        self._account = account
        self._sender = sender
        self._per_second = per_second
        self._client: Any = None
        self._opening = threading.Lock()

    def warm(self) -> None:
        """Import the SDK ahead of the first text. Raises: PreflightFailed: it is not installed (F020)."""
        try:
            self._opened()
        except ImportError as error:
            result = failed(error)
            raise PreflightFailed("the Alibaba SDK cannot be used.", code="F020", fix=result.detail) from error

    def send(self, message: OutboundMessage) -> SendResult:
        """Send once; never retries an unanswered send. A mainland number is refused here, whatever the settings say."""
        if reach_of(message.address) != "abroad":
            return SendResult("rejected", PROVIDER, code="not-abroad", detail="This API carries no texts to mainland China.")
        try:
            text = render(message.purpose, message.language, message.variables)
        except ValueError as error:
            return SendResult("rejected", PROVIDER, code="text", detail=str(error), traceable=False)
        try:
            body = self._ask(str(normalise_number(message.address)).removeprefix("+"), text)
            code, said = str(body.get("ResponseCode", "")), str(body.get("ResponseDescription", ""))
        except Exception as error:  # noqa: BLE001 - whatever it raises, the text's state must be said
            result = failed(error)
        else:
            accepted = SendResult("accepted", PROVIDER, str(body.get("MessageId", "")), code="OK")
            result = accepted if code == "OK" else refused(code, said)
        if result.state != "accepted":
            _LOG.warning("sms.not_accepted", extra={"message_id": message.id, "state": result.state, "code": result.code})
        return replace(result, provider=PROVIDER, traceable=False)

    def way(self, message: OutboundMessage) -> Way:
        """Whose rate it counts against; there is no look-up."""
        return Way(PROVIDER, self._per_second or _PER_SECOND, traceable=False)

    def look_up(self, message: OutboundMessage) -> Literal["accepted", "delivered", "failed", "unknown"]:
        """Unknown, always."""
        return "unknown"

    def _ask(self, number: str, text: str) -> dict[str, Any]:
        from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
        from darabonba.runtime import RuntimeOptions

        action = Params(
            action="SendMessageToGlobe",
            version=_VERSION,
            protocol=self._account.protocol.upper(),
            pathname="/",
            method="POST",
            auth_type="AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        query = {"To": number, "Message": text, **({"From": self._sender} if self._sender else {})}
        answer: dict[str, Any] = self._opened().call_api(action, OpenApiRequest(query=query), RuntimeOptions())
        body: dict[str, Any] = answer["body"]
        return body

    def _opened(self) -> Any:
        with self._opening:
            if self._client is None:
                from alibabacloud_tea_openapi.client import Client

                self._client = open_client(Client, self._account)
            return self._client
