"""Calls people through Alibaba Cloud Voice with the vendor's own client: a text is spoken, and a key answers it."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from drill.adapters.sms_aliyun_errors import failed, refused
from drill.adapters.sms_aliyun_sdk import Account, open_client
from drill.model.codes import LONG_DIGITS
from drill.model.errors import PreflightFailed
from drill.model.ports import OutboundMessage, SendResult
from drill.model.ports_people import Way
from drill.model.routing import reach_of
from drill.model.wording import ASKS

PROVIDER: Final = "aliyun-voice"
KEYS: Final = ("1", "2", "9")
_LOG: Final = logging.getLogger(__name__)
_OUT_ID_BYTES: Final = 15
_PLAYED: Final = 2
_KEY_WITHIN_MS: Final = 10_000
_PER_SECOND: Final = 10.0
_NO_CODE: Final = "A destructive question is answered with its code, and a code is not spoken: ask by text."


@dataclass(frozen=True)
class Script:
    """What is spoken. `asks` maps purpose to language to template; `thanks`, by language, follows a key. `show` is the number shown."""

    show: str = field(repr=False)
    asks: Mapping[str, Mapping[str, str]]
    thanks: Mapping[str, str]


class VoiceMessenger:
    """Asks by a call (port Messenger); the call's id binds the keys to the question. Safe to share between threads.

    No code is spoken: a call goes to one number, answers come under its id alone, and a mailbox may record what is said. A destructive
    question needs its code, so no call is made for it. What became of a call comes with its keys; there is no look-up.
    """

    def __init__(self, account: Account, script: Script, *, channel: str = "voice", per_second: float = 0.0) -> None:
        self.channel = channel
        self._account = account
        self._script = script
        self._per_second = per_second or _PER_SECOND
        self._opened: tuple[Any, Any] | None = None
        self._opening = threading.Lock()

    def warm(self) -> None:
        """Import the SDK ahead of the first call. Raises: PreflightFailed: it is not installed (F024)."""
        try:
            self._sdk()
        except ImportError as error:
            raise PreflightFailed("calls cannot be made.", code="F068", fix="pip install 'dr-drill[voice]'") from error

    def way(self, message: OutboundMessage) -> Way:
        """Whose rate it counts against; there is no look-up."""
        return Way(PROVIDER, self._per_second, traceable=False)

    def look_up(self, message: OutboundMessage) -> Literal["accepted", "delivered", "failed", "unknown"]:
        """Unknown, always: the report of a call comes by itself."""
        return "unknown"

    def send(self, message: OutboundMessage) -> SendResult:
        """Call once; never repeats a call that was not answered by the provider."""
        template = self._script.asks.get(message.purpose, {}).get(message.language)
        thanks = self._script.thanks.get(message.language)
        if message.purpose not in ASKS or template is None or thanks is None:
            return SendResult("rejected", PROVIDER, code="no-template", detail=f"No call is made for {message.purpose} in this language.")
        if len(message.variables.get("code", "")) >= LONG_DIGITS:
            return SendResult("rejected", PROVIDER, code="needs-code", detail=_NO_CODE)
        if reach_of(message.address) != "mainland":
            return SendResult("rejected", PROVIDER, code="not-mainland", detail="Calls go to mainland numbers only.")
        result = self._called(message, template, thanks)
        if result.state != "accepted":
            _LOG.warning("voice.not_accepted", extra={"message_id": message.id, "state": result.state, "code": result.code})
        return result

    def _called(self, message: OutboundMessage, template: str, thanks: str) -> SendResult:
        try:
            client, models = self._sdk()
            body = client.ivr_call(
                models.IvrCallRequest(
                    called_show_number=self._script.show,
                    called_number=message.address.removeprefix("+86"),
                    start_code=template,
                    start_tts_params=_spoken(message.variables),
                    menu_key_map=[models.IvrCallRequestMenuKeyMap(key=key, code=thanks) for key in KEYS],
                    bye_code=thanks,
                    play_times=_PLAYED,
                    timeout=_KEY_WITHIN_MS,
                    out_id=out_id_of(message.id),
                )
            ).body
            code, said, call_id = str(body.code), str(body.message or ""), str(body.call_id or "")
        except Exception as error:  # noqa: BLE001 - whatever it raises, the call's state must be said
            return _ours(failed(error))
        return SendResult("accepted", PROVIDER, call_id, code="OK", traceable=False) if code == "OK" else _ours(refused(code, said))

    def _sdk(self) -> tuple[Any, Any]:
        with self._opening:
            if self._opened is None:
                from alibabacloud_dyvmsapi20170525 import models
                from alibabacloud_dyvmsapi20170525.client import Client

                self._opened = (open_client(Client, self._account), models)
            return self._opened


def out_id_of(message_id: str) -> str:
    """Our message id as the 15 bytes that a call may carry."""
    return hashlib.sha256(message_id.encode()).hexdigest()[:_OUT_ID_BYTES]


def _spoken(variables: Mapping[str, str]) -> str:
    return json.dumps({name: value for name, value in variables.items() if name != "code"}, ensure_ascii=False)


def _ours(result: SendResult) -> SendResult:
    return SendResult(result.state, PROVIDER, code=result.code, detail=result.detail, retryable=result.retryable, traceable=False)
