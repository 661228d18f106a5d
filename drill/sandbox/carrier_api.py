"""The carrier's API as the vendor's SDK knows it: send, look up, templates, signs and queue tokens, version 2017-05-25."""

from __future__ import annotations

import itertools
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from drill.model.wording import CATALOGUE, Template, fill, fit
from drill.sandbox.carrier_calls import Calls
from drill.sandbox.carrier_faults import Fault
from drill.sandbox.carrier_ledger import CHINA, KEY_ID, QUEUE, RECEIPT_QUEUE, SIGN, VOICE_QUEUE, Ledger, Text, china_time

VERSION: Final = "2017-05-25"
Answer = dict[str, Any]

_NUMBER: Final = re.compile(r"(?:\+86|0086|86|\+)?(1[3-9]\d{9})")
_URL: Final = re.compile(r"https?://|www\.", re.IGNORECASE)
_OPERATORS: Final = ("mobile", "unicom", "telecom")


class ApiRefused(Exception):
    """An answer with an HTTP error; business refusals are answers with HTTP 200 instead."""

    def __init__(self, status: int, code: str, message: str, retry_after_ms: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms


class Api:
    """The actions. `arrived` is called with number and text for everything that reaches a phone."""

    def __init__(
        self, ledger: Ledger, arrived: Callable[[str, str], None], *, daily_limit: int, receipt_s: float, token_life_s: float
    ) -> None:
        self._ledger = ledger
        self._arrived = arrived
        self._daily_limit = daily_limit
        self._receipt_s = receipt_s
        self._token_life_s = token_life_s
        self.reported: Callable[..., None] = lambda _item, **_when: None
        """Called with a receipt as the vendor words it, and `after_s`, how much later it comes."""
        self._templates: dict[str, Template] = {template.code: template for template in CATALOGUE.values()}
        self._serial = itertools.count(1)
        self._tokens: dict[str, tuple[str, str, float]] = {}
        self._lock = threading.Lock()
        self.calls: Calls | None = None
        self._actions: dict[str, Callable[[Mapping[str, str], Fault | None], Answer]] = {
            "SendSms": self._send,
            "QuerySendDetails": self._look_up,
            "GetSmsTemplate": self._template,
            "GetSmsSign": self._sign,
            "QueryTokenForMnsQueue": self._token,
            "IvrCall": self._call,
        }

    def call(self, action: str, version: str, parameters: Mapping[str, str], fault: Fault | None) -> Answer:
        """Carry out one action whose signature was verified. Raises: ApiRefused: unknown action or version, or a parameter is missing."""
        if action not in self._actions:
            raise ApiRefused(404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.")
        if version != VERSION:
            raise ApiRefused(400, "InvalidVersion", "Specified parameter Version is not valid.")
        return self._actions[action](parameters, fault)

    def live_tokens(self) -> dict[str, tuple[str, str]]:
        """Queue keys that have not expired: key id to secret and security token."""
        now = time.time()
        with self._lock:
            self._tokens = {key: token for key, token in self._tokens.items() if token[2] > now}
            return {key: token[:2] for key, token in self._tokens.items()}

    def _send(self, parameters: Mapping[str, str], fault: Fault | None) -> Answer:
        given = [number for number in parameters.get("PhoneNumbers", "").split(",") if number]
        numbers = [match[1] for match in map(_NUMBER.fullmatch, given) if match]
        template = self._templates.get(parameters.get("TemplateCode", ""))
        if not given or len(given) > 1000:
            return _business("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制")
        if len(numbers) != len(given):
            return _business("isv.MOBILE_NUMBER_ILLEGAL", f"{given[0]}invalid mobile number")
        if parameters.get("SignName") != SIGN:
            return _business("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
        if template is None:
            return _business("isv.SMS_TEMPLATE_ILLEGAL", "模板不合法(不存在或被拉黑)")
        variables = _variables(parameters.get("TemplateParam", "{}"))
        refused = _refuse_variables(template, variables) or self._refuse_number(numbers, template.code)
        if refused or variables is None:
            return refused or _business("isv.INVALID_JSON_PARAM", "JSON参数不合法")
        biz_id = f"{int(time.time() * 1000)}{next(self._serial):06d}^0"
        content = f"【{SIGN}】{fill(template.content, variables)}"
        for number in numbers:
            self._deliver(Text(number, content, template.code, parameters.get("OutId", ""), biz_id, time.time()), fault)
        return {"Code": "OK", "Message": "OK", "BizId": biz_id}

    def _deliver(self, text: Text, fault: Fault | None) -> None:
        kind = fault.fault if fault else ""
        failure = (fault.code or "MOBILE_NOT_ON_SERVICE") if fault and kind == "undeliverable" else ""
        kept = Text(text.number, text.text, text.template, text.out_id, text.biz_id, text.at_s, kind == "drop", failure)
        for _ in range(2 if kind == "duplicate" else 1):
            self._ledger.accept(kept)
        if not kept.lost:
            self.reported(receipt_of(kept, self._receipt_s), after_s=self._receipt_s)
        if not (kept.lost or kept.failure):
            self._arrived(kept.number, kept.text)

    def _refuse_number(self, numbers: list[str], template: str) -> Answer | None:
        if not self._daily_limit:
            return None
        since = time.time() - 86_400
        sent = [text.number for text in self._ledger.texts() if text.template == template and text.at_s > since]
        if any(sent.count(number) >= self._daily_limit for number in numbers):
            return _business("isv.BUSINESS_LIMIT_CONTROL", f"触发天级流控Permits:{self._daily_limit}")
        return None

    def _look_up(self, parameters: Mapping[str, str], fault: Fault | None) -> Answer:
        match = _NUMBER.fullmatch(parameters.get("PhoneNumber", ""))
        page, size = parameters.get("CurrentPage", ""), parameters.get("PageSize", "")
        if not match or not re.fullmatch(r"\d{8}", parameters.get("SendDate", "")) or not page.isdecimal() or not size.isdecimal():
            return _business("isv.INVALID_PARAMETERS", "参数异常")
        rows = [
            text
            for text in reversed(self._ledger.texts())
            if text.number == match[1]
            and datetime.fromtimestamp(text.at_s, CHINA).strftime("%Y%m%d") == parameters["SendDate"]
            and parameters.get("BizId", text.biz_id) == text.biz_id
        ]
        count = min(int(size), 50)
        shown = rows[(int(page) - 1) * count : int(page) * count]
        details = [self._detail(text) for text in shown]
        return {"Code": "OK", "Message": "OK", "TotalCount": len(rows), "SmsSendDetailDTOs": {"SmsSendDetailDTO": details}}

    def _detail(self, text: Text) -> Answer:
        waiting = text.lost or time.time() - text.at_s < self._receipt_s
        status = 1 if waiting else 2 if text.failure else 3
        return {
            "PhoneNum": text.number,
            "Content": text.text,
            "TemplateCode": text.template,
            "OutId": text.out_id,
            "SendDate": china_time(text.at_s),
            "ReceiveDate": "" if waiting else china_time(text.at_s + self._receipt_s),
            "SendStatus": status,
            "ErrCode": {1: "", 2: text.failure, 3: "DELIVERED"}[status],
        }

    def _template(self, parameters: Mapping[str, str], fault: Fault | None) -> Answer:
        template = self._templates.get(parameters.get("TemplateCode", ""))
        if template is None:
            return _business("isv.SMS_TEMPLATE_ILLEGAL", "模板不存在")
        return {
            "Code": "OK",
            "Message": "OK",
            "TemplateCode": template.code,
            "TemplateName": template.name,
            "TemplateContent": template.content,
            "TemplateStatus": "1",
            "TemplateType": "1",
            "VariableAttribute": dict(template.attributes),
            "AuditInfo": {"AuditDate": "", "RejectInfo": ""},
        }

    def _sign(self, parameters: Mapping[str, str], fault: Fault | None) -> Answer:
        if parameters.get("SignName") != SIGN:
            return _business("isv.SMS_SIGNATURE_ILLEGAL", "签名不存在")
        registered = [{"OperatorCode": operator, "RegisterStatus": 3} for operator in _OPERATORS]
        return {"Code": "OK", "Message": "OK", "SignName": SIGN, "SignStatus": 1, "AuditInfo": {}, "SignIspRegisterDetailList": registered}

    def _call(self, parameters: Mapping[str, str], fault: Fault | None) -> Answer:
        match = _NUMBER.fullmatch(parameters.get("CalledNumber", ""))
        return self.calls.begin(parameters, match[1]) if match and self.calls else _business("isv.MOBILE_NUMBER_ILLEGAL", "invalid number")

    def _token(self, parameters: Mapping[str, str], fault: Fault | None) -> Answer:
        if {QUEUE: "SmsUp", RECEIPT_QUEUE: "SmsReport", VOICE_QUEUE: "VoiceReport"}.get(parameters.get("QueueName", "")) != parameters.get(
            "MessageType", ""
        ):
            return _business("isv.QUEUE_NOT_EXIST", "队列不存在")
        now = time.time()
        key, secret, token = f"STS.{secrets.token_hex(8)}", secrets.token_hex(16), secrets.token_hex(24)
        with self._lock:
            self._tokens[key] = (secret, token, now + self._token_life_s)
        times = {"CreateTime": china_time(now), "ExpireTime": china_time(now + self._token_life_s)}
        keys = {"AccessKeyId": key, "AccessKeySecret": secret, "SecurityToken": token}
        return {"Code": "OK", "Message": "OK", "MessageTokenDTO": {**keys, **times}}


def secrets_of(account: Mapping[str, Any]) -> dict[str, str]:
    """Who may call: key id to secret."""
    return {KEY_ID: account["key_secret"]}


def receipt_of(text: Text, receipt_s: float) -> Answer:
    """What the carrier reports of a text by itself; `receipt_s` is how long that takes."""
    return {
        "phone_number": text.number,
        "send_time": china_time(text.at_s),
        "report_time": china_time(text.at_s + receipt_s),
        "success": not text.failure,
        "err_code": text.failure or "DELIVERED",
        "err_msg": text.failure or "DELIVERED",
        "sms_size": "1",
        "biz_id": text.biz_id,
        "out_id": text.out_id,
    }


def _business(code: str, message: str) -> Answer:
    return {"Code": code, "Message": message}


def _variables(text: str) -> dict[str, str] | None:
    try:
        given = json.loads(text)
    except ValueError:
        return None
    return {name: str(value) for name, value in given.items()} if isinstance(given, dict) else None


def _refuse_variables(template: Template, variables: Mapping[str, str] | None) -> Answer | None:
    if variables is None:
        return _business("isv.INVALID_JSON_PARAM", "JSON参数不合法")
    values = [variables.get(name, "") for name in template.variables]
    if not all(values):
        return _business("isv.TEMPLATE_MISSING_PARAMETERS", "模板变量缺少对应参数值")
    if any(len(value) > 35 for value in values):
        return _business("isv.PARAM_LENGTH_LIMIT", "参数超出长度限制")
    if any(_URL.search(value) for value in values):
        return _business("isv.PARAM_NOT_SUPPORT_URL", "变量不支持传入URL")
    if any(value != fit(value) for value in values):
        return _business("isv.TEMPLATE_PARAMS_ILLEGAL", "变量不符合规范")
    return None
