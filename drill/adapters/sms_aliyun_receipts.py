"""What Alibaba's receipts say: whether a text arrived, whether the same one may arrive later, and how long a number gets none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drill.adapters.sms_aliyun_errors import MEANINGS, delivery_of
from drill.adapters.sms_aliyun_limits import blocked_s
from drill.model.ports_people import Arrival, Setback

_DAY_S: Final = 86_400.0
_ROWS: Final[tuple[tuple[str, Setback], ...]] = (
    ("MOBILE_NOT_ON_SERVICE INVALID_NUMBER MOBILE_ACCOUNT_ABNORMAL MOBILE_IN_BLACK USER_REJECT SP_NOT_BY_INTER_SMS", Setback()),
    ("CONTENT_KEYWORD CONTENT_ERROR SIGNATURE_BLACKLIST PARAMS_ILLEGAL", Setback()),
    ("MOBILE_TERMINAL_ERROR MOBLLE_TERMINAL_ERROR", Setback(again=True)),
    ("EXPIRED NO_ROUTE SP_UNKNOWN_ERROR IS_CLOSE", Setback(again=True)),
    ("VALVE:M_MC", Setback(blocked_s=60.0)),
    ("VALVE:H_MC MOBILE_SEND_LIMIT", Setback(blocked_s=3600.0)),
    ("VALVE:D_MC", Setback(blocked_s=_DAY_S)),
)
SETBACKS: Final[Mapping[str, Setback]] = {code: setback for codes, setback in _ROWS for code in codes.split()}
"""`MOBLLE_TERMINAL_ERROR` is the vendor's own spelling, beside the right one. The window of MOBILE_SEND_LIMIT is not told: an hour."""
_PASSING: Final = Setback(again=True)
_BEST_FIRST: Final = ("delivered", "accepted", "failed")


def arrival_of(rows: list[Any]) -> Arrival:
    """What all the rows of one text say together: one that arrived counts more than a copy that did not."""
    states = [(delivery_of(row), str(getattr(row, "err_code", "") or "")) for row in rows]
    found = (Arrival(state, code) for wanted in _BEST_FIRST for state, code in states if state == wanted)
    return next(found, Arrival("unknown"))


def setback_of(code: str) -> Setback:
    """What a code of a receipt means. One that is not known passes; codes of refusals may stand there too."""
    if not code:
        return Setback()
    if code in MEANINGS:
        return Setback(again=MEANINGS[code].retryable, blocked_s=blocked_s(code, ""))
    return SETBACKS.get(code, _PASSING)
