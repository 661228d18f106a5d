"""The provider's receipt codes, one by one as its documentation lists them: what a drill does when a text did not arrive."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from drill.adapters.sms_aliyun_errors import MEANINGS
from drill.adapters.sms_aliyun_receipts import arrival_of, setback_of
from drill.model.ports_people import Arrival, Setback

FOR_GOOD = [
    "MOBILE_NOT_ON_SERVICE",
    "INVALID_NUMBER",
    "MOBILE_ACCOUNT_ABNORMAL",
    "MOBILE_IN_BLACK",
    "USER_REJECT",
    "CONTENT_KEYWORD",
    "CONTENT_ERROR",
    "SIGNATURE_BLACKLIST",
    "PARAMS_ILLEGAL",
    "SP_NOT_BY_INTER_SMS",
]
PASSING = ["MOBLLE_TERMINAL_ERROR", "MOBILE_TERMINAL_ERROR", "EXPIRED", "NO_ROUTE", "SP_UNKNOWN_ERROR", "IS_CLOSE", "SOMETHING_NEW"]
BLOCKED = {
    "VALVE:M_MC": 60.0,
    "VALVE:H_MC": 3600.0,
    "VALVE:D_MC": 86_400.0,
    "MOBILE_SEND_LIMIT": 3600.0,
    "isv.BUSINESS_LIMIT_CONTROL": 60.0,
}


@pytest.mark.parametrize("code", FOR_GOOD)
def test_a_number_or_text_that_is_refused_for_good_is_given_up(code: str) -> None:
    assert setback_of(code) == Setback()


@pytest.mark.parametrize("code", PASSING)
def test_what_passes_is_worth_one_late_try_also_when_we_do_not_know_it(code: str) -> None:
    assert setback_of(code) == Setback(again=True)


@pytest.mark.parametrize(("code", "seconds"), BLOCKED.items())
def test_a_number_that_had_too_many_rests_for_the_window_of_the_code(code: str, seconds: float) -> None:
    assert setback_of(code) == Setback(blocked_s=seconds)


@pytest.mark.parametrize("code", [code for code, meaning in MEANINGS.items() if not meaning.retryable])
def test_a_refusal_in_a_receipt_is_not_tried_again(code: str) -> None:
    assert not setback_of(code).again


def test_a_failure_without_a_code_says_nothing() -> None:
    assert setback_of("") == Setback()


def row(status: int, code: str = "") -> SimpleNamespace:
    return SimpleNamespace(send_status=status, err_code=code)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], Arrival("unknown")),
        ([row(1)], Arrival("accepted")),
        ([row(2, "EXPIRED")], Arrival("failed", "EXPIRED")),
        ([row(2, "EXPIRED"), row(3, "DELIVERED")], Arrival("delivered", "DELIVERED")),
        ([row(2, "REQUEST_SUCCESS")], Arrival("accepted", "REQUEST_SUCCESS")),
    ],
)
def test_the_best_of_a_texts_rows_counts(rows: list[SimpleNamespace], said: Arrival) -> None:
    assert arrival_of(rows) == said
