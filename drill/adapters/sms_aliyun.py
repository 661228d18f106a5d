"""Sends texts through Alibaba Cloud SMS with the vendor's own client."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, Literal

from drill.adapters.sms_aliyun_errors import PROVIDER, Delivery, failed, meaning_of, redact, refused
from drill.adapters.sms_aliyun_limits import Terms, way
from drill.adapters.sms_aliyun_receipts import arrival_of, setback_of
from drill.adapters.sms_aliyun_sdk import Account, open_client
from drill.model.errors import PreflightFailed
from drill.model.ports import OutboundMessage, SendResult
from drill.model.ports_people import Arrival, Setback, Way

CHINA: Final = timezone(timedelta(hours=8))
_LOG: Final = logging.getLogger(__name__)
_PAGE: Final = 50
_PAGES: Final = 4
"""200 texts to one person in a day: more than any drill sends."""


class AliyunMessenger:
    """Texts to mainland numbers over SendSms; the message's id travels as OutId and finds it again. Safe to share between threads.

    `templates` maps purpose to language to template code. `endpoint` is host or host:port, `protocol` http or https.
    """

    channel = "sms"

    def __init__(
        self,
        endpoint: str,
        protocol: Literal["http", "https"],
        key_id: str,
        key_secret: str,
        sign: str,
        templates: Mapping[str, Mapping[str, str]],
        *,
        read_timeout_s: float = 5.0,
    ) -> None:
        self._account = Account(endpoint, protocol, key_id, key_secret, read_timeout_ms=round(read_timeout_s * 1000))
        self._sign = sign
        self._templates = templates
        self.terms = Terms()
        """What the account agreed with the provider."""
        self._opened: tuple[Any, Any] | None = None
        self._opening = threading.Lock()

    def warm(self) -> None:
        """Import the SDK and open a connection ahead of the first text: the import alone costs 1 to 5 s.

        Raises: PreflightFailed: the provider cannot be reached, or refuses the key or the sign (F020).
        """
        try:
            client, models = self._sdk()
            body = client.get_sms_sign(models.GetSmsSignRequest(sign_name=self._sign)).body
            code, said = str(body.code), str(body.message)
        except Exception as error:  # noqa: BLE001 - the SDK raises several unrelated families
            result = failed(error)
            raise PreflightFailed(f"the SMS provider does not answer: {result.code}: {result.detail}", code="F020") from None
        if code != "OK" or body.sign_status not in (1, None):
            raise PreflightFailed(f"the SMS sign cannot be used: {code}: {redact(said)}.", code="F020", fix=meaning_of(code).fix)

    def send(self, message: OutboundMessage) -> SendResult:
        """Send once; never retries an unanswered send."""
        template = self._templates.get(message.purpose, {}).get(message.language)
        if template is None:
            fix = f"Add messages.sms.templates.{message.purpose}.{message.language} to the scenario."
            return SendResult("rejected", PROVIDER, code="no-template", detail=fix)
        parameters = json.dumps(dict(message.variables), ensure_ascii=False)
        try:
            client, models = self._sdk()
            request = models.SendSmsRequest(
                phone_numbers=message.address.removeprefix("+86"),
                sign_name=self._sign,
                template_code=template,
                template_param=parameters,
                out_id=message.id,
            )
            body = client.send_sms(request).body
            code, said, provider_id = str(body.code), str(body.message or ""), str(body.biz_id or "")
        except Exception as error:  # noqa: BLE001 - whatever it raises, the text's state must be said
            result = failed(error)
        else:
            result = SendResult("accepted", PROVIDER, provider_id, code="OK") if code == "OK" else refused(code, said)
        if result.state != "accepted":
            _LOG.warning("sms.not_accepted", extra={"message_id": message.id, "state": result.state, "code": result.code})
        return result

    def way(self, message: OutboundMessage) -> Way:
        """Whose rate it counts against, and what the carrier takes for its number."""
        template = self._templates.get(message.purpose, {}).get(message.language, "")
        return way(f"{self._account.endpoint}/{self._account.key_id}", self.terms, sign=self._sign, template=template)

    def look_up(self, message: OutboundMessage) -> Delivery:
        """What became of a send, by its OutId; `unknown` when the provider has not seen it or does not answer."""
        return self.trace(message).state

    def setback(self, message: OutboundMessage, code: str) -> Setback:
        """As the provider's receipts mean it."""
        return setback_of(code)

    def trace(self, message: OutboundMessage) -> Arrival:
        """As `look_up`, with the receipt's code."""
        today = datetime.now(UTC).astimezone(CHINA)
        days = [today] if today.hour else [today, today - timedelta(days=1)]  # just after midnight it may be yesterday's
        try:
            rows = [row for day in days for row in self._details(message.address, day.strftime("%Y%m%d")) if row.out_id == message.id]
        except Exception as error:  # noqa: BLE001 - not knowing is an answer here
            _LOG.warning("sms.not_looked_up", extra={"message_id": message.id, "code": failed(error).code})
            return Arrival("unknown")
        return arrival_of(rows)

    def _details(self, number: str, day: str) -> list[Any]:
        client, models = self._sdk()
        rows: list[Any] = []
        for page in range(1, _PAGES + 1):
            request = models.QuerySendDetailsRequest(
                phone_number=number.removeprefix("+86"), send_date=day, page_size=_PAGE, current_page=page
            )
            body = client.query_send_details(request).body
            found = body.sms_send_detail_dtos.sms_send_detail_dto if body.sms_send_detail_dtos else []
            rows += found
            if len(found) < _PAGE:
                break
        return rows

    def _sdk(self) -> tuple[Any, Any]:
        """The SDK's client and its request models, imported on first use."""
        with self._opening:
            if self._opened is None:
                from alibabacloud_dysmsapi20170525 import models
                from alibabacloud_dysmsapi20170525.client import Client

                self._opened = (open_client(Client, self._account), models)
            return self._opened
