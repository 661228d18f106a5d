"""The provider's whole table of codes: what may be repeated, what is in doubt, what blocks a number, and what a person is told to do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from drill.adapters.sms_aliyun_errors import delivery_of, failed, refused
from drill.adapters.sms_aliyun_limits import Terms, way
from drill.model.ports import SendResult

RETRIED, REFUSED, DOUBT = ("rejected", True), ("rejected", False), ("in_doubt", True)

TABLE: list[tuple[str, int | None, tuple[str, bool], str]] = [
    *[(code, None, DOUBT, "may have been sent") for code in ("isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR")],
    *[(code, 400, RETRIED, "Send more slowly") for code in ("Throttling", "Throttling.User", "Throttling.Api")],
    ("Throttling.User", 429, RETRIED, "Send more slowly"),
    *[(code, 503, DOUBT, "may have been sent") for code in ("ServiceUnavailable", "InternalError")],
    ("isv.BUSINESS_LIMIT_CONTROL", None, REFUSED, "another channel"),
    *[(f"isv.{code}", None, REFUSED, "Top the account up") for code in ("DAY_LIMIT_CONTROL", "MONTH_LIMIT_CONTROL", "OUT_OF_SERVICE")],
    ("isv.AMOUNT_NOT_ENOUGH", None, REFUSED, "Top the account up"),
    *[(f"isv.{code}", None, REFUSED, "console") for code in ("ACCOUNT_NOT_EXISTS", "ACCOUNT_ABNORMAL", "SECURITY_FROZEN_ACCOUNT")],
    *[(f"isv.{code}", None, REFUSED, "console") for code in ("PRODUCT_UN_SUBSCRIPT", "PRODUCT_UNSUBSCRIBE")],
    ("isp.RAM_PERMISSION_DENY", None, REFUSED, "console"),
    *[(code, 403, REFUSED, "console") for code in ("NoPermission", "Forbidden.RAM")],
    ("isv.DENY_IP_RANGE", None, REFUSED, "host in mainland China"),
    *[(f"isv.{code}", None, REFUSED, "console") for code in ("SMS_SIGNATURE_ILLEGAL", "SMS_SIGN_NAME_ILLEGAL", "SMS_SIGN_ILLEGAL")],
    *[(f"isv.{code}", None, REFUSED, "console") for code in ("SIGN_NAME_ILLEGAL", "SIGN_STATE_ILLEGAL", "SMS_SIGNATURE_SCENE_ILLEGAL")],
    ("isv.SMS_TEMPLATE_ILLEGAL", None, REFUSED, "console"),
    ("isv.TEMPLATE_MISSING_PARAMETERS", None, REFUSED, "malformed"),
    *[
        (f"isv.{code}", None, REFUSED, "plainer text")
        for code in ("TEMPLATE_PARAMS_ILLEGAL", "PARAM_LENGTH_LIMIT", "PARAM_NOT_SUPPORT_URL")
    ],
    ("isv.BLACK_KEY_CONTROL_LIMIT", None, REFUSED, "another number"),
    *[(f"isv.{code}", None, REFUSED, "malformed") for code in ("INVALID_JSON_PARAM", "INVALID_PARAMETERS")],
    *[(f"isv.{code}", None, REFUSED, "another number") for code in ("MOBILE_NUMBER_ILLEGAL", "MOBILE_COUNT_OVER_LIMIT")],
    ("isv.DOMESTIC_NUMBER_NOT_SUPPORTED", None, REFUSED, "another number"),
    ("isv.EXTEND_CODE_ERROR", None, REFUSED, "console"),
    *[(f"isv.{code}", None, REFUSED, "plainer text") for code in ("SMS_CONTENT_ILLEGAL", "UNSUPPORTED_CONTENT")],
    ("isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE", None, REFUSED, "plainer text"),
    ("isv.CUSTOMER_REFUSED", None, REFUSED, "another number"),
    *[(f"isv.SMS_TEST_{code}", None, REFUSED, "console") for code in ("NUMBER_LIMIT", "SIGN_TEMPLATE_LIMIT", "TEMPLATE_PARAMS_ILLEGAL")],
    ("SignatureDoesNotMatch", 400, REFUSED, "access key"),
    *[(code, 404, REFUSED, "access key") for code in ("InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive")],
    ("InvalidTimeStamp.Expired", 400, REFUSED, "clock"),
    ("SignatureNonceUsed", 400, RETRIED, "Try again"),
    *[(code, 404, REFUSED, "malformed") for code in ("InvalidVersion", "InvalidAction.NotFound")],
    ("isv.SOMETHING_NEW", None, REFUSED, "documentation"),
]


class Answered(Exception):
    """An HTTP error as the SDK raises it."""

    def __init__(self, status: int, code: str, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.status_code, self.code, self.retry_after = status, code, retry_after


def judged(code: str, status: int | None) -> SendResult:
    return refused(code, "") if status is None else failed(Answered(status, code))


@pytest.mark.parametrize(("code", "status", "expected", "told"), TABLE)
def test_every_code_of_the_table_has_its_meaning(code: str, status: int | None, expected: tuple[str, bool], told: str) -> None:
    result = judged(code, status)

    assert (result.state, result.retryable) == expected
    assert told in result.detail
    assert result.code == code


def test_a_throttled_send_waits_as_long_as_the_provider_asks() -> None:
    assert failed(Answered(400, "Throttling.User", 1500)).retry_after_s == 1.5


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("触发分钟级流控Permits:1", 60.0),
        ("触发小时级流控Permits:5", 3600.0),
        ("触发天级流控Permits:10", 86_400.0),
        ("something else", 60.0),
    ],
)
def test_a_number_over_its_limit_is_blocked_for_the_window_the_provider_names(message: str, seconds: float) -> None:
    assert refused("isv.BUSINESS_LIMIT_CONTROL", message).blocked_s == seconds
    assert refused("isv.SMS_TEMPLATE_ILLEGAL", message).blocked_s == 0.0


LOST = """MOBILE_NOT_ON_SERVICE INVALID_NUMBER MOBILE_ACCOUNT_ABNORMAL MOBILE_IN_BLACK USER_REJECT MOBLLE_TERMINAL_ERROR
MOBILE_TERMINAL_ERROR MOBILE_SEND_LIMIT VALVE:M_MC VALVE:H_MC VALVE:D_MC CONTENT_KEYWORD CONTENT_ERROR SIGNATURE_BLACKLIST PARAMS_ILLEGAL
EXPIRED NO_ROUTE SP_UNKNOWN_ERROR IS_CLOSE SP_NOT_BY_INTER_SMS isv.CUSTOMER_REFUSED A_NEW_ONE"""


@pytest.mark.parametrize("code", LOST.split())
def test_every_receipt_of_a_failure_sends_the_text_another_way(code: str) -> None:
    assert delivery_of(SimpleNamespace(send_status=2, err_code=code)) == "failed"


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [(3, "DELIVERED", "delivered"), (1, "", "accepted"), (1, None, "accepted"), (2, "REQUEST_SUCCESS", "accepted"), (9, "", "unknown")],
)
def test_a_receipt_that_is_not_in_yet_is_waited_for(status: int, code: str | None, state: str) -> None:
    assert delivery_of(SimpleNamespace(send_status=status, err_code=code)) == state


def test_notifications_are_limited_by_sign_and_template_and_codes_by_sign() -> None:
    told = way("key", Terms(), sign="s", template="t")
    asked = way("key", Terms("code", 3.0), sign="s", template="t")

    assert [(limit.count, limit.window_s, limit.scope) for limit in told.limits] == [(50, 86_400.0, "s|t")]
    assert [(limit.count, limit.window_s) for limit in asked.limits] == [(1, 60.0), (5, 3600.0), (10, 86_400.0), (40, 86_400.0)]
    assert (told.per_second, asked.per_second) == (5000.0, 3.0)
    assert not way("key", Terms("exempt"), sign="s", template="t").limits
    assert "key" not in told.account
