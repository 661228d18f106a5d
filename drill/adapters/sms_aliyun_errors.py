"""What an answer of the Alibaba SMS service means for a message: accepted, rejected, or in doubt. Never shows a number or a code."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from drill.adapters.sms_aliyun_limits import blocked_s
from drill.model.ports import SendResult

PROVIDER: Final = "aliyun"

NEVER_LEFT: Final = ("Max retries exceeded", "Cannot connect to host", "Connection timeout to host")
"""The request did not leave this machine: the SDK hides the type of the error, its text tells."""

_CONFIGURATION: Final = "Correct the account, its sign or its template in the provider's console."
_CREDENTIALS: Final = "Check the access key and the clock of this machine."
_MONEY: Final = "Top the account up or raise its limit; until then every text is refused."
_NUMBER: Final = "Use another number or channel for this person."
_OURS: Final = "Report it: the request is malformed."
_TEXT: Final = "Use a plainer text."
_LIMIT: Final = "This number has had too many texts; use another channel for this person."
_ELSEWHERE: Final = "Send from a host in mainland China."


@dataclass(frozen=True)
class Meaning:
    """What a refusal means: whether the same text may be sent again by itself, and what a person can do."""

    retryable: bool
    fix: str


_MEANINGS: Final[tuple[tuple[str, bool, str], ...]] = (
    ("SignatureNonceUsed", True, "Try again."),
    ("Throttling Throttling.User Throttling.Api", True, "Send more slowly."),
    ("isv.BUSINESS_LIMIT_CONTROL", False, _LIMIT),
    ("isv.DAY_LIMIT_CONTROL isv.MONTH_LIMIT_CONTROL isv.OUT_OF_SERVICE isv.AMOUNT_NOT_ENOUGH", False, _MONEY),
    ("isv.ACCOUNT_NOT_EXISTS isv.ACCOUNT_ABNORMAL isv.SECURITY_FROZEN_ACCOUNT", False, _CONFIGURATION),
    ("isv.PRODUCT_UN_SUBSCRIPT isv.PRODUCT_UNSUBSCRIBE isp.RAM_PERMISSION_DENY NoPermission Forbidden.RAM", False, _CONFIGURATION),
    ("isv.DENY_IP_RANGE", False, _ELSEWHERE),
    ("isv.SMS_SIGNATURE_ILLEGAL isv.SMS_SIGN_NAME_ILLEGAL isv.SMS_SIGN_ILLEGAL isv.SIGN_NAME_ILLEGAL", False, _CONFIGURATION),
    ("isv.SIGN_STATE_ILLEGAL isv.SMS_SIGNATURE_SCENE_ILLEGAL isv.SMS_TEMPLATE_ILLEGAL isv.EXTEND_CODE_ERROR", False, _CONFIGURATION),
    ("isv.SMS_TEST_NUMBER_LIMIT isv.SMS_TEST_SIGN_TEMPLATE_LIMIT isv.SMS_TEST_TEMPLATE_PARAMS_ILLEGAL", False, _CONFIGURATION),
    ("isv.TEMPLATE_MISSING_PARAMETERS isv.INVALID_JSON_PARAM isv.INVALID_PARAMETERS InvalidVersion InvalidAction.NotFound", False, _OURS),
    ("isv.TEMPLATE_PARAMS_ILLEGAL isv.PARAM_LENGTH_LIMIT isv.PARAM_NOT_SUPPORT_URL isv.SMS_CONTENT_ILLEGAL", False, _TEXT),
    ("isv.UNSUPPORTED_CONTENT isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE", False, _TEXT),
    ("isv.BLACK_KEY_CONTROL_LIMIT isv.CUSTOMER_REFUSED isv.MOBILE_NUMBER_ILLEGAL isv.MOBILE_COUNT_OVER_LIMIT", False, _NUMBER),
    ("isv.DOMESTIC_NUMBER_NOT_SUPPORTED", False, _NUMBER),
    ("SignatureDoesNotMatch InvalidAccessKeyId.NotFound InvalidAccessKeyId.Inactive InvalidTimeStamp.Expired", False, _CREDENTIALS),
)
MEANINGS: Final = {code: Meaning(retryable, fix) for codes, retryable, fix in _MEANINGS for code in codes.split()}
AMBIGUOUS: Final = frozenset({"isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR"})
"""The platform stumbled, perhaps after it took the text: look before repeating."""
_NO_CODE: Final = frozenset({"", "None"})
_UNREADABLE: Final = "The provider's answer is unreadable."
_UNKNOWN: Final = Meaning(False, "Look the code up in the provider's documentation; use another channel for now.")


def meaning_of(code: str) -> Meaning:
    """What a refusal's code means; one we do not know is not retried."""
    return MEANINGS.get(code, _UNKNOWN)


def redact(text: str) -> str:
    """A vendor's words without anything that could be a number, a reply code or a request's parameters."""
    bare = re.sub(r"\S*[?&]\S*=\S*", "<request>", text)
    return re.sub(r"\d[\d\s-]{2,}\d", "<digits>", bare)[:200]


def refused(code: str, message: str) -> SendResult:
    """The provider said no: nothing was sent, unless its own platform failed. What has no code is not the provider's answer."""
    if code in _NO_CODE:
        return _in_doubt("no-answer", _UNREADABLE)
    if code in AMBIGUOUS:
        return replace(_in_doubt(code, redact(message)), retryable=True)
    meaning = meaning_of(code)
    detail = " ".join(filter(None, [redact(message), meaning.fix]))
    return SendResult("rejected", PROVIDER, code=code, detail=detail, retryable=meaning.retryable, blocked_s=blocked_s(code, message))


def failed(error: Exception) -> SendResult:
    """What an exception means for the message that was being sent."""
    if isinstance(error, ImportError):
        return SendResult("rejected", PROVIDER, code="not-installed", detail="Install the extra: pip install 'dr-drill[aliyun]'.")
    status, code = getattr(error, "status_code", None), getattr(error, "code", None)
    if isinstance(status, int) and code:
        return _answered(status, str(code), retry_after_ms=getattr(error, "retry_after", None))
    said = f"{error} {getattr(error, 'inner_exception', '') or ''}"
    if any(words in said for words in NEVER_LEFT):
        return SendResult("rejected", PROVIDER, code="not-sent", detail="The provider cannot be reached.", retryable=True)
    silent = "timed out" in said or "Timeout" in said
    return _in_doubt("no-answer", "The provider did not answer in time." if silent else _UNREADABLE)


def _answered(status: int, code: str, *, retry_after_ms: float | None) -> SendResult:
    """An HTTP error. One that only slows us down is retryable; a 5xx may come after the gateway took the text."""
    result = refused(code, f"HTTP {status}.")
    if retry_after_ms is not None or code.startswith("Throttling"):
        return replace(result, state="rejected", retryable=True, retry_after_s=(retry_after_ms or 0) / 1000)
    return replace(_in_doubt(code, f"The provider answered HTTP {status}."), retryable=True) if status >= 500 else result


def _in_doubt(code: str, detail: str) -> SendResult:
    return SendResult("in_doubt", PROVIDER, code=code, detail=f"{detail} It may have been sent.")


Delivery = Literal["accepted", "delivered", "failed", "unknown"]


def delivery_of(details: Any) -> Delivery:
    """What one row of QuerySendDetails says. Domestic numbering: 1 waiting, 2 failed, 3 delivered."""
    status, code = str(getattr(details, "send_status", "")), getattr(details, "err_code", "") or ""
    if status == "3":
        return "delivered"
    if status == "2" and code != "REQUEST_SUCCESS":
        return "failed"
    return "accepted" if status in {"1", "2"} else "unknown"


def refusal_of(error: Exception) -> tuple[int, str, str]:
    """HTTP status (0: there was no answer), code and message of what the SDK raised; our own codes where the vendor gave none.

    These are `not-installed`, `no-credentials`, `not-sent` (it never left this machine) and `no-answer` (nobody knows).
    """
    if isinstance(error, ImportError):
        return 0, "not-installed", str(error)
    status, code = getattr(error, "status_code", None), getattr(error, "code", None)
    if isinstance(status, int) and code:
        return status, str(code), str(getattr(error, "message", ""))
    said = f"{error} {getattr(error, 'inner_exception', '') or ''}"
    if "redential" in type(error).__name__:
        return 0, "no-credentials", ""
    return 0, "not-sent" if any(words in said for words in NEVER_LEFT) else "no-answer", ""
