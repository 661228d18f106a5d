"""Sends texts to numbers outside mainland China through AWS: End User Messaging, or SNS where that is not set up."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from drill.adapters.aws_answers import no_page_for_an_answer
from drill.adapters.sms_aws_errors import failed
from drill.model.errors import PreflightFailed
from drill.model.ports import OutboundMessage, SendResult
from drill.model.ports_people import Way
from drill.model.replies import normalise_number
from drill.model.routing import reach_of
from drill.model.wording import render

_LOG: Final = logging.getLogger(__name__)
_TALKATIVE: Final = ("boto3", "botocore")
"""Loggers that show whole requests when a program logs everything: numbers and codes stand in them."""
_LIVES_S: Final = 300
"""A question that arrives later than this is of no use: the carrier may drop it."""
MESSAGE: Final = "drill-message"
"""Under this name our message id travels in a text's context, and comes back in its events."""


class Receipts(Protocol):
    """Knows from events what became of texts."""

    def state(self, message_id: str) -> Literal["accepted", "delivered", "failed", "unknown"]:
        """By our message id; unknown while nothing tells."""


@dataclass(frozen=True)
class AwsAccount:
    """Where and as whom to call. Without keys boto3 looks for them by itself; `endpoint` is for tests and private endpoints."""

    region: str
    endpoint: str | None = None
    key_id: str | None = None
    key_secret: str | None = field(default=None, repr=False)
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 5.0

    def open(self, service: str, *, read_timeout_s: float | None = None) -> Any:
        """A client that never repeats a call by itself: a send repeated is a text received twice."""
        import boto3
        from botocore.config import Config

        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)

        client = boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key_id,
            aws_secret_access_key=self.key_secret,
            config=Config(
                retries={"total_max_attempts": 1},
                connect_timeout=self.connect_timeout_s,
                read_timeout=read_timeout_s or self.read_timeout_s,
                **({"proxies": {}} if self.endpoint else {}),
            ),
        )
        return no_page_for_an_answer(client)


class AwsMessenger:
    """Texts over `pinpoint-sms-voice-v2` (port Messenger). `origination` is a number, pool or sender id. Safe to share between threads.

    AWS has no look-up: what became of a text is known from events alone, if a `configuration_set` sends them to the queue of `receipts`.
    """

    channel = "sms"
    provider = "aws"
    service = "pinpoint-sms-voice-v2"
    rate_per_second = 1.0
    """Of one long code, the slowest origination there is."""

    def __init__(
        self,
        account: AwsAccount,
        *,
        origination: str = "",
        per_second: float = 0.0,
        configuration_set: str = "",
        receipts: Receipts | None = None,
    ) -> None:
        self._account = account
        self._per_second = per_second
        self._origination = origination
        self._configuration_set = configuration_set
        self._receipts = receipts
        self._client: Any = None
        self._opening = threading.Lock()

    def warm(self) -> None:
        """Import boto3 and read the service's model ahead of the first text. Raises: PreflightFailed: it cannot be set up (F022)."""
        try:
            self._opened()
        except Exception as error:
            result = failed(error, provider=self.provider)
            raise PreflightFailed(f"AWS cannot be used for texts: {result.code}.", code="F022", fix=result.detail) from error

    def send(self, message: OutboundMessage) -> SendResult:
        """Send once; never retries an unanswered send. A mainland number is refused here, whatever the settings say."""
        if reach_of(message.address) != "abroad":
            return SendResult("rejected", self.provider, code="not-abroad", detail="AWS carries no texts to mainland China.")
        try:
            body = render(message.purpose, message.language, message.variables)
        except ValueError as error:
            return SendResult("rejected", self.provider, code="text", detail=str(error), traceable=False)
        try:
            sent = self._ask(message, body)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the text's state must be said
            result = failed(error, provider=self.provider)
            _LOG.warning("sms.not_accepted", extra={"message_id": message.id, "state": result.state, "code": result.code})
            return result
        return SendResult("accepted", self.provider, str(sent.get("MessageId", "")), code="OK", traceable=False)

    def way(self, message: OutboundMessage) -> Way:
        """Whose rate it counts against; there is no look-up."""
        return Way(self.provider, self._per_second or self.rate_per_second, traceable=False)

    def look_up(self, message: OutboundMessage) -> Literal["accepted", "delivered", "failed", "unknown"]:
        """What the events have told; unknown without them: AWS tells deliveries as events, not on demand."""
        return self._receipts.state(message.id) if self._receipts else "unknown"

    def _ask(self, message: OutboundMessage, body: str) -> Any:
        named = {"OriginationIdentity": self._origination, "ConfigurationSetName": self._configuration_set}
        return self._opened().send_text_message(
            DestinationPhoneNumber=normalise_number(message.address),
            MessageBody=body,
            MessageType="TRANSACTIONAL",
            TimeToLive=_LIVES_S,
            Context={MESSAGE: message.id[:800]},
            **{name: value for name, value in named.items() if value},
        )

    def _opened(self) -> Any:
        with self._opening:
            if self._client is None:
                self._client = self._account.open(self.service)
            return self._client


class AwsSnsMessenger(AwsMessenger):
    """Texts over SNS publish (port Messenger), for accounts without End User Messaging. `origination` is a sender id or number."""

    provider = "aws-sns"
    service = "sns"
    rate_per_second = 20.0

    def _ask(self, message: OutboundMessage, body: str) -> Any:
        attributes = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}}
        if self._origination:
            name = "AWS.MM.SMS.OriginationNumber" if self._origination.startswith("+") else "AWS.SNS.SMS.SenderID"
            attributes[name] = {"DataType": "String", "StringValue": self._origination}
        return self._opened().publish(PhoneNumber=normalise_number(message.address), Message=body, MessageAttributes=attributes)
